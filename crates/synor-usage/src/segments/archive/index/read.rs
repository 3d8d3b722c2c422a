//! Reads an index block by block; nothing but the header stays in memory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::accounts::{AccountRange, accounts_in};
use super::header::Header;
use super::{
    BLOCK_BYTES, DIGEST_BYTES, DIGESTS_PER_BLOCK, HEADER_KEY, NO_ROW, ROOM, ROW_BYTES,
    ROWS_PER_BLOCK, check,
};
use crate::log::LogPosition;
use crate::segments::archive::ArchiveError;

/// A block whose check held.
pub(in super::super) type Block = [u8; BLOCK_BYTES];

/// An open index.
#[derive(Debug)]
pub(in super::super) struct Index {
    file: File,
    path: PathBuf,
    header: Header,
}

impl Index {
    /// Opens an index and reads its header.
    pub(in super::super) fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(ArchiveError::io(path, "opening it"))?;
        let block = read_block(&file, path, &HEADER_KEY, 0)?;
        let header = Header::read(&block)
            .ok_or_else(|| ArchiveError::damaged(path, "it is not an archive's index"))?;
        let length = file
            .metadata()
            .map_err(ArchiveError::io(path, "reading its length"))?
            .len();
        let block_bytes = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
        if Some(length) != header.blocks().checked_mul(block_bytes) {
            let reason = format!(
                "it has {length} bytes and should have {} blocks",
                header.blocks()
            );
            return Err(ArchiveError::damaged(path, reason));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            header,
        })
    }

    pub(in super::super) fn header(&self) -> &Header {
        &self.header
    }

    pub(in super::super) fn path(&self) -> &Path {
        &self.path
    }

    fn block(&self, number: u64) -> Result<Block, ArchiveError> {
        read_block(&self.file, &self.path, &self.header.parquet_digest, number)
    }

    /// Compares every block with its check.
    pub(in super::super) fn check(&self) -> Result<(), ArchiveError> {
        (1..self.header.blocks()).try_for_each(|number| self.block(number).map(drop))
    }

    /// Where the rows of an account are, by binary search over the blocks.
    pub(in super::super) fn account(
        &self,
        name: &str,
    ) -> Result<Option<AccountRange>, ArchiveError> {
        // The last block whose first name is not after this one is the only one that can have it.
        let (mut low, mut high) = (1, self.header.positions_start());
        let mut candidate = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let block = self.block(middle)?;
            let first = accounts_in(&block[..ROOM]).next();
            let (first, _) = first.ok_or_else(|| self.damaged("a block of accounts is empty"))?;
            if first <= name.as_bytes() {
                candidate = Some(block);
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(candidate.and_then(|block| {
            let mut accounts = accounts_in(&block[..ROOM]);
            let found = accounts.find(|(listed, _)| *listed == name.as_bytes());
            found.map(|(_, range)| range)
        }))
    }

    /// All accounts, in order of name.
    pub(in super::super) fn accounts(
        &self,
    ) -> impl Iterator<Item = Result<(String, AccountRange), ArchiveError>> {
        (1..self.header.positions_start()).flat_map(|number| {
            match self.block(number).and_then(|block| self.named(&block)) {
                Ok(accounts) => accounts.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        })
    }

    fn named(&self, block: &Block) -> Result<Vec<(String, AccountRange)>, ArchiveError> {
        let named = accounts_in(&block[..ROOM]).map(|(name, range)| {
            let name = String::from_utf8(name.to_vec());
            let name = name.map_err(|_| self.damaged("an account's name is not UTF-8"))?;
            Ok((name, range))
        });
        named.collect()
    }

    /// The row of a position, if it is one of the archive's.
    pub(in super::super) fn row_of(
        &self,
        position: LogPosition,
    ) -> Result<Option<u32>, ArchiveError> {
        let offset = position.checked_sub(self.header.first_position);
        let Some(offset) = offset.filter(|&offset| offset < self.header.positions) else {
            return Ok(None);
        };
        let (block, at) = place(offset, ROWS_PER_BLOCK);
        let block = self.block(self.header.positions_start() + block)?;
        let bytes = std::array::from_fn(|n| block[at * ROW_BYTES + n]);
        Ok(Some(u32::from_le_bytes(bytes)).filter(|&row| row != NO_ROW))
    }

    /// The block that holds the digest of part `part` of the Parquet file.
    pub(in super::super) fn parts_block(part: u64) -> u64 {
        place(part, DIGESTS_PER_BLOCK).0
    }

    /// A block of digests by its number among them.
    pub(in super::super) fn parts(&self, number: u64) -> Result<Block, ArchiveError> {
        self.block(self.header.parts_start().saturating_add(number))
    }

    /// The digest of a part, from the block that holds it.
    pub(in super::super) fn part_digest(block: &Block, part: u64) -> [u8; DIGEST_BYTES] {
        let (_, at) = place(part, DIGESTS_PER_BLOCK);
        std::array::from_fn(|n| block[at * DIGEST_BYTES + n])
    }

    fn damaged(&self, reason: &str) -> ArchiveError {
        ArchiveError::damaged(&self.path, reason)
    }
}

/// In which block an item is, and which of its items it is.
fn place(item: u64, per_block: usize) -> (u64, usize) {
    let per_block = u64::try_from(per_block).unwrap_or(u64::MAX);
    // A remainder of a small divisor fits.
    let at = usize::try_from(item % per_block).unwrap_or(0);
    (item / per_block, at)
}

fn read_block(
    file: &File,
    path: &Path,
    key: &[u8; 32],
    number: u64,
) -> Result<Block, ArchiveError> {
    let mut block = [0; BLOCK_BYTES];
    let size = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
    match file.read_exact_at(&mut block, number.saturating_mul(size)) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(ArchiveError::damaged(
                path,
                format!("it ends before block {number}"),
            ));
        }
        Err(error) => return Err(ArchiveError::io(path, "reading it")(error)),
    }
    if block[ROOM..] != check(key, number, &block[..ROOM]) {
        let reason = format!("block {number} differs from its check");
        return Err(ArchiveError::damaged(path, reason));
    }
    Ok(block)
}
