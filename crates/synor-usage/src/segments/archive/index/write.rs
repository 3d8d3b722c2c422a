//! Gathers the index while the rows go by, and writes it once the Parquet file is whole.

use std::io::{self, Write};

use super::accounts::{AccountBlocks, AccountRange};
use super::header::Header;
use super::{BLOCK_BYTES, DIGESTS_PER_BLOCK, HEADER_KEY, NO_ROW, ROOM, ROWS_PER_BLOCK, check};
use crate::log::LogPosition;
use crate::segments::archive::tree::Tree;
use crate::segments::row::RowRef;

/// The index of the rows so far.
#[derive(Default)]
pub(in super::super) struct IndexBuilder {
    done: AccountBlocks,
    name: String,
    range: Option<AccountRange>,
    positions: Vec<LogPosition>,
    time_last: i64,
    time_bounds: Option<(i64, i64)>,
}

impl IndexBuilder {
    /// Takes the next row, which must follow the last by account, time and position.
    pub(in super::super) fn push(&mut self, row: &RowRef<'_>) -> Result<(), String> {
        let number = u32::try_from(self.positions.len())
            .map_err(|_| "there are more than 2^32 of them".to_owned())?;
        match &mut self.range {
            Some(range) if self.name == row.account => {
                let last = (self.time_last, self.positions.last().copied().unwrap_or(0));
                if last >= (row.time_secs, row.position) {
                    return Err(out_of_order(row));
                }
                range.add(row);
            }
            _ => {
                if self.range.is_some() && self.name.as_str() >= row.account {
                    return Err(out_of_order(row));
                }
                self.end_account()?;
                self.name.clear();
                self.name.push_str(row.account);
                self.range = Some(AccountRange::starting(number, row));
            }
        }
        self.time_last = row.time_secs;
        self.positions.push(row.position);
        Ok(())
    }

    fn end_account(&mut self) -> Result<(), String> {
        let Some(range) = self.range.take() else {
            return Ok(());
        };
        let (min, max) = self.time_bounds.unwrap_or((range.time_min, range.time_max));
        self.time_bounds = Some((min.min(range.time_min), max.max(range.time_max)));
        let added = self.done.push(&self.name, &range);
        added.ok_or_else(|| format!("account `{}` has too long a name", self.name))
    }

    /// The row of each position from the first on.
    fn rows_by_position(&self, first: LogPosition) -> Result<Vec<u32>, String> {
        let last = self.positions.iter().max().copied().unwrap_or(first);
        let span = u32::try_from(last.saturating_sub(first)).ok();
        let span = span.and_then(|span| usize::try_from(span).ok());
        let span = span.ok_or_else(|| "their positions lie too far apart".to_owned())?;
        let mut rows = vec![NO_ROW; span.saturating_add(1)];
        for (row, position) in (0_u32..).zip(&self.positions) {
            let offset = usize::try_from(position.saturating_sub(first)).ok();
            match offset.and_then(|offset| rows.get_mut(offset)) {
                Some(place) if *place == NO_ROW => *place = row,
                _ => return Err(format!("position {position} is there twice")),
            }
        }
        Ok(rows)
    }

    /// Ends the list of rows and checks that no position is there twice.
    pub(in super::super) fn finish(mut self) -> Result<FinishedIndex, String> {
        self.end_account()?;
        let first = self.positions.iter().min().copied();
        let first_position = first.ok_or_else(|| "there are none".to_owned())?;
        let (time_min, time_max) = self.time_bounds.unwrap_or((0, 0));
        Ok(FinishedIndex {
            count: self.positions.len(),
            rows: self.rows_by_position(first_position)?,
            accounts: self.done,
            first_position,
            time_min,
            time_max,
        })
    }
}

fn out_of_order(row: &RowRef<'_>) -> String {
    format!(
        "position {} of account {} is out of order",
        row.position, row.account
    )
}

/// An index that lacks only the digests of the Parquet file.
pub(in super::super) struct FinishedIndex {
    count: usize,
    rows: Vec<u32>,
    accounts: AccountBlocks,
    first_position: LogPosition,
    time_min: i64,
    time_max: i64,
}

impl FinishedIndex {
    /// Writes the index of the Parquet file that `tree` is of.
    pub(in super::super) fn write(&self, tree: &Tree, out: &mut impl Write) -> io::Result<Header> {
        let count = |length: usize| u64::try_from(length).map_err(io::Error::other);
        let header = Header {
            rows: count(self.count)?,
            positions: count(self.rows.len())?,
            first_position: self.first_position,
            time_min: self.time_min,
            time_max: self.time_max,
            accounts: self.accounts.accounts,
            account_blocks: count(self.accounts.blocks.len())?,
            parquet_bytes: tree.length,
            parquet_digest: tree.digest,
        };
        write_block(out, &HEADER_KEY, 0, &header.bytes())?;
        let rows = self.rows.chunks(ROWS_PER_BLOCK).map(|rows| {
            let bytes = rows.iter().flat_map(|row| row.to_le_bytes());
            bytes.collect::<Vec<u8>>()
        });
        let parts = tree.leaves.chunks(DIGESTS_PER_BLOCK).map(<[_]>::concat);
        let blocks = self
            .accounts
            .blocks
            .iter()
            .cloned()
            .chain(rows)
            .chain(parts);
        for (number, content) in (1..).zip(blocks) {
            write_block(out, &tree.digest, number, &content)?;
        }
        Ok(header)
    }
}

fn write_block(
    out: &mut impl Write,
    key: &[u8; 32],
    number: u64,
    content: &[u8],
) -> io::Result<()> {
    let mut block = [0; BLOCK_BYTES];
    block[..content.len()].copy_from_slice(content);
    let check = check(key, number, &block[..ROOM]);
    block[ROOM..].copy_from_slice(&check);
    out.write_all(&block)
}
