//! An open archive: finds the events of an account, of a time, or at a position.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::error::ArchiveError;
use super::index::{AccountRange, Index};
use super::rows::Rows;
use super::verified::Files;
use super::write::{Written, index_path};
use crate::log::{LogPosition, LoggedEvent};

/// A sealed segment. It holds two open files and under a kilobyte; copies share them.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    files: Arc<Files>,
}

impl Archive {
    /// Opens a Parquet file that [`super::write()`] wrote, and its index.
    pub(crate) fn open(path: &Path) -> Result<Self, ArchiveError> {
        let parquet = File::open(path).map_err(ArchiveError::io(path, "opening it"))?;
        let index = Index::open(&index_path(path))?;
        let found = parquet
            .metadata()
            .map_err(ArchiveError::io(path, "reading its length"))?
            .len();
        let expected = index.header().parquet_bytes;
        if found != expected {
            let reason = format!("it has {found} bytes and should have {expected}");
            return Err(ArchiveError::damaged(path, reason));
        }
        Ok(Self {
            files: Arc::new(Files {
                parquet,
                path: path.to_owned(),
                index,
            }),
        })
    }

    /// How many events it holds.
    pub(crate) fn len(&self) -> u64 {
        self.files.index.header().rows
    }

    /// The least position.
    pub(crate) fn first_position(&self) -> LogPosition {
        self.files.index.header().first_position
    }

    /// The times of the earliest and the latest event, in seconds since 1970.
    pub(crate) fn time_bounds(&self) -> (i64, i64) {
        let header = self.files.index.header();
        (header.time_min, header.time_max)
    }

    /// Where an account's events are; none if it has none here.
    pub(crate) fn account_range(
        &self,
        account: &str,
    ) -> Result<Option<AccountRange>, ArchiveError> {
        self.files.index.account(account)
    }

    /// The accounts that have events here, in order of name, read block by block.
    pub(crate) fn accounts(
        &self,
    ) -> impl Iterator<Item = Result<(String, AccountRange), ArchiveError>> {
        self.files.index.accounts()
    }

    /// How many accounts have events here.
    pub(crate) fn account_count(&self) -> u64 {
        self.files.index.header().accounts
    }

    /// The events of an account from `from` until before `to` (seconds since 1970), in order of
    /// time and then position.
    pub(crate) fn rows(&self, account: &str, from: i64, to: i64) -> Result<Rows, ArchiveError> {
        match self.account_range(account)? {
            Some(range) if range.time_max >= from && range.time_min < to => {
                let first = u64::from(range.first_row);
                let end = first.saturating_add(u64::from(range.rows));
                let rows = Rows::range(&self.files, first..end)?;
                if range.time_min >= from && range.time_max < to {
                    return Ok(rows);
                }
                rows.within(from, to)
            }
            _ => Ok(Rows::none(&self.files)),
        }
    }

    /// The event at a position; none if the position belongs to another segment.
    pub(crate) fn event_at(
        &self,
        position: LogPosition,
    ) -> Result<Option<LoggedEvent>, ArchiveError> {
        let Some(row) = self.files.index.row_of(position)? else {
            return Ok(None);
        };
        let row = u64::from(row);
        let mut rows = Rows::range(&self.files, row..row.saturating_add(1))?;
        let found = rows.next_batch()?.and_then(|batch| batch.row(0));
        let found = found.filter(|found| found.position == position);
        let found = found.ok_or_else(|| {
            let reason = format!("position {position} is not in row {row}");
            ArchiveError::damaged(&self.files.path, reason)
        })?;
        let event = found.logged();
        event
            .map(Some)
            .map_err(|error| ArchiveError::damaged(&self.files.path, error.to_string()))
    }

    /// Everything, in stored order: by account, time and position.
    pub(crate) fn scan(&self) -> Result<Rows, ArchiveError> {
        Rows::range(&self.files, 0..self.len())
    }

    /// Reads both files whole and compares them with what was written.
    pub(crate) fn check(&self, written: &Written) -> Result<(), ArchiveError> {
        check_digest(&self.files.path, &written.parquet_digest)?;
        check_digest(self.files.index.path(), &written.index_digest)?;
        self.files.index.check()
    }
}

fn check_digest(path: &Path, expected: &[u8; 32]) -> Result<(), ArchiveError> {
    let failed = || ArchiveError::io(path, "reading it");
    let file = File::open(path).map_err(failed())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(failed())?;
    if hasher.finalize().as_bytes() != expected {
        return Err(ArchiveError::damaged(path, "it differs from its digest"));
    }
    Ok(())
}
