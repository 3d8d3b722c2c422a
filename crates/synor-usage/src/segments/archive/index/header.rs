//! The first block of an index: all that an open archive keeps in memory.

use crate::log::LogPosition;

use super::super::tree::LEAF_LEN;
use super::{DIGESTS_PER_BLOCK, ROWS_PER_BLOCK};

const MAGIC: [u8; 8] = *b"SYNORIX1";

/// What the index says about the archive and about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Header {
    /// Rows of the archive.
    pub(in super::super) rows: u64,
    /// The least position.
    pub(in super::super) first_position: LogPosition,
    /// Positions from the least to the greatest, those between that no row has included.
    pub(in super::super) positions: u64,
    /// The earliest time of an event, in seconds since 1970.
    pub(in super::super) time_min: i64,
    /// The latest.
    pub(in super::super) time_max: i64,
    /// Accounts that have events.
    pub(in super::super) accounts: u64,
    /// Blocks that list them.
    pub(in super::super) account_blocks: u64,
    /// Bytes of the Parquet file.
    pub(in super::super) parquet_bytes: u64,
    /// BLAKE3 of the Parquet file.
    pub(in super::super) parquet_digest: [u8; 32],
}

impl Header {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [
            self.rows,
            self.first_position,
            self.positions,
            self.time_min.cast_unsigned(),
            self.time_max.cast_unsigned(),
            self.accounts,
            self.account_blocks,
            self.parquet_bytes,
        ] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.parquet_digest);
        bytes
    }

    /// Reads what [`Header::bytes`] wrote; none if it is no header.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (numbers, rest) = rest.split_first_chunk::<64>()?;
        let digest = rest.first_chunk::<32>()?;
        let number = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&numbers[at * 8..at * 8 + 8]);
            u64::from_le_bytes(eight)
        };
        Some(Self {
            rows: number(0),
            first_position: number(1),
            positions: number(2),
            time_min: number(3).cast_signed(),
            time_max: number(4).cast_signed(),
            accounts: number(5),
            account_blocks: number(6),
            parquet_bytes: number(7),
            parquet_digest: *digest,
        })
    }

    /// The number of the first block of row numbers.
    pub(super) fn positions_start(&self) -> u64 {
        self.account_blocks.saturating_add(1)
    }

    /// The number of the first block of digests.
    pub(super) fn parts_start(&self) -> u64 {
        let blocks = blocks_of(self.positions, ROWS_PER_BLOCK);
        self.positions_start().saturating_add(blocks)
    }

    /// Parts of the Parquet file.
    pub(super) fn parts(&self) -> u64 {
        self.parquet_bytes.div_ceil(LEAF_LEN)
    }

    /// Blocks of the index.
    pub(super) fn blocks(&self) -> u64 {
        let blocks = blocks_of(self.parts(), DIGESTS_PER_BLOCK);
        self.parts_start().saturating_add(blocks)
    }
}

fn blocks_of(items: u64, per_block: usize) -> u64 {
    items.div_ceil(u64::try_from(per_block).unwrap_or(u64::MAX))
}
