//! What was sent under the engine's key, written down before it leaves so that a crash neither
//! forgets nor doubles it.

use alloy_primitives::{Address, B256, Bytes};
use rusqlite::{OptionalExtension, Row, params};

use super::fees::Fees;
use super::memory::{Memory, text};
use crate::ChainError;

/// How something that was sent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendState {
    /// In no block.
    Waiting,
    /// In a block that a reorganization may still take.
    Included,
    /// In a block for good.
    Settled,
    /// Another transaction of the same key took its nonce: it never happens.
    Displaced,
}

/// Something to be done once, and its nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    /// What it is, such as `charge/inv_…`: sent once, however often it is asked for.
    pub key: String,
    pub nonce: u64,
    pub to: Address,
    pub data: Bytes,
    pub gas: u64,
    pub state: SendState,
    /// Why the contract refused it, in its block.
    pub reason: Option<String>,
    /// The block it is in.
    pub height: Option<u64>,
}

/// One signature of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub hash: B256,
    pub nonce: u64,
    pub fees: Fees,
    pub raw: Vec<u8>,
    /// When, in Unix seconds.
    pub sent_at: i64,
}

const SEND: &str = "SELECT key, nonce, payee, data, gas, state, reason, height FROM sends";

impl Memory {
    pub(super) fn find_send(&self, key: &str) -> Result<Option<Outgoing>, ChainError> {
        self.within("looking for what was sent", |tx| {
            let sql = format!("{SEND} WHERE key = ?1");
            tx.query_row(&sql, [key], send_of).optional()
        })
    }

    /// What is not settled yet, in order of the nonces.
    pub(super) fn open_sends(&self) -> Result<Vec<Outgoing>, ChainError> {
        self.within("reading what was sent", |tx| {
            let sql = format!("{SEND} WHERE state < 2 ORDER BY nonce");
            let mut query = tx.prepare_cached(&sql)?;
            query.query_map([], send_of)?.collect()
        })
    }

    /// The nonce after the last that was used, zero if none was.
    pub(super) fn next_send_nonce(&self) -> Result<u64, ChainError> {
        self.within("reading the last nonce", |tx| {
            let sql = "SELECT coalesce(max(nonce) + 1, 0) FROM sends";
            tx.query_row(sql, [], |row| row.get(0))
        })
    }

    /// The signatures of a nonce, the last one first.
    pub(super) fn attempts(&self, nonce: u64) -> Result<Vec<Attempt>, ChainError> {
        self.within("reading what was signed", |tx| {
            let sql = "SELECT hash, nonce, max_fee, tip, raw, sent_at FROM attempts \
                       WHERE nonce = ?1 ORDER BY sent_at DESC, rowid DESC";
            let mut query = tx.prepare_cached(sql)?;
            query.query_map([nonce], attempt_of)?.collect()
        })
    }

    /// Writes down what is about to be sent for the first time.
    pub(super) fn add_send(&self, send: &Outgoing, attempt: &Attempt) -> Result<(), ChainError> {
        self.within("writing down what is sent", |tx| {
            let sql = "INSERT INTO sends (key, nonce, payee, data, gas, state) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let state = state_number(send.state);
            let to = send.to.to_string();
            let data = send.data.as_ref();
            tx.execute(
                sql,
                params![send.key, send.nonce, to, data, send.gas, state],
            )?;
            insert_attempt(tx, attempt)
        })
    }

    /// Writes down one more signature.
    pub(super) fn add_attempt(&self, attempt: &Attempt) -> Result<(), ChainError> {
        self.within("writing down what is sent again", |tx| {
            insert_attempt(tx, attempt)
        })
    }

    /// Brings something to where it stands.
    pub(super) fn set_send(
        &self,
        key: &str,
        state: SendState,
        height: Option<u64>,
        reason: Option<&str>,
    ) -> Result<(), ChainError> {
        self.within("writing down what became of it", |tx| {
            let sql = "UPDATE sends SET state = ?2, height = ?3, reason = ?4 WHERE key = ?1";
            tx.execute(sql, params![key, state_number(state), height, reason])?;
            Ok(())
        })
    }
}

fn insert_attempt(tx: &rusqlite::Transaction<'_>, attempt: &Attempt) -> rusqlite::Result<()> {
    let sql = "INSERT INTO attempts (hash, nonce, max_fee, tip, raw, sent_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (hash) DO NOTHING";
    tx.execute(
        sql,
        params![
            attempt.hash.to_string(),
            attempt.nonce,
            attempt.fees.max.to_string(),
            attempt.fees.tip.to_string(),
            attempt.raw,
            attempt.sent_at
        ],
    )?;
    Ok(())
}

const fn state_number(state: SendState) -> i64 {
    match state {
        SendState::Waiting => 0,
        SendState::Included => 1,
        SendState::Settled => 2,
        SendState::Displaced => 3,
    }
}

fn send_of(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    let state: i64 = row.get(5)?;
    Ok(Outgoing {
        key: row.get(0)?,
        nonce: row.get(1)?,
        to: text(row, 2)?,
        data: Bytes::from(row.get::<_, Vec<u8>>(3)?),
        gas: row.get(4)?,
        state: match state {
            0 => SendState::Waiting,
            1 => SendState::Included,
            2 => SendState::Settled,
            _ => SendState::Displaced,
        },
        reason: row.get(6)?,
        height: row.get(7)?,
    })
}

fn attempt_of(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        hash: text(row, 0)?,
        nonce: row.get(1)?,
        fees: Fees {
            max: text(row, 2)?,
            tip: text(row, 3)?,
        },
        raw: row.get(4)?,
        sent_at: row.get(5)?,
    })
}
