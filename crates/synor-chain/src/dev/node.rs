//! The development chain's single writer: it owns the database, takes transactions in and makes
//! blocks.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use synor_economics::id::{Address, TxId};

use super::draft::Draft;
use super::rules::{Accounts, Bounds, GrantKey};
use super::tables::{self, Doing, Status, TxRow, signed, unsigned};
use super::{DevChainConfig, REORGANIZATION_MAX_BLOCKS};
use crate::{
    ChainError, Cursor, ObservedTransfer, Page, SignedTransaction, Soma, TransferStatus, Wallet,
};

/// How often the tip is stored while blocks are empty.
const TIP_STORED_EVERY: Duration = Duration::from_secs(1);

/// Long enough for a predecessor that is just closing the file.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// The last block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tip {
    pub height: u64,
    pub time: i64,
}

pub(super) struct Node {
    pub db: Connection,
    pub config: DevChainConfig,
    pub tip: Tip,
    pub draft: Draft,
    faucet: Wallet,
    tip_stored: Instant,
    // Dropped last, when the file is closed; a chain in memory has none.
    _lock: Option<File>,
}

/// What SQLite calls a file that lies in memory.
const IN_MEMORY: &str = ":memory:";

/// What a block's accounts were before it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Undo {
    pub balances: Vec<(Address, Soma)>,
    pub nonces: Vec<(Address, u64)>,
    pub grants: Vec<(GrantKey, Option<Bounds>)>,
}

/// Makes this process the only one that makes blocks in a file: two would fork the chain. Others may
/// still read it, to copy it for example.
fn lock(path: &Path) -> io::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let mut options = File::options();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(&beside)?;
    let deadline = Instant::now() + CLOSES_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(LOOKS_EVERY);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another process makes its blocks"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

impl Node {
    /// Opens the chain in a file, or starts it there with a genesis that gives everything to the
    /// faucet.
    pub fn open(path: &Path, config: DevChainConfig) -> Result<Self, ChainError> {
        let refused = |reason: String| ChainError::Open {
            path: path.display().to_string(),
            reason,
        };
        let faucet = Wallet::development(&config.chain_id, "faucet");
        let lock = match path == Path::new(IN_MEMORY) {
            true => None,
            false => Some(lock(path).map_err(|error| refused(error.to_string()))?),
        };
        let db = Connection::open(path).map_err(|error| refused(error.to_string()))?;
        db.busy_timeout(CLOSES_WITHIN)
            .map_err(|error| refused(error.to_string()))?;
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            .map_err(|error| refused(error.to_string()))?;
        db.set_prepared_statement_cache_capacity(64);

        let version: i64 = db
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|error| refused(error.to_string()))?;
        match version {
            0 => found_chain(&db, &config, faucet.address())?,
            tables::SCHEMA_VERSION => {}
            other => return Err(refused(format!("it has the unknown version {other}"))),
        }
        let found = tables::meta_text(&db, "chain_id")?.unwrap_or_default();
        if found != config.chain_id {
            return Err(refused(format!(
                "it holds chain `{found}`, not `{}`",
                config.chain_id
            )));
        }
        let stored = |key| {
            tables::meta_integer(&db, key)?
                .ok_or_else(|| refused(format!("it does not say its {key}")))
        };
        let tip = Tip {
            height: unsigned(stored("tip_height")?)?,
            time: stored("tip_time")?,
        };
        check_supply(&db)?;
        let mut node = Self {
            db,
            config,
            tip,
            draft: Draft::default(),
            faucet,
            tip_stored: Instant::now(),
            _lock: lock,
        };
        node.redraft()?;
        Ok(node)
    }

    /// Makes the draft anew from the mempool and the state at the tip.
    pub fn redraft(&mut self) -> Result<(), ChainError> {
        self.draft = Draft::default();
        let pending = "FROM transactions t WHERE t.status = 0 ORDER BY t.arrival";
        for row in tables::transactions(&self.db, pending, [])? {
            self.draft.readmit(row.id, row.tx, &self.db)?;
        }
        Ok(())
    }

    /// Takes in transactions that were checked, all with one sync to the disk. Each is refused or
    /// accepted on its own; if the database fails, none is accepted.
    pub fn submit(&mut self, batch: &[SignedTransaction]) -> Vec<Result<TxId, ChainError>> {
        match self.try_submit(batch) {
            Ok(results) => results,
            Err(error) => {
                // What was rolled back must leave the draft too.
                let error = self.redraft().err().unwrap_or(error);
                batch.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    fn try_submit(
        &mut self,
        batch: &[SignedTransaction],
    ) -> Result<Vec<Result<TxId, ChainError>>, ChainError> {
        let commit = self.db.unchecked_transaction().doing("starting to write")?;
        let mut results = Vec::with_capacity(batch.len());
        for tx in batch {
            let id = tx.tx_id();
            let known = tables::transaction(&self.db, &id)?;
            if known.is_some_and(|row| row.status != Status::Retracted) {
                results.push(Ok(id));
                continue;
            }
            match self.draft.admit(&id, tx, &self.db) {
                Ok(()) => {
                    tables::put_pending(&self.db, &id, tx)?;
                    results.push(Ok(id));
                }
                Err(error @ (ChainError::Storage { .. } | ChainError::Inconsistent { .. })) => {
                    return Err(error);
                }
                Err(refusal) => results.push(Err(refusal)),
            }
        }
        commit.commit().doing("committing transactions")?;
        Ok(results)
    }

    /// Gives coins to an address.
    pub fn faucet(&mut self, to: &Address, amount: Soma) -> Result<TxId, ChainError> {
        let limit = self.config.faucet_limit;
        if amount > limit {
            return Err(ChainError::FaucetLimit { amount, limit });
        }
        let nonce = self.draft.next_nonce(self.faucet.address(), &self.db)?;
        let chain_id = &self.config.chain_id;
        let tx = self
            .faucet
            .sign_transfer(chain_id, nonce, to, amount, "faucet")?;
        self.submit(&[tx]).pop().unwrap_or(Err(ChainError::Stopped))
    }

    /// Makes the next block of what the draft holds.
    pub fn make_block(&mut self) -> Result<(), ChainError> {
        let tip = Tip {
            height: self.tip.height.saturating_add(1),
            time: self.tip.time.max(unix_seconds()),
        };
        if self.draft.executed.is_empty() {
            self.tip = tip;
            self.draft.succeed();
            if self.tip_stored.elapsed() >= TIP_STORED_EVERY {
                self.store_tip()?;
            }
            return Ok(());
        }
        self.draft.accounts.check_conservation()?;
        let commit = self.db.unchecked_transaction().doing("starting a block")?;
        self.write_block(tip)?;
        commit.commit().doing("committing a block")?;
        self.tip = tip;
        self.tip_stored = Instant::now();
        self.draft.succeed();
        Ok(())
    }

    fn write_block(&self, tip: Tip) -> Result<(), ChainError> {
        let (db, draft) = (&self.db, &self.draft);
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.block_hash(self.tip.height)?.as_bytes());
        hasher.update(&tip.height.to_be_bytes());
        hasher.update(&tip.time.to_be_bytes());
        for (position, executed) in draft.executed.iter().enumerate() {
            hasher.update(executed.id.as_str().as_bytes());
            let place = Some((tip.height, position));
            match &executed.failure {
                None => {
                    tables::set_status(db, &executed.id, Status::Included, None, place)?;
                    tables::announce(db, &executed.id, &executed.tx)?;
                }
                Some(failure) => {
                    let reason = failure.to_string();
                    tables::set_status(db, &executed.id, Status::Failed, Some(&reason), place)?;
                }
            }
        }
        let height = signed(tip.height)?;
        let hash = hasher.finalize().to_hex();
        let undo = serde_json::to_string(&undo_of(&draft.accounts)).doing("writing a block")?;
        let pruned = signed(tip.height.saturating_sub(REORGANIZATION_MAX_BLOCKS))?;
        db.prepare_cached("INSERT INTO blocks VALUES (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![height, hash.as_str(), tip.time]))
            .doing("writing a block")?;
        db.prepare_cached("INSERT INTO undo VALUES (?1, ?2)")
            .and_then(|mut s| s.execute(params![height, undo]))
            .doing("writing a block")?;
        db.prepare_cached("DELETE FROM undo WHERE height <= ?1")
            .and_then(|mut s| s.execute([pruned]))
            .doing("writing a block")?;
        tables::put_accounts(db, &draft.accounts)?;
        write_tip(db, tip)
    }

    /// Stores the tip, so that the height continues from it after a restart.
    pub fn store_tip(&mut self) -> Result<(), ChainError> {
        let commit = self.db.unchecked_transaction().doing("storing the tip")?;
        write_tip(&self.db, self.tip)?;
        commit.commit().doing("storing the tip")?;
        self.tip_stored = Instant::now();
        Ok(())
    }

    /// The hash of a block. An empty block is not stored; its hash follows from the last block that
    /// is, its height, and how many reorganizations made it.
    pub fn block_hash(&self, height: u64) -> Result<String, ChainError> {
        let at = signed(height)?;
        let (last, hash): (i64, String) = self
            .db
            .prepare_cached(
                "SELECT height, hash FROM blocks WHERE height <= ?1 ORDER BY height DESC LIMIT 1",
            )
            .and_then(|mut s| s.query_row([at], |row| Ok((row.get(0)?, row.get(1)?))))
            .doing("reading a block")?;
        if unsigned(last)? == height {
            return Ok(hash);
        }
        let epoch: Option<i64> = self
            .db
            .prepare_cached("SELECT max(epoch) FROM reorganizations WHERE fork_height < ?1")
            .and_then(|mut s| s.query_row([at], |row| row.get(0)))
            .doing("reading reorganizations")?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(hash.as_bytes());
        hasher.update(&height.to_be_bytes());
        hasher.update(&epoch.unwrap_or(0).to_be_bytes());
        Ok(hasher.finalize().to_hex().to_string())
    }

    pub fn transfer(&self, id: &TxId) -> Result<Option<ObservedTransfer>, ChainError> {
        Ok(tables::transaction(&self.db, id)?.map(|row| self.observed(row)))
    }

    pub fn transfers_to(
        &self,
        address: &Address,
        after: Cursor,
        limit: usize,
    ) -> Result<Page<ObservedTransfer>, ChainError> {
        let limit = i64::try_from(limit.min(crate::chain::PAGE_MAX)).doing("reading a limit")?;
        let first = signed(after.0)?;
        let seqs: Vec<i64> = self
            .db
            .prepare_cached(
                "SELECT seq FROM feed WHERE address = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            )
            .and_then(|mut s| {
                s.query_map(params![address.as_str(), first, limit], |row| row.get(0))?
                    .collect()
            })
            .doing("reading the feed")?;
        let Some(last) = seqs.last() else {
            return Ok(Page {
                items: Vec::new(),
                next: after,
            });
        };
        let found = "FROM feed JOIN transactions t USING (tx_id)
             WHERE feed.address = ?1 AND feed.seq > ?2 AND feed.seq <= ?3 ORDER BY feed.seq";
        let range = params![address.as_str(), first, last];
        let rows = tables::transactions(&self.db, found, range)?;
        let items = rows.into_iter().map(|row| self.observed(row)).collect();
        Ok(Page {
            items,
            next: Cursor(unsigned(*last)?),
        })
    }

    fn observed(&self, row: TxRow) -> ObservedTransfer {
        let stated = row.tx.transfer();
        let confirmations = row.height.map_or(0, |height| {
            self.tip.height.saturating_sub(height).saturating_add(1)
        });
        ObservedTransfer {
            tx_id: row.id,
            from: stated.from,
            to: stated.to,
            amount: stated.amount,
            memo: stated.memo,
            height: row.height,
            confirmations,
            block_time: row.block_time,
            status: match row.status {
                Status::Pending => TransferStatus::Pending,
                Status::Included => TransferStatus::Included,
                Status::Retracted => TransferStatus::Retracted,
                Status::Failed => TransferStatus::Failed {
                    reason: row.reason.unwrap_or_default(),
                },
            },
        }
    }
}

fn found_chain(
    db: &Connection,
    config: &DevChainConfig,
    faucet: &Address,
) -> Result<(), ChainError> {
    let genesis = blake3::hash(config.chain_id.as_bytes()).to_hex();
    let time = unix_seconds();
    let commit = db.unchecked_transaction().doing("starting the chain")?;
    db.execute_batch(tables::SCHEMA)
        .doing("starting the chain")?;
    db.pragma_update(None, "user_version", tables::SCHEMA_VERSION)
        .doing("starting the chain")?;
    tables::set_meta(db, "chain_id", &config.chain_id)?;
    tables::set_meta(db, "supply", signed(config.supply.soma())?)?;
    tables::put_balance(db, faucet, config.supply)?;
    db.execute(
        "INSERT INTO blocks VALUES (0, ?1, ?2)",
        params![genesis.as_str(), time],
    )
    .doing("starting the chain")?;
    write_tip(db, Tip { height: 0, time })?;
    commit.commit().doing("starting the chain")
}

pub(super) fn write_tip(db: &Connection, tip: Tip) -> Result<(), ChainError> {
    tables::set_meta(db, "tip_height", signed(tip.height)?)?;
    tables::set_meta(db, "tip_time", tip.time)
}

/// The sum of all balances must be what the genesis gave out.
pub(super) fn check_supply(db: &Connection) -> Result<(), ChainError> {
    let supply = tables::meta_integer(db, "supply")?;
    let sum: Option<i64> = db
        .query_row("SELECT sum(soma) FROM balances", [], |row| row.get(0))
        .doing("adding up the balances")?;
    if sum == supply {
        return Ok(());
    }
    Err(ChainError::Inconsistent {
        what: format!("the balances sum to {sum:?} soma, the supply is {supply:?}"),
    })
}

fn undo_of(accounts: &Accounts) -> Undo {
    let balances = accounts.balances.iter().filter(|(_, b)| b.before != b.now);
    let nonces = accounts.nonces.iter().filter(|(_, n)| n.before != n.now);
    let grants = accounts.grants.iter().filter(|(_, g)| g.before != g.now);
    Undo {
        balances: balances
            .map(|(address, b)| (address.clone(), b.before))
            .collect(),
        nonces: nonces
            .map(|(address, n)| (address.clone(), n.before))
            .collect(),
        grants: grants.map(|(key, g)| (key.clone(), g.before)).collect(),
    }
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
