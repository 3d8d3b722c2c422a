//! Makes one key file of several, a piece at a time, in memory that does not depend on their size.

use std::path::Path;
use std::sync::Arc;

use super::entries::Entries;
use super::entry::KeyEntry;
use super::error::KeyFileError;
use super::hash::IdentityHash;
use super::key_file::KeyFile;
use super::key_writer::KeyFileWriter;
use crate::log::LogPosition;

/// A merge that is under way. Goes on in pieces, so that the thread that runs it can do what is more
/// urgent in between.
pub struct Merge<Keep> {
    inputs: Vec<Arc<KeyFile>>,
    /// The next entry of every input that has one.
    heads: Vec<KeyEntry>,
    /// What follows each head.
    rest: Vec<Entries>,
    keep: Keep,
    output: KeyFileWriter,
}

/// A finished merge.
pub struct Merged {
    /// What was merged, oldest first: to be deleted once the manifest names the output instead.
    pub inputs: Vec<Arc<KeyFile>>,
    /// What holds the entries of all inputs now.
    pub output: Arc<KeyFile>,
}

impl<Keep: FnMut(LogPosition) -> bool> Merge<Keep> {
    /// Starts to merge `inputs`, neighbours and oldest first, into the new file `path`. Entries whose
    /// position `keep` refuses are dropped: those that are older than the log remembers.
    ///
    /// # Errors
    ///
    /// If an input cannot be read or the output cannot be created.
    pub fn start(inputs: Vec<Arc<KeyFile>>, path: &Path, keep: Keep) -> Result<Self, KeyFileError> {
        let first = inputs.iter().map(|file| file.first()).min().unwrap_or(0);
        let last = inputs.iter().map(|file| file.last()).max().unwrap_or(0);
        let mut merge = Self {
            heads: Vec::with_capacity(inputs.len()),
            rest: Vec::with_capacity(inputs.len()),
            output: KeyFileWriter::create(path, first..=last)?,
            keep,
            inputs,
        };
        for file in &merge.inputs {
            let mut entries = file.entries();
            if let Some(head) = entries.next_entry()? {
                merge.heads.push(head);
                merge.rest.push(entries);
            }
        }
        Ok(merge)
    }

    /// Goes on for `entries` entries. Whether there are more.
    ///
    /// # Errors
    ///
    /// If an input is damaged, two inputs hold the same id, or the disk fails. The merge is void then.
    pub fn advance(&mut self, entries: u64) -> Result<bool, KeyFileError> {
        for _ in 0..entries {
            let Some(least) = least(&self.heads) else {
                return Ok(false);
            };
            let entry = match self.rest[least].next_entry()? {
                Some(next) => std::mem::replace(&mut self.heads[least], next),
                None => {
                    self.rest.swap_remove(least);
                    self.heads.swap_remove(least)
                }
            };
            if (self.keep)(entry.position) {
                self.output.push(&entry)?;
            }
        }
        Ok(!self.heads.is_empty())
    }

    /// Does what is left, and waits until the output is on the disk.
    ///
    /// # Errors
    ///
    /// As [`Merge::advance`].
    pub fn finish(mut self) -> Result<Merged, KeyFileError> {
        while self.advance(u64::MAX)? {}
        Ok(Merged {
            inputs: self.inputs,
            output: Arc::new(self.output.finish()?),
        })
    }
}

/// Which head is the least. There are few, and a scan of few is faster than a heap.
fn least(heads: &[KeyEntry]) -> Option<usize> {
    let mut least: Option<(usize, IdentityHash)> = None;
    for (at, head) in heads.iter().enumerate() {
        if least.is_none_or(|(_, hash)| head.hash < hash) {
            least = Some((at, head.hash));
        }
    }
    least.map(|(at, _)| at)
}
