//! Reorganizations on demand: the last blocks are taken back exactly, and their transactions wait
//! again or are gone.

use std::collections::HashSet;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use synor_economics::id::TxId;

use super::REORGANIZATION_MAX_BLOCKS;
use super::node::{Node, Undo, check_supply, write_tip};
use super::tables::{self, Doing, Status, TxRow, signed};
use crate::ChainError;

/// Which blocks to take back, and which of their transactions not to give back to the mempool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reorganization {
    /// How many blocks, counted from the tip: 1 to [`REORGANIZATION_MAX_BLOCKS`].
    pub depth: u64,
    /// Drop all transactions of these blocks.
    #[serde(default)]
    pub drop_all: bool,
    /// Drop these transactions of these blocks.
    #[serde(default)]
    pub drop: Vec<TxId>,
}

/// What a reorganization did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reorganized {
    /// The last block that was kept.
    pub fork_height: u64,
    /// Transactions that wait for a block again.
    pub returned: Vec<TxId>,
    /// Transactions that are gone.
    pub dropped: Vec<TxId>,
}

impl Node {
    /// Takes back the last blocks and puts as many empty ones in their place.
    pub fn reorganize(&mut self, wish: &Reorganization) -> Result<Reorganized, ChainError> {
        let depth = wish.depth;
        let max = self.tip.height.min(REORGANIZATION_MAX_BLOCKS);
        if depth == 0 || depth > max {
            return Err(ChainError::ReorganizationDepth { depth, max });
        }
        let fork_height = self.tip.height - depth;
        let in_blocks = "FROM transactions t WHERE t.height > ?1 ORDER BY t.height, t.position";
        let rows = tables::transactions(&self.db, in_blocks, [signed(fork_height)?])?;
        let taken_back: HashSet<&TxId> = rows.iter().map(|row| &row.id).collect();
        if let Some(tx) = wish.drop.iter().find(|tx| !taken_back.contains(tx)) {
            return Err(ChainError::NotInBlocks {
                tx: tx.clone(),
                depth,
            });
        }

        let commit = self
            .db
            .unchecked_transaction()
            .doing("starting a reorganization")?;
        roll_back(&self.db, fork_height)?;
        let mut done = Reorganized {
            fork_height,
            returned: Vec::new(),
            dropped: Vec::new(),
        };
        for row in rows {
            let drop = wish.drop_all || wish.drop.contains(&row.id);
            take_back(&self.db, &row, drop)?;
            if drop {
                done.dropped.push(row.id)
            } else {
                done.returned.push(row.id)
            }
        }
        self.db
            .execute(
                "INSERT INTO reorganizations (fork_height) VALUES (?1)",
                [signed(fork_height)?],
            )
            .doing("recording a reorganization")?;
        write_tip(&self.db, self.tip)?;
        check_supply(&self.db)?;
        commit.commit().doing("committing a reorganization")?;
        self.redraft()?;
        Ok(done)
    }
}

fn take_back(db: &Connection, row: &TxRow, drop: bool) -> Result<(), ChainError> {
    let status = if drop {
        Status::Retracted
    } else {
        Status::Pending
    };
    tables::set_status(db, &row.id, status, None, None)?;
    // What failed was never announced, so there is nothing to take back.
    if row.status == Status::Included {
        tables::announce(db, &row.id, &row.tx)?;
    }
    Ok(())
}

/// Restores the accounts as they were at `fork_height` and deletes the blocks above it.
fn roll_back(db: &Connection, fork_height: u64) -> Result<(), ChainError> {
    let fork = signed(fork_height)?;
    let undone: Vec<String> = db
        .prepare_cached("SELECT changes FROM undo WHERE height > ?1 ORDER BY height DESC")
        .and_then(|mut s| s.query_map([fork], |row| row.get(0))?.collect())
        .doing("reading what to take back")?;
    for changes in undone {
        let undo: Undo = serde_json::from_str(&changes).doing("reading what to take back")?;
        for (address, balance) in &undo.balances {
            tables::put_balance(db, address, *balance)?;
        }
        for (address, next) in &undo.nonces {
            tables::put_nonce(db, address, *next)?;
        }
        for (key, bounds) in &undo.grants {
            tables::put_bounds(db, key, *bounds)?;
        }
    }
    db.execute("DELETE FROM blocks WHERE height > ?1", [fork])
        .doing("deleting blocks")?;
    db.execute("DELETE FROM undo WHERE height > ?1", [fork])
        .doing("deleting blocks")?;
    Ok(())
}
