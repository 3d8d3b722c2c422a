//! A file of ids, sorted by hash, that is written once and answers exactly.
//!
//! It is read with positioned reads and not mapped, so that the memory of the process stays what this
//! program asked for, and every block is checked every time it is read: a flipped bit is an error that
//! names the file and the block, never an answer.
//!
//! Hashes are uniform, so a file of many blocks could be searched by interpolation; but the rank of a
//! hash strays from its expectation by up to half the root of the number of entries, which is thirty
//! blocks in a file of 10^8. The index of the blocks' first hashes costs 0.024 bytes an id in memory
//! and makes a look-up one read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::block::{
    BLOCK_BYTES, BODY_BYTES, ENTRIES_PER_BLOCK, FORMAT, Header, HeaderFault, check_block,
};
use super::entry::{ENTRY_BYTES, KeyEntry, hash_of};
use super::error::KeyFileError;
use super::hash::IdentityHash;
use crate::log::LogPosition;

/// An open key file. Any number of threads may read it.
#[derive(Debug)]
pub struct KeyFile {
    file: File,
    path: PathBuf,
    header: Header,
    tag: u32,
    /// The prefix of the first hash of every block of entries.
    index: Box<[u32]>,
}

impl KeyFile {
    /// Opens a key file and reads its index.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is longer or shorter than it was written, or its header or index is not
    /// what was written.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let file = File::open(path).map_err(KeyFileError::io(path, "opening"))?;
        let length = file
            .metadata()
            .map_err(KeyFileError::io(path, "reading its length"))?
            .len();
        let header = read_header(&file, path)?;
        let opened = Self {
            tag: header.tag(),
            index: Box::default(),
            path: path.to_owned(),
            file,
            header,
        };
        if Some(length) != file_length(header) {
            return Err(opened.damaged(0, "the file is not as long as it was written"));
        }
        let index = opened.read_index()?;
        Ok(Self { index, ..opened })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many ids it holds.
    pub fn count(&self) -> u64 {
        self.header.count
    }

    /// The first position that it speaks for.
    pub fn first(&self) -> LogPosition {
        self.header.first
    }

    /// The last position that it speaks for.
    pub fn last(&self) -> LogPosition {
        self.header.last
    }

    /// What it holds in memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.index)
    }

    /// The entry of an identity. Reads one block; two for one hash in about 2^32 / blocks.
    ///
    /// # Errors
    ///
    /// If the block cannot be read or is not what was written.
    pub fn find(&self, hash: IdentityHash) -> Result<Option<KeyEntry>, KeyFileError> {
        let mut block = [0; BLOCK_BYTES];
        for number in self.blocks_of(hash, hash) {
            self.read_blocks(number, &mut block)?;
            let (entries, _) = block[..self.body_bytes(number)].as_chunks::<ENTRY_BYTES>();
            if let Ok(at) = entries.binary_search_by(|entry| hash_of(entry).cmp(&hash)) {
                return Ok(entries.get(at).map(KeyEntry::from_bytes));
            }
        }
        Ok(None)
    }

    /// The blocks that may hold hashes from `from` to `to`, by number in the file.
    pub(super) fn blocks_of(&self, from: IdentityHash, to: IdentityHash) -> std::ops::Range<u64> {
        // The block before the first that starts at the prefix may end with it.
        let before = self.index.partition_point(|&p| p < from.prefix());
        let after = self.index.partition_point(|&p| p <= to.prefix());
        // One more than in the index, whose first block is the second of the file.
        block_number(before.saturating_sub(1))..block_number(after)
    }

    /// Reads as many whole blocks as fit `blocks`, from block `first` on, and checks each.
    pub(super) fn read_blocks(&self, first: u64, blocks: &mut [u8]) -> Result<(), KeyFileError> {
        self.file
            .read_exact_at(blocks, first.saturating_mul(BLOCK_BYTES as u64))
            .map_err(KeyFileError::io(&self.path, "reading blocks"))?;
        let (blocks, _) = blocks.as_chunks::<BLOCK_BYTES>();
        for (number, block) in (first..).zip(blocks) {
            check_block(block, number, self.tag).map_err(|reason| self.damaged(number, reason))?;
        }
        Ok(())
    }

    /// How much of a block of entries is entries, in bytes. The last one may be part full.
    pub(super) fn body_bytes(&self, number: u64) -> usize {
        let before = number
            .saturating_sub(1)
            .saturating_mul(ENTRIES_PER_BLOCK as u64);
        let entries = self.header.count.saturating_sub(before);
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        entries.min(ENTRIES_PER_BLOCK) * ENTRY_BYTES
    }

    pub(super) fn damaged(&self, block: u64, reason: &'static str) -> KeyFileError {
        KeyFileError::damaged(&self.path, block, reason)
    }

    fn read_index(&self) -> Result<Box<[u32]>, KeyFileError> {
        let entry_blocks = usize::try_from(self.header.entry_blocks()).unwrap_or(usize::MAX);
        let mut index = Vec::with_capacity(entry_blocks);
        let mut block = [0; BLOCK_BYTES];
        let first = self.header.entry_blocks().saturating_add(1);
        for number in (first..).take(usize::try_from(self.header.index_blocks()).unwrap_or(0)) {
            self.read_blocks(number, &mut block)?;
            let (prefixes, _) = block[..BODY_BYTES].as_chunks::<4>();
            let wanted = entry_blocks - index.len();
            index.extend(prefixes.iter().take(wanted).map(|p| u32::from_le_bytes(*p)));
        }
        if !index.is_sorted() {
            return Err(self.damaged(first, "the index is not in order"));
        }
        Ok(index.into_boxed_slice())
    }
}

/// The number in the file of the block that is at `place` in the index.
fn block_number(place: usize) -> u64 {
    u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1)
}

/// How long a file with this header is; `None` if no file can be.
fn file_length(header: Header) -> Option<u64> {
    header
        .entry_blocks()
        .checked_add(header.index_blocks())?
        .checked_add(1)?
        .checked_mul(BLOCK_BYTES as u64)
}

fn read_header(file: &File, path: &Path) -> Result<Header, KeyFileError> {
    let mut block = [0; BLOCK_BYTES];
    match file.read_exact_at(&mut block, 0) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            let reason = "the file is shorter than a header";
            return Err(KeyFileError::damaged(path, 0, reason));
        }
        other => other.map_err(KeyFileError::io(path, "reading its header"))?,
    }
    Header::from_block(&block).map_err(|fault| match fault {
        HeaderFault::Damaged(reason) => KeyFileError::damaged(path, 0, reason),
        HeaderFault::Newer(found) => KeyFileError::NewerFormat {
            file: path.to_owned(),
            found,
            known: FORMAT,
        },
    })
}
