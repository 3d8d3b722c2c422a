//! The tables, and how a connection to them is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::Fault;
use crate::error::UsageLogError;

/// The format of the file, in `PRAGMA user_version`.
const FORMAT: i64 = 2;
/// What tells a usage log from any other SQLite file: "SynU".
const APPLICATION_ID: i64 = 0x5379_6e55;

/// How long to wait for another process that is writing to the same file.
const BUSY_MAX: Duration = Duration::from_secs(10);
/// Memory for pages, in KiB (negative is how SQLite tells KiB from pages): the index that finds
/// duplicates is hit at random, and a page that is not in memory costs a read.
const WRITER_CACHE_KIB: i64 = -65_536;
/// Pages written before they are moved into the file. More than the default of 1,000, because the
/// pages of the indexes are written again and again, and each move writes them once.
const CHECKPOINT_PAGES: i64 = 16_384;

/// An event takes one row and an entry in three indexes: one that finds duplicates, one that reads
/// an account in order of position, and one that answers summaries without touching the rows.
///
/// What repeats from event to event is kept once. A *meter* is what one account uses of one
/// resource from one provider under one set of dimensions: of a level, exactly the samples that
/// follow one another. Texts are compared byte by byte; a missing provider is the empty text,
/// because NULLs would not be unique.
const TABLES: &str = "
CREATE TABLE head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    position INTEGER NOT NULL,
    chain BLOB NOT NULL
) STRICT;
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE meters (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    resource TEXT NOT NULL,
    is_sample INTEGER NOT NULL,
    provider TEXT NOT NULL,
    dimensions TEXT NOT NULL,
    UNIQUE (account, resource, is_sample, provider, dimensions)
) STRICT;
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    source INTEGER NOT NULL,
    id TEXT NOT NULL,
    meter INTEGER NOT NULL,
    time INTEGER NOT NULL,
    quantity BLOB NOT NULL,
    correction INTEGER NOT NULL,
    digest BLOB NOT NULL,
    chain BLOB NOT NULL,
    UNIQUE (account, source, id)
) STRICT;
CREATE INDEX events_by_account ON events (account, position, time);
CREATE INDEX events_by_meter ON events (meter, time, quantity);
INSERT INTO head VALUES (1, 0, zeroblob(32));
";

/// What format 2 added: events that were taken back, and how far streams have been read. A
/// withdrawal has a position of its own, and repeats the account and the time of its event so that
/// late changes are found without reading events.
const TABLES_2: &str = "
CREATE TABLE withdrawals (
    event INTEGER PRIMARY KEY,
    position INTEGER NOT NULL UNIQUE,
    account INTEGER NOT NULL,
    time INTEGER NOT NULL,
    chain BLOB NOT NULL
) STRICT;
CREATE INDEX withdrawals_by_account ON withdrawals (account, position, time);
CREATE TABLE streams (
    stream TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (stream, partition)
) STRICT, WITHOUT ROWID;
";

/// Opens the file for writing and creates what is missing.
pub(super) fn open_writer(path: &Path, log: &str) -> Result<Connection, Fault> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_MAX)?;
    format_of(&connection, log)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL syncs the write-ahead file at every commit; where a plain sync leaves data in the drive's
    // cache, `fullfsync` asks for more. An acknowledged event must outlive the power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Two processes may create the file at once: the second one looks again under the lock.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = format_of(&tx, log)?;
    if found == 0 {
        tx.execute_batch(TABLES)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    if found < 2 {
        tx.execute_batch(TABLES_2)?;
    }
    if found != FORMAT {
        tx.pragma_update(None, "user_version", FORMAT)?;
    }
    tx.commit()?;
    Ok(connection)
}

/// Opens the file for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_MAX)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// What differs from the tables and indexes that there should be, one line each.
pub(super) fn differences(connection: &Connection) -> Result<Vec<String>, Fault> {
    let expected = Connection::open_in_memory()?;
    expected.execute_batch(TABLES)?;
    expected.execute_batch(TABLES_2)?;
    let (expected, found) = (definitions(&expected)?, definitions(connection)?);
    let missing = expected.iter().filter(|d| !found.contains(d));
    let surplus = found.iter().filter(|d| !expected.contains(d));
    Ok(missing
        .map(|(name, _)| format!("the definition of `{name}` is missing or altered"))
        .chain(surplus.map(|(name, _)| format!("`{name}` is not defined by this log")))
        .collect())
}

fn definitions(connection: &Connection) -> Result<Vec<(String, String)>, Fault> {
    let sql = "SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The format of the file, 0 if it is still empty. Refuses a file of another kind or of a later
/// format.
fn format_of(connection: &Connection, log: &str) -> Result<i64, Fault> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (kind, format) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (kind, format, tables) == (0, 0, 0) {
        return Ok(0);
    }
    if kind != APPLICATION_ID || format < 1 {
        let reason = "it is a SQLite file of another kind".to_owned();
        let log = log.to_owned();
        return Err(UsageLogError::NotALog { log, reason }.into());
    }
    if format > FORMAT {
        return Err(UsageLogError::NewerFormat {
            log: log.to_owned(),
            found: format,
            known: FORMAT,
        }
        .into());
    }
    Ok(format)
}
