//! A SQLite file as it is at one moment, while others write to it.

use std::fs::File;
use std::path::Path;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::schema::BUSY_TIMEOUT;
use crate::error::StoreError;

/// Every page, in one read transaction: what is committed meanwhile is not in the copy.
const ALL_PAGES: std::ffi::c_int = -1;

/// Copies a SQLite file page by page into a new one, durably. Everything that was committed before
/// this was called is in the copy, and nothing of a commit by halves. Writers go on meanwhile.
///
/// # Errors
/// If the file is not there or cannot be read, or the copy cannot be written.
pub fn snapshot_sqlite(from: &Path, to: &Path) -> Result<(), StoreError> {
    let database = |source: rusqlite::Error| StoreError::Database {
        database: from.display().to_string(),
        source: source.into(),
    };
    copy(from, to).map_err(database)?;
    let synced = File::open(to).and_then(|file| file.sync_all());
    synced.map_err(|source| StoreError::Database {
        database: to.display().to_string(),
        source: source.into(),
    })
}

fn copy(from: &Path, to: &Path) -> rusqlite::Result<()> {
    // Not read-only: who reads a write-ahead file takes part in its locks.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(BUSY_TIMEOUT)?;
    let mut copy = Connection::open(to)?;
    let backup = Backup::new(&source, &mut copy)?;
    let done = backup.step(ALL_PAGES)?;
    drop(backup);
    match done {
        rusqlite::backup::StepResult::Done => copy.close().map_err(|(_, error)| error),
        _ => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("the file is locked".to_owned()),
        )),
    }
}
