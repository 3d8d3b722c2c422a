//! What the index says about one account, and how blocks hold it: a count, then for each account
//! the length of its name, the name, and five numbers.

use crate::log::LogPosition;

use super::ROOM;
use crate::segments::row::RowRef;

/// Bytes of the numbers of a record: two of 4 and four of 8.
const NUMBERS_BYTES: usize = 40;
/// Bytes of the count at the start of a block.
const COUNT_BYTES: usize = 2;

/// Where an account's events are, and between what they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccountRange {
    /// The first of its rows, which follow one another.
    pub(crate) first_row: u32,
    /// How many there are, at least one.
    pub(crate) rows: u32,
    /// The earliest time, in seconds since 1970.
    pub(crate) time_min: i64,
    /// The latest time.
    pub(crate) time_max: i64,
    /// The least position.
    pub(crate) position_min: LogPosition,
    /// The greatest position.
    pub(crate) position_max: LogPosition,
}

impl AccountRange {
    pub(super) fn starting(first_row: u32, row: &RowRef<'_>) -> Self {
        Self {
            first_row,
            rows: 1,
            time_min: row.time_secs,
            time_max: row.time_secs,
            position_min: row.position,
            position_max: row.position,
        }
    }

    pub(super) fn add(&mut self, row: &RowRef<'_>) {
        self.rows = self.rows.saturating_add(1);
        self.time_min = self.time_min.min(row.time_secs);
        self.time_max = self.time_max.max(row.time_secs);
        self.position_min = self.position_min.min(row.position);
        self.position_max = self.position_max.max(row.position);
    }

    fn bytes(&self) -> [u8; NUMBERS_BYTES] {
        let mut bytes = [0; NUMBERS_BYTES];
        bytes[0..4].copy_from_slice(&self.first_row.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.rows.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.time_min.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.time_max.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.position_min.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.position_max.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; NUMBERS_BYTES]) -> Self {
        let four = |at: usize| u32::from_le_bytes(std::array::from_fn(|n| bytes[at + n]));
        let eight = |at: usize| u64::from_le_bytes(std::array::from_fn(|n| bytes[at + n]));
        Self {
            first_row: four(0),
            rows: four(4),
            time_min: eight(8).cast_signed(),
            time_max: eight(16).cast_signed(),
            position_min: eight(24),
            position_max: eight(32),
        }
    }
}

/// Blocks of accounts while they are written.
#[derive(Default)]
pub(super) struct AccountBlocks {
    /// Each of at most [`ROOM`] bytes.
    pub(super) blocks: Vec<Vec<u8>>,
    pub(super) accounts: u64,
}

impl AccountBlocks {
    /// Adds an account, which must follow the last by name. None if the name is longer than 255.
    pub(super) fn push(&mut self, name: &str, range: &AccountRange) -> Option<()> {
        let length = u8::try_from(name.len()).ok()?;
        let needed = 1 + name.len() + NUMBERS_BYTES;
        let fits = |block: &Vec<u8>| block.len() + needed <= ROOM;
        if !self.blocks.last().is_some_and(fits) {
            self.blocks.push(vec![0; COUNT_BYTES]);
        }
        let block = self.blocks.last_mut()?;
        let count = u16::from_le_bytes([block[0], block[1]]).checked_add(1)?;
        block[..COUNT_BYTES].copy_from_slice(&count.to_le_bytes());
        block.push(length);
        block.extend_from_slice(name.as_bytes());
        block.extend_from_slice(&range.bytes());
        self.accounts = self.accounts.checked_add(1)?;
        Some(())
    }
}

/// The accounts of one block, in order; ends early on a block that is not one.
pub(super) fn accounts_in(content: &[u8]) -> impl Iterator<Item = (&[u8], AccountRange)> {
    let (count, mut rest) = match content.split_first_chunk::<COUNT_BYTES>() {
        Some((count, rest)) => (u16::from_le_bytes(*count), rest),
        None => (0, content),
    };
    (0..count).map_while(move |_| {
        let (&length, after) = rest.split_first()?;
        let (name, after) = after.split_at_checked(usize::from(length))?;
        let (numbers, after) = after.split_first_chunk::<NUMBERS_BYTES>()?;
        rest = after;
        Some((name, AccountRange::read(numbers)))
    })
}
