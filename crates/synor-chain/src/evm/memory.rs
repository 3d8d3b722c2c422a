//! What was followed, in one SQLite file: the last blocks, every payment as it stands, and the feed
//! of what happened to them. It can be lost: everything is read from the chain again.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::B256;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use synor_economics::id::TxId;

use super::payments::SeenPayment;
use crate::{ChainError, Cursor, ObservedTransfer, Page, Soma, TransferStatus};

/// Raised with every change of the tables.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (number INTEGER PRIMARY KEY, hash TEXT NOT NULL);
CREATE TABLE payments (tx_id TEXT PRIMARY KEY, payer TEXT NOT NULL, payee TEXT NOT NULL,
    soma INTEGER NOT NULL, memo TEXT NOT NULL, height INTEGER, time INTEGER);
CREATE INDEX payments_in_block ON payments (height) WHERE height IS NOT NULL;
CREATE TABLE feed (seq INTEGER PRIMARY KEY AUTOINCREMENT, tx_id TEXT NOT NULL);
-- What was sent under our own key, one row for each thing to be done.
CREATE TABLE sends (key TEXT PRIMARY KEY, nonce INTEGER NOT NULL UNIQUE, payee TEXT NOT NULL,
    data BLOB NOT NULL, gas INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT, height INTEGER);
CREATE INDEX sends_open ON sends (nonce) WHERE state < 2;
-- Each time it was signed: again at the same nonce with a higher fee when it was stuck.
CREATE TABLE attempts (hash TEXT PRIMARY KEY, nonce INTEGER NOT NULL, max_fee TEXT NOT NULL,
    tip TEXT NOT NULL, raw BLOB NOT NULL, sent_at INTEGER NOT NULL);
CREATE INDEX attempts_of ON attempts (nonce, sent_at);
";

/// The feed of a file begins at its first second times this, so that a cursor of an older file, lost
/// or on another machine, is before everything in it.
const SEQ_PER_SEC: i64 = 1 << 20;

/// A block by its height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockId {
    pub number: u64,
    pub hash: B256,
}

/// What a range of blocks adds.
#[derive(Debug, Default)]
pub(super) struct Extension {
    /// Blocks to remember, ascending; the last one is the new last block.
    pub blocks: Vec<BlockId>,
    /// Payments with their blocks' times.
    pub payments: Vec<(SeenPayment, i64)>,
    /// Blocks below are forgotten, except the highest of them.
    pub forget_below: u64,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Memory {
    db: Mutex<Connection>,
}

impl Memory {
    /// Opens the file, or starts one. `Open` if it is of another chain, contract or version.
    pub(super) fn open(path: &Path, identity: &str) -> Result<Self, ChainError> {
        let failed = |reason: String| ChainError::Open {
            path: path.display().to_string(),
            reason,
        };
        let mut db = Connection::open(path).map_err(|error| failed(error.to_string()))?;
        let prepared = prepare(&mut db, identity).map_err(|error| failed(error.to_string()))?;
        match prepared {
            None => Ok(Self { db: Mutex::new(db) }),
            Some(other) => Err(failed(format!("it is of {other}, not of {identity}"))),
        }
    }

    /// Does something to the file that holds entirely or not at all.
    pub(super) fn within<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, ChainError> {
        let mut db = self.lock();
        let done = (|| {
            let tx = db.transaction()?;
            let done = work(&tx)?;
            tx.commit()?;
            Ok(done)
        })();
        done.map_err(|error: rusqlite::Error| ChainError::Storage {
            doing: doing.to_owned(),
            reason: error.to_string(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The blocks that are remembered, the last one first.
    pub(super) fn blocks(&self) -> Result<Vec<BlockId>, ChainError> {
        self.within("reading the last blocks", |tx| {
            let sql = "SELECT number, hash FROM blocks ORDER BY number DESC";
            let mut query = tx.prepare_cached(sql)?;
            query.query_map([], block_of)?.collect()
        })
    }

    /// The last block that was followed.
    pub(super) fn last_block(&self) -> Result<Option<BlockId>, ChainError> {
        self.within("reading the last block", |tx| {
            let sql = "SELECT number, hash FROM blocks ORDER BY number DESC LIMIT 1";
            tx.query_row(sql, [], block_of).optional()
        })
    }

    /// Takes in what a range of blocks adds.
    pub(super) fn extend(&self, with: &Extension) -> Result<(), ChainError> {
        self.within("taking in blocks", |tx| {
            for block in &with.blocks {
                let sql = "INSERT INTO blocks (number, hash) VALUES (?1, ?2)";
                tx.execute(sql, params![block.number, block.hash.to_string()])?;
            }
            for (payment, time) in &with.payments {
                include(tx, payment, *time)?;
            }
            let sql = "DELETE FROM blocks WHERE number < \
                       (SELECT max(number) FROM blocks WHERE number <= ?1)";
            tx.execute(sql, [with.forget_below])?;
            Ok(())
        })
    }

    /// Takes back every block above a height, and says how many payments went with them.
    pub(super) fn take_back_above(&self, height: u64) -> Result<usize, ChainError> {
        self.within("taking back blocks", |tx| {
            tx.execute("DELETE FROM blocks WHERE number > ?1", [height])?;
            let sql = "INSERT INTO feed (tx_id) SELECT tx_id FROM payments WHERE height > ?1 \
                       ORDER BY height, tx_id";
            tx.execute(sql, [height])?;
            let sql = "UPDATE payments SET height = NULL, time = NULL WHERE height > ?1";
            tx.execute(sql, [height])
        })
    }

    /// A payment as it stands.
    pub(super) fn payment(&self, id: &TxId) -> Result<Option<ObservedTransfer>, ChainError> {
        self.within("reading a payment", |tx| {
            let tip = tip(tx)?;
            let sql = format!("SELECT {PAYMENT} FROM payments p WHERE p.tx_id = ?1");
            tx.query_row(&sql, [id.as_str()], |row| transfer_of(row, tip))
                .optional()
        })
    }

    /// What happened to payments after a cursor.
    pub(super) fn feed(
        &self,
        after: Cursor,
        limit: usize,
    ) -> Result<Page<ObservedTransfer>, ChainError> {
        self.within("reading the feed", |tx| {
            let tip = tip(tx)?;
            // A cursor beyond the end is of another file, so nothing here was read yet.
            let last: u64 = tx.query_row("SELECT coalesce(max(seq), 0) FROM feed", [], |row| {
                row.get(0)
            })?;
            let mut next = after;
            let from = if after.0 > last && last > 0 {
                0
            } else {
                after.0
            };
            let sql = format!(
                "SELECT {PAYMENT}, f.seq FROM feed f JOIN payments p USING (tx_id) \
                 WHERE f.seq > ?1 ORDER BY f.seq LIMIT ?2"
            );
            let mut query = tx.prepare_cached(&sql)?;
            let mut rows = query.query(params![from, limit])?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                items.push(transfer_of(row, tip)?);
                next = Cursor(row.get(7)?);
            }
            Ok(Page { items, next })
        })
    }
}

/// Makes the tables in a new file; the identity of a file that is another's.
fn prepare(db: &mut Connection, identity: &str) -> rusqlite::Result<Option<String>> {
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    let tx = db.transaction()?;
    let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        tx.execute_batch(SCHEMA)?;
        tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        let sql = "INSERT INTO meta (key, value) VALUES ('identity', ?1)";
        tx.execute(sql, [identity])?;
        let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES ('feed', ?1)";
        tx.execute(sql, [first_seq()])?;
    } else if version != SCHEMA_VERSION {
        return Ok(Some(format!("version {version} of its tables")));
    }
    let sql = "SELECT value FROM meta WHERE key = 'identity'";
    let found: String = tx.query_row(sql, [], |row| row.get(0))?;
    tx.commit()?;
    Ok((found != identity).then_some(found))
}

fn first_seq() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let secs = since.map_or(0, |since| since.as_secs());
    i64::try_from(secs).unwrap_or(0).saturating_mul(SEQ_PER_SEC)
}

fn include(tx: &Transaction<'_>, payment: &SeenPayment, time: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO payments (tx_id, payer, payee, soma, memo, height, time) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (tx_id) DO UPDATE SET \
               payer = excluded.payer, payee = excluded.payee, soma = excluded.soma, \
               memo = excluded.memo, height = excluded.height, time = excluded.time";
    tx.prepare_cached(sql)?.execute(params![
        payment.tx_id.as_str(),
        payment.from.as_str(),
        payment.to.as_str(),
        payment.amount.soma(),
        payment.memo,
        payment.height,
        time
    ])?;
    let sql = "INSERT INTO feed (tx_id) VALUES (?1)";
    tx.execute(sql, [payment.tx_id.as_str()])?;
    Ok(())
}

const PAYMENT: &str = "p.tx_id, p.payer, p.payee, p.soma, p.memo, p.height, p.time";

fn tip(tx: &Transaction<'_>) -> rusqlite::Result<u64> {
    tx.query_row("SELECT coalesce(max(number), 0) FROM blocks", [], |row| {
        row.get(0)
    })
}

fn block_of(row: &Row<'_>) -> rusqlite::Result<BlockId> {
    Ok(BlockId {
        number: row.get(0)?,
        hash: text(row, 1)?,
    })
}

fn transfer_of(row: &Row<'_>, tip: u64) -> rusqlite::Result<ObservedTransfer> {
    let height: Option<u64> = row.get(5)?;
    let confirmations = height.map_or(0, |height| {
        tip.checked_sub(height)
            .map_or(0, |above| above.saturating_add(1))
    });
    let status = match height {
        Some(_) => TransferStatus::Included,
        None => TransferStatus::Retracted,
    };
    Ok(ObservedTransfer {
        tx_id: text(row, 0)?,
        from: text(row, 1)?,
        to: text(row, 2)?,
        amount: Soma::new(row.get(3)?),
        memo: row.get(4)?,
        height,
        confirmations,
        block_time: row.get(6)?,
        status,
    })
}

/// A column that holds something as its text.
pub(super) fn text<T: std::str::FromStr>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    text.parse()
        .map_err(|_| rusqlite::Error::InvalidColumnType(at, text, rusqlite::types::Type::Text))
}
