//! The development chain's tables and the statements over them.

use rusqlite::{Connection, OptionalExtension, Row, params};
use synor_economics::id::{Address, TxId};

use super::rules::{Accounts, Bounds, GrantKey, Source};
use crate::{ChainError, SignedTransaction, Soma};

/// Raised with every change of the tables below.
pub(super) const SCHEMA_VERSION: i64 = 1;

pub(super) const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE balances (address TEXT PRIMARY KEY, soma INTEGER NOT NULL CHECK (soma > 0)) WITHOUT ROWID;
CREATE TABLE nonces (address TEXT PRIMARY KEY, next INTEGER NOT NULL CHECK (next > 0)) WITHOUT ROWID;
-- Text, because an allowance may exceed the signed 64 bits of an integer column.
CREATE TABLE grants (owner TEXT, spender TEXT, max_per_charge TEXT NOT NULL, remaining TEXT NOT NULL,
    PRIMARY KEY (owner, spender)) WITHOUT ROWID;
-- Only blocks that carry transactions.
CREATE TABLE blocks (height INTEGER PRIMARY KEY, hash TEXT NOT NULL, time INTEGER NOT NULL);
-- What a block's accounts were before it, for as long as it may be taken back.
CREATE TABLE undo (height INTEGER PRIMARY KEY, changes TEXT NOT NULL);
CREATE TABLE reorganizations (epoch INTEGER PRIMARY KEY, fork_height INTEGER NOT NULL);
CREATE TABLE transactions (tx_id TEXT PRIMARY KEY, arrival INTEGER NOT NULL UNIQUE, body TEXT NOT NULL,
    status INTEGER NOT NULL, reason TEXT, height INTEGER, position INTEGER);
CREATE INDEX transactions_pending ON transactions (arrival) WHERE status = 0;
CREATE INDEX transactions_in_block ON transactions (height, position) WHERE height IS NOT NULL;
CREATE TABLE feed (seq INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL, tx_id TEXT NOT NULL);
CREATE INDEX feed_by_address ON feed (address, seq);
";

/// The status column of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending = 0,
    Included = 1,
    Retracted = 2,
    Failed = 3,
}

/// A transaction's row.
#[derive(Debug)]
pub(super) struct TxRow {
    pub id: TxId,
    pub tx: SignedTransaction,
    pub status: Status,
    pub reason: Option<String>,
    pub height: Option<u64>,
    pub block_time: Option<i64>,
}

/// The columns of a [`TxRow`], to be followed by the rest of a query over `t`.
pub(super) const TX_ROW: &str = "SELECT t.tx_id, t.body, t.status, t.reason, t.height, \
     (SELECT time FROM blocks WHERE blocks.height = t.height)";

/// Names what was being done when something failed.
pub(super) trait Doing<T> {
    fn doing(self, doing: &str) -> Result<T, ChainError>;
}

impl<T, E: std::fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, doing: &str) -> Result<T, ChainError> {
        self.map_err(|error| ChainError::Storage {
            doing: doing.to_owned(),
            reason: error.to_string(),
        })
    }
}

/// For a column: SQLite's integers are signed.
pub(super) fn signed(value: u64) -> Result<i64, ChainError> {
    i64::try_from(value).doing("writing a number beyond 63 bits")
}

/// From a column that never holds negative numbers.
pub(super) fn unsigned(value: i64) -> Result<u64, ChainError> {
    u64::try_from(value).doing("reading a negative number")
}

pub(super) fn meta_integer(db: &Connection, key: &str) -> Result<Option<i64>, ChainError> {
    db.prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut s| s.query_row([key], |row| row.get(0)).optional())
        .doing("reading the chain's settings")
}

pub(super) fn meta_text(db: &Connection, key: &str) -> Result<Option<String>, ChainError> {
    db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
        row.get(0)
    })
    .optional()
    .doing("reading the chain's settings")
}

pub(super) fn set_meta(
    db: &Connection,
    key: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), ChainError> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")
        .and_then(|mut s| s.execute(params![key, value]))
        .doing("writing the chain's settings")
        .map(drop)
}

impl Source for Connection {
    fn balance(&self, address: &Address) -> Result<Soma, ChainError> {
        let soma: Option<i64> = self
            .prepare_cached("SELECT soma FROM balances WHERE address = ?1")
            .and_then(|mut s| s.query_row([address.as_str()], |row| row.get(0)).optional())
            .doing("reading a balance")?;
        soma.map_or(Ok(Soma::ZERO), |soma| unsigned(soma).map(Soma::new))
    }

    fn nonce(&self, address: &Address) -> Result<u64, ChainError> {
        let next: Option<i64> = self
            .prepare_cached("SELECT next FROM nonces WHERE address = ?1")
            .and_then(|mut s| s.query_row([address.as_str()], |row| row.get(0)).optional())
            .doing("reading a nonce")?;
        next.map_or(Ok(0), unsigned)
    }

    fn bounds(&self, (owner, spender): &GrantKey) -> Result<Option<Bounds>, ChainError> {
        let row: Option<(String, String)> = self
            .prepare_cached(
                "SELECT max_per_charge, remaining FROM grants WHERE owner = ?1 AND spender = ?2",
            )
            .and_then(|mut s| {
                let key = [owner.as_str(), spender.as_str()];
                s.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .doing("reading a grant")?;
        let Some((max_per_charge, remaining)) = row else {
            return Ok(None);
        };
        Ok(Some(Bounds {
            max_per_charge: Soma::new(max_per_charge.parse().doing("reading a grant")?),
            remaining: Soma::new(remaining.parse().doing("reading a grant")?),
        }))
    }
}

/// Writes a balance; an account without coins has no row, so that equal states are equal tables.
pub(super) fn put_balance(
    db: &Connection,
    address: &Address,
    balance: Soma,
) -> Result<(), ChainError> {
    let (address, soma) = (address.as_str(), signed(balance.soma())?);
    let written = if soma == 0 {
        db.prepare_cached("DELETE FROM balances WHERE address = ?1")
            .and_then(|mut s| s.execute([address]))
    } else {
        db.prepare_cached("INSERT OR REPLACE INTO balances VALUES (?1, ?2)")
            .and_then(|mut s| s.execute(params![address, soma]))
    };
    written.doing("writing a balance").map(drop)
}

pub(super) fn put_nonce(db: &Connection, address: &Address, next: u64) -> Result<(), ChainError> {
    let (address, next) = (address.as_str(), signed(next)?);
    let written = if next == 0 {
        db.prepare_cached("DELETE FROM nonces WHERE address = ?1")
            .and_then(|mut s| s.execute([address]))
    } else {
        db.prepare_cached("INSERT OR REPLACE INTO nonces VALUES (?1, ?2)")
            .and_then(|mut s| s.execute(params![address, next]))
    };
    written.doing("writing a nonce").map(drop)
}

pub(super) fn put_bounds(
    db: &Connection,
    (owner, spender): &GrantKey,
    bounds: Option<Bounds>,
) -> Result<(), ChainError> {
    let (owner, spender) = (owner.as_str(), spender.as_str());
    let written = match bounds {
        None => db
            .prepare_cached("DELETE FROM grants WHERE owner = ?1 AND spender = ?2")
            .and_then(|mut s| s.execute([owner, spender])),
        Some(Bounds {
            max_per_charge,
            remaining,
        }) => db
            .prepare_cached("INSERT OR REPLACE INTO grants VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut s| {
                let (max, left) = (max_per_charge.soma(), remaining.soma());
                s.execute([owner, spender, &max.to_string(), &left.to_string()])
            }),
    };
    written.doing("writing a grant").map(drop)
}

/// Writes what a block changed.
pub(super) fn put_accounts(db: &Connection, accounts: &Accounts) -> Result<(), ChainError> {
    for (address, balance) in accounts.balances.iter().filter(|(_, b)| b.before != b.now) {
        put_balance(db, address, balance.now)?;
    }
    for (address, nonce) in accounts.nonces.iter().filter(|(_, n)| n.before != n.now) {
        put_nonce(db, address, nonce.now)?;
    }
    for (key, bounds) in accounts.grants.iter().filter(|(_, g)| g.before != g.now) {
        put_bounds(db, key, bounds.now)?;
    }
    Ok(())
}

/// The transactions that a query finds; `rest` follows [`TX_ROW`].
pub(super) fn transactions(
    db: &Connection,
    rest: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<TxRow>, ChainError> {
    let mut statement = db
        .prepare_cached(&format!("{TX_ROW} {rest}"))
        .doing("reading transactions")?;
    let mut rows = statement.query(params).doing("reading transactions")?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().doing("reading transactions")? {
        found.push(tx_row(row)?);
    }
    Ok(found)
}

pub(super) fn transaction(db: &Connection, id: &TxId) -> Result<Option<TxRow>, ChainError> {
    let mut found = transactions(db, "FROM transactions t WHERE t.tx_id = ?1", [id.as_str()])?;
    Ok(found.pop())
}

fn tx_row(row: &Row<'_>) -> Result<TxRow, ChainError> {
    let text = |at: usize| row.get::<_, String>(at).doing("reading a transaction");
    let status: i64 = row.get(2).doing("reading a transaction")?;
    let height: Option<i64> = row.get(4).doing("reading a transaction")?;
    Ok(TxRow {
        id: text(0)?.parse().doing("reading a transaction's id")?,
        tx: serde_json::from_str(&text(1)?).doing("reading a transaction's body")?,
        status: match status {
            0 => Status::Pending,
            1 => Status::Included,
            2 => Status::Retracted,
            3 => Status::Failed,
            other => {
                let what = format!("a transaction has the status {other}");
                return Err(ChainError::Inconsistent { what });
            }
        },
        reason: row.get(3).doing("reading a transaction")?,
        height: height.map(unsigned).transpose()?,
        block_time: row.get(5).doing("reading a transaction")?,
    })
}

/// Puts a transaction into the mempool, last in the order of arrival.
pub(super) fn put_pending(
    db: &Connection,
    id: &TxId,
    tx: &SignedTransaction,
) -> Result<(), ChainError> {
    let body = serde_json::to_string(tx).doing("writing a transaction")?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO transactions (tx_id, arrival, body, status)
         SELECT ?1, coalesce(max(arrival), 0) + 1, ?2, 0 FROM transactions",
    )
    .and_then(|mut s| s.execute([id.as_str(), &body]))
    .doing("writing a transaction")
    .map(drop)
}

/// Moves a transaction to another status and, if it is in one, into a block.
pub(super) fn set_status(
    db: &Connection,
    id: &TxId,
    status: Status,
    reason: Option<&str>,
    place: Option<(u64, usize)>,
) -> Result<(), ChainError> {
    let (height, position) = match place {
        Some((height, position)) => {
            let position = i64::try_from(position).doing("writing a position")?;
            (Some(signed(height)?), Some(position))
        }
        None => (None, None),
    };
    db.prepare_cached(
        "UPDATE transactions SET status = ?2, reason = ?3, height = ?4, position = ?5
         WHERE tx_id = ?1",
    )
    .and_then(|mut s| {
        s.execute(params![
            id.as_str(),
            status as i64,
            reason,
            height,
            position
        ])
    })
    .doing("writing a transaction")
    .map(drop)
}

/// Adds to the feed that a transaction was included or taken back. Grants move nothing, so no feed
/// tells of them.
pub(super) fn announce(
    db: &Connection,
    id: &TxId,
    tx: &SignedTransaction,
) -> Result<(), ChainError> {
    if matches!(tx.payload, crate::Payload::Grant { .. }) {
        return Ok(());
    }
    db.prepare_cached("INSERT INTO feed (address, tx_id) VALUES (?1, ?2)")
        .and_then(|mut s| s.execute([tx.transfer().to.as_str(), id.as_str()]))
        .doing("writing the feed")
        .map(drop)
}
