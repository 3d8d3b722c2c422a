//! The tables, and how the file is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::StoreError;

/// How long a connection waits for another's lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Memory for the writer's pages, in KiB (negative is how SQLite tells KiB from pages): indexes are
/// hit at random, and a page that is not in memory costs a read.
const WRITER_CACHE_KIB: i64 = -32_768;
/// Pages written ahead before the writer itself moves them into the file, which makes everybody
/// wait; by then they have been moved beside it.
const CHECKPOINT_PAGES: i64 = 262_144;
/// Prepared statements that are kept.
const STATEMENTS: usize = 64;

/// The newest schema; each step leads from the one before.
const STEPS: &[&str] = &["
    CREATE TABLE documents (
        kind      TEXT NOT NULL,
        id        TEXT NOT NULL,
        account   TEXT,
        lookup    TEXT,
        sort_key  INTEGER NOT NULL,
        is_open   INTEGER NOT NULL,
        body      TEXT NOT NULL,
        digest    BLOB NOT NULL,            -- of all other columns
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX documents_lookup ON documents (kind, lookup) WHERE lookup IS NOT NULL;
    CREATE INDEX documents_of_account ON documents (kind, account, sort_key, id);
    CREATE INDEX documents_in_order ON documents (kind, sort_key, id);
    CREATE INDEX documents_open ON documents (kind, account, sort_key, id) WHERE is_open = 1;

    CREATE TABLE journal (
        sequence  INTEGER PRIMARY KEY,
        entry_id  TEXT NOT NULL UNIQUE,
        body      TEXT NOT NULL,
        chain     BLOB NOT NULL             -- of the chain before, sequence and body
    );
    CREATE TABLE balances (
        account             TEXT PRIMARY KEY,
        amount_micro_synor  INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE scopes (
        name     TEXT PRIMARY KEY,
        version  INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE commands (
        command   TEXT PRIMARY KEY,
        request   BLOB NOT NULL,            -- digest of what was asked
        reply     TEXT NOT NULL,
        at        INTEGER NOT NULL
    ) WITHOUT ROWID;
", "
    -- Documents lie in order of arrival. In order of their ids, which are random, each of a bill run
    -- touched a page of its own.
    DROP INDEX documents_lookup;
    DROP INDEX documents_of_account;
    DROP INDEX documents_in_order;
    DROP INDEX documents_open;
    ALTER TABLE documents RENAME TO documents_by_id;
    CREATE TABLE documents (
        kind      TEXT NOT NULL,
        id        TEXT NOT NULL,
        account   TEXT,
        lookup    TEXT,
        sort_key  INTEGER NOT NULL,
        is_open   INTEGER NOT NULL,
        body      TEXT NOT NULL,
        digest    BLOB NOT NULL,            -- of all other columns
        UNIQUE (kind, id)
    );
    INSERT INTO documents SELECT * FROM documents_by_id ORDER BY kind, sort_key, id;
    DROP TABLE documents_by_id;
    CREATE UNIQUE INDEX documents_lookup ON documents (kind, lookup) WHERE lookup IS NOT NULL;
    CREATE INDEX documents_of_account ON documents (kind, account, sort_key, id);
    CREATE INDEX documents_in_order ON documents (kind, sort_key, id);
    CREATE INDEX documents_open ON documents (kind, account, sort_key, id) WHERE is_open = 1;
", "
    -- What is open of all accounts, such as the holds that expire next.
    CREATE INDEX documents_open_in_order ON documents (kind, sort_key, id) WHERE is_open = 1;
    -- Commands lie in order of arrival, too: their names are random, and their rows are not small.
    ALTER TABLE commands RENAME TO commands_by_name;
    CREATE TABLE commands (
        command   TEXT NOT NULL UNIQUE,
        request   BLOB NOT NULL,            -- digest of what was asked
        reply     TEXT NOT NULL,
        at        INTEGER NOT NULL
    );
    INSERT INTO commands SELECT * FROM commands_by_name ORDER BY at, command;
    DROP TABLE commands_by_name;
", "
    CREATE TABLE leases (
        job       TEXT PRIMARY KEY,
        holder    TEXT NOT NULL,
        until_ms  INTEGER NOT NULL          -- Unix time
    ) WITHOUT ROWID;
"];

/// Makes a prepared statement keep its plan whatever is bound to it. By default SQLite plans some
/// statements again at each use, in case a better plan fits the value; ours have one good plan.
pub fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    let on = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    debug_assert!(on);
    Ok(())
}

/// Opens the file for writing and brings its schema up to date.
pub fn open(file: &Path) -> Result<Connection, StoreError> {
    let name = file.display().to_string();
    let database = |source: rusqlite::Error| StoreError::Database {
        database: name.clone(),
        source: source.into(),
    };
    let mut connection = Connection::open(file).map_err(database)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(database)?;
    keep_plans(&connection).map_err(database)?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(database)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(database)?;
    connection
        .pragma_update(None, "cache_size", WRITER_CACHE_KIB)
        .map_err(database)?;
    connection
        .pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
        .map_err(database)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(database)?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::NewerSchema {
            database: name.clone(),
            found,
            known,
        });
    }
    let done = usize::try_from(found).unwrap_or_default();
    for (step, sql) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction().map_err(database)?;
        transaction.execute_batch(sql).map_err(database)?;
        transaction
            .pragma_update(None, "user_version", step + 1)
            .map_err(database)?;
        transaction.commit().map_err(database)?;
    }
    Ok(connection)
}

/// Opens a file that has been opened before for what neither reads nor writes rows.
pub fn reopen(file: &Path) -> Result<Connection, StoreError> {
    let opened = Connection::open(file).and_then(|connection| {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        keep_plans(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(connection)
    });
    opened.map_err(|source| StoreError::Database {
        database: file.display().to_string(),
        source: source.into(),
    })
}
