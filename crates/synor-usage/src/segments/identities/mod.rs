//! Every id that the log ever accepted, exactly, in under three bytes of memory each.
//!
//! An id is remembered in two places. **Key files** ([`KeyFile`]) have every sealed id on disk, sorted
//! by [`IdentityHash`], and answer exactly, with one read each. A table of **fingerprints** in memory
//! says of nearly every new id, from two cache lines, that no key file has it. So a new id costs a
//! cache miss that a batch overlaps with others, and only a repeated one costs a read.
//!
//! Two threads share the work. The writer owns [`Identities`], decides duplicates and adopts what is
//! ready. The background runs what the writer hands it as plain values:
//!
//! | job | made by | run in the background | taken over by |
//! |---|---|---|---|
//! | load or grow a partition | [`Identities::next_rebuild`] | [`RebuildJob::run`] | [`Identities::adopt_rebuilt`] |
//! | seal a segment | [`Identities::begin_segment`] | [`KeyFile::write`] | [`Identities::adopt_sealed`] |
//! | merge key files | [`Identities::next_merge`] | [`Merge::start`], `advance`, `finish` | [`Identities::adopt_merged`] |
//!
//! Which files are live is for the manifest of the log to say. A file has its name only when it is
//! whole, so a crash leaves files that no manifest names, which [`remove_leftovers`] deletes.
//!
//! After a restart no fingerprints are loaded: every id may be known then, and the key files decide,
//! exactly and more slowly, until the partitions were loaded in the background.

mod block;
mod entries;
mod entry;
mod error;
mod fingerprints;
mod hash;
mod key_file;
mod key_writer;
mod line;
mod merge;
mod plan;
mod prefetch;
mod rebuild;
mod unsealed;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use entries::Entries;
pub use entry::{ContentDigest, KeyEntry, POSITION_MAX};
pub use error::KeyFileError;
pub use hash::{AsItIs, IdentityHash, IdentityKey, IdentityMap};
pub use key_file::KeyFile;
pub use key_writer::{KEY_FILE_EXTENSION, KeyFileWriter, remove_leftovers};
pub use merge::{Merge, Merged};
pub use plan::plan_merge;
pub use prefetch::prefetch;
pub use rebuild::{RebuildJob, RebuiltPartition};

use crate::log::LogPosition;
use fingerprints::Fingerprints;
use unsealed::Unsealed;

/// The memory of identities, owned by the thread that decides duplicates.
///
/// For a batch: [`prefetch`](Self::prefetch) all ids, then [`probe`](Self::probe) each. "No" is
/// certain. After a "yes", look among the ids that are not sealed yet, which the caller holds, and then
/// ask [`find_sealed`](Self::find_sealed). What is new is told to [`insert`](Self::insert) at once, so
/// that a repetition in the same batch is seen, too.
#[derive(Debug)]
pub struct Identities {
    fingerprints: Fingerprints,
    unsealed: Unsealed,
    /// The live key files, oldest first.
    files: Vec<Arc<KeyFile>>,
}

impl Identities {
    /// The memory of a log whose live key files are `files`, oldest first. Ready at once; the
    /// fingerprints are loaded by the jobs of [`Identities::next_rebuild`].
    pub fn open(files: Vec<Arc<KeyFile>>) -> Self {
        Self {
            fingerprints: match files.iter().all(|file| file.count() == 0) {
                true => Fingerprints::empty(),
                false => Fingerprints::unloaded(),
            },
            unsealed: Unsealed::new(),
            files,
        }
    }

    /// Loads what [`Identities::probe`] will look at, without waiting for it.
    #[inline]
    pub fn prefetch(&self, hash: IdentityHash) {
        self.fingerprints.prefetch(hash.spots());
    }

    /// Whether the id may be known. Never no for an id that is.
    #[inline]
    pub fn probe(&self, hash: IdentityHash) -> bool {
        self.fingerprints.may_contain(hash.spots())
    }

    /// Remembers an id that was not known, as one of the active segment.
    #[inline]
    pub fn insert(&mut self, hash: IdentityHash) {
        let spots = hash.spots();
        self.unsealed.insert(hash, spots);
        self.fingerprints.insert(hash, spots);
    }

    /// The entry of a sealed id, newest files first: what is repeated is mostly repeated soon.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is damaged: then nobody knows whether the id is new.
    pub fn find_sealed(&self, hash: IdentityHash) -> Result<Option<KeyEntry>, KeyFileError> {
        for file in self.files.iter().rev() {
            if let Some(entry) = file.find(hash)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The active segment is full and goes to be sealed. Ids that are inserted from now on belong to
    /// the next one.
    pub fn begin_segment(&mut self) {
        self.unsealed.begin_segment();
    }

    /// Takes over the key file of the oldest segment that is full and not sealed. From now on
    /// [`Identities::find_sealed`] finds its ids, so the caller may forget them.
    pub fn adopt_sealed(&mut self, file: Arc<KeyFile>) {
        self.unsealed.seal_oldest();
        self.files.push(file);
    }

    /// The files to be merged next, if any; see [`plan_merge`]. The plan is the same until a file is
    /// adopted, so the caller keeps to one merge at a time.
    pub fn next_merge(&self) -> Option<Vec<Arc<KeyFile>>> {
        let counts: Vec<u64> = self.files.iter().map(|file| file.count()).collect();
        let window = plan_merge(&counts)?;
        self.files.get(window).map(<[_]>::to_vec)
    }

    /// Takes over the output of a merge in place of its inputs. Whether the inputs were live; if not,
    /// nothing changed.
    pub fn adopt_merged(&mut self, merged: &Merged) -> bool {
        let Some(first) = merged.inputs.first() else {
            return false;
        };
        let Some(at) = self.files.iter().position(|file| Arc::ptr_eq(file, first)) else {
            return false;
        };
        let window = at..at + merged.inputs.len();
        let are_live = self.files.get(window.clone()).is_some_and(|live| {
            live.iter()
                .zip(&merged.inputs)
                .all(|(live, input)| Arc::ptr_eq(live, input))
        });
        if are_live {
            self.files.splice(window, [Arc::clone(&merged.output)]);
        }
        are_live
    }

    /// Forgets the key files whose every position is before `oldest`, and gives them back to be deleted
    /// once the manifest names them no more. Single entries go with the next merge of their file; until
    /// then [`Identities::find_sealed`] still finds them, and the caller looks at the position.
    pub fn forget_before(&mut self, oldest: LogPosition) -> Vec<Arc<KeyFile>> {
        let is_old = |file: &mut Arc<KeyFile>| file.last() < oldest;
        self.files.extract_if(.., is_old).collect()
    }

    /// The next partition of fingerprints that is to be loaded or to grow, if any. There may be several
    /// jobs at a time; each ends with [`Identities::adopt_rebuilt`] or [`Identities::give_up_rebuild`].
    pub fn next_rebuild(&mut self) -> Option<RebuildJob> {
        let (partition, number, purpose) = self.fingerprints.begin_rebuild()?;
        Some(RebuildJob {
            partition,
            number,
            purpose,
            files: self.files.clone(),
            unsealed: self.unsealed.partition(partition),
        })
    }

    /// Takes over a partition that was rebuilt. Whether it was awaited.
    pub fn adopt_rebuilt(&mut self, rebuilt: RebuiltPartition) -> bool {
        self.fingerprints
            .adopt(rebuilt.partition, rebuilt.number, rebuilt.lines)
    }

    /// Gives up a job that failed. Its partition goes on as it is, exact and ever slower, and is due
    /// again: the caller should wait before it asks for the next.
    pub fn give_up_rebuild(&mut self, job: &RebuildJob) {
        self.fingerprints.give_up(job.partition, job.number);
    }

    /// The live key files, oldest first: what the manifest names.
    pub fn files(&self) -> &[Arc<KeyFile>] {
        &self.files
    }

    /// How the memory is doing, for whoever watches the log.
    pub fn health(&self) -> IdentitiesHealth {
        IdentitiesHealth {
            sealed: self.files.iter().map(|file| file.count()).sum(),
            memory_bytes: self.memory_bytes(),
            partitions_not_loaded: self.fingerprints.not_loaded(),
            partitions_due: self.fingerprints.due(),
            turned_away: self.fingerprints.turned_away(),
        }
    }

    /// What all of it holds in memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let index: usize = self.files.iter().map(|file| file.memory_bytes()).sum();
        index + self.fingerprints.memory_bytes() + self.unsealed.memory_bytes()
    }
}

/// How the memory of identities is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentitiesHealth {
    /// Ids in key files.
    pub sealed: u64,
    /// What all of it holds in memory.
    pub memory_bytes: usize,
    /// Partitions whose ids all have to be looked up, because they were not loaded since the start.
    pub partitions_not_loaded: usize,
    /// Partitions that wait to be loaded or to grow.
    pub partitions_due: usize,
    /// Ids that found no place in their lines. More than a few say that partitions grow too slowly.
    pub turned_away: u64,
}
