//! Builds the lines of a partition anew, from the key files and from what is in none yet.

use std::sync::Arc;

use super::error::KeyFileError;
use super::fingerprints::{PARTITIONS, Purpose, RebuildNumber, lines_for};
use super::hash::IdentityHash;
use super::key_file::KeyFile;
use super::line::Lines;

/// A partition to be rebuilt, with all that it takes: may be sent to another thread.
pub struct RebuildJob {
    pub(super) partition: u8,
    pub(super) number: RebuildNumber,
    pub(super) purpose: Purpose,
    /// The files that were live when the job was given out.
    pub(super) files: Vec<Arc<KeyFile>>,
    /// The ids of the partition that were in none of them.
    pub(super) unsealed: Vec<IdentityHash>,
}

/// New lines of a partition.
pub struct RebuiltPartition {
    pub(super) partition: u8,
    pub(super) number: RebuildNumber,
    pub(super) lines: Lines,
}

impl RebuildJob {
    /// Builds the lines. Reads the partition's range of every key file once.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is damaged; the job is to be given up then.
    pub fn run(&self) -> Result<RebuiltPartition, KeyFileError> {
        let mut lines = Lines::new(lines_for(self.partition, self.expected_ids(), self.purpose));
        let (from, to) = IdentityHash::partition(self.partition);
        for file in &self.files {
            let mut entries = file.range(from, to);
            while let Some(entry) = entries.next_entry()? {
                lines.insert(entry.hash.spots());
            }
        }
        for hash in &self.unsealed {
            lines.insert(hash.spots());
        }
        Ok(RebuiltPartition {
            partition: self.partition,
            number: self.number,
            lines,
        })
    }

    /// Hashes are uniform, so every partition has its share, give or take a part in a thousand where
    /// it matters; should it be wrong, the partition grows again.
    fn expected_ids(&self) -> u64 {
        let sealed: u64 = self.files.iter().map(|file| file.count()).sum();
        (sealed / PARTITIONS as u64).saturating_add(self.unsealed.len() as u64)
    }
}
