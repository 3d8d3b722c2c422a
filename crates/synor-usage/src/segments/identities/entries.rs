//! Walks through a key file in the order of the hashes, with a buffer of known size.

use std::sync::Arc;

use super::block::BLOCK_BYTES;
use super::entry::{ENTRY_BYTES, KeyEntry};
use super::error::KeyFileError;
use super::hash::IdentityHash;
use super::key_file::KeyFile;

/// How much is read at once: enough that the disk is busy with reading and not with being asked.
const READ_BLOCKS: usize = 64;

/// The entries of a range of hashes, in order. After an error there are no more.
pub struct Entries {
    file: Arc<KeyFile>,
    from: IdentityHash,
    to: IdentityHash,
    /// The blocks that were not read yet.
    blocks: std::ops::Range<u64>,
    buffer: Vec<u8>,
    /// The number of the block in the buffer that is being walked through, and what is left of it.
    block: u64,
    left: std::ops::Range<usize>,
    previous: Option<IdentityHash>,
}

impl KeyFile {
    /// The entries from hash `from` to hash `to`, both included, in order.
    pub fn range(self: &Arc<Self>, from: IdentityHash, to: IdentityHash) -> Entries {
        Entries {
            file: Arc::clone(self),
            from,
            to,
            blocks: self.blocks_of(from, to),
            buffer: Vec::new(),
            block: 0,
            left: 0..0,
            previous: None,
        }
    }

    /// Every entry, in the order of the hashes.
    pub fn entries(self: &Arc<Self>) -> Entries {
        self.range(IdentityHash::MIN, IdentityHash::MAX)
    }
}

impl Entries {
    /// The next entry, or `None` after the last.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not what was written.
    pub fn next_entry(&mut self) -> Result<Option<KeyEntry>, KeyFileError> {
        loop {
            if self.left.is_empty() && !self.next_block()? {
                return Ok(None);
            }
            let at = self.left.start;
            self.left.start += ENTRY_BYTES;
            let Some(bytes) = self.buffer.get(at..).and_then(<[u8]>::first_chunk) else {
                return Ok(None);
            };
            let entry = KeyEntry::from_bytes(bytes);
            // The checksum says that this is what was written; this, that the right thing was.
            if self.previous.is_some_and(|previous| entry.hash <= previous) {
                self.end();
                return Err(self.file.damaged(self.block, "the ids are not in order"));
            }
            self.previous = Some(entry.hash);
            if entry.hash > self.to {
                self.end();
                return Ok(None);
            }
            if entry.hash >= self.from {
                return Ok(Some(entry));
            }
        }
    }

    /// Goes to the next block, and whether there is one.
    fn next_block(&mut self) -> Result<bool, KeyFileError> {
        let next = self.left.end.next_multiple_of(BLOCK_BYTES);
        let start = if next < self.buffer.len() {
            self.block += 1;
            next
        } else if self.read()? {
            0
        } else {
            return Ok(false);
        };
        self.left = start..start + self.file.body_bytes(self.block);
        Ok(true)
    }

    /// Reads the next blocks into the buffer, and whether there were any.
    fn read(&mut self) -> Result<bool, KeyFileError> {
        let first = self.blocks.start;
        let ahead = usize::try_from(self.blocks.end.saturating_sub(first)).unwrap_or(usize::MAX);
        let count = ahead.min(READ_BLOCKS);
        if count == 0 {
            return Ok(false);
        }
        self.buffer.resize(count * BLOCK_BYTES, 0);
        if let Err(error) = self.file.read_blocks(first, &mut self.buffer) {
            self.end();
            return Err(error);
        }
        self.block = first;
        self.blocks.start += count as u64;
        Ok(true)
    }

    /// Nothing follows.
    fn end(&mut self) {
        self.blocks = 0..0;
        self.buffer.clear();
        self.left = 0..0;
    }
}

impl Iterator for Entries {
    type Item = Result<KeyEntry, KeyFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}
