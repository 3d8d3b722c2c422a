//! The block that is being made: which waiting transactions go into it, in which order, and what
//! they will have done.
//!
//! It is kept up to date with every transaction that arrives, so that a transaction is judged
//! against the state it will meet, and making the block is only writing it down.

use std::collections::HashMap;

use synor_economics::id::{Address, TxId};

use super::rules::{Accounts, Source};
use crate::{ChainError, SignedTransaction};

/// How far ahead of the next nonce a transaction may wait.
pub(super) const NONCES_AHEAD_MAX: u64 = 1_000;

/// How many transactions may wait for a block.
pub(super) const MEMPOOL_MAX: usize = 100_000;

/// A transaction of the block, and why it fails if it does.
#[derive(Debug)]
pub(super) struct Executed {
    pub id: TxId,
    pub tx: SignedTransaction,
    pub failure: Option<ChainError>,
}

/// The next block, as the mempool makes it.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub accounts: Accounts,
    pub executed: Vec<Executed>,
    /// Transactions with a gap before their nonce.
    waiting: HashMap<(Address, u64), (TxId, SignedTransaction)>,
}

impl Draft {
    /// Takes in a new transaction, or refuses it and stays as it was.
    pub fn admit(
        &mut self,
        id: &TxId,
        tx: &SignedTransaction,
        source: &impl Source,
    ) -> Result<(), ChainError> {
        let transactions = self.executed.len() + self.waiting.len();
        if transactions >= MEMPOOL_MAX {
            return Err(ChainError::MempoolFull { transactions });
        }
        let address = tx.sender();
        self.accounts.gather(tx, source)?;
        let expected = self.accounts.gather_nonce(&address, source)?;
        let found = tx.nonce;
        if found == expected {
            self.accounts.execute(tx)?;
            self.executed.push(Executed {
                id: id.clone(),
                tx: tx.clone(),
                failure: None,
            });
            return self.promote(address, source);
        }
        if found < expected || self.waiting.contains_key(&(address.clone(), found)) {
            return Err(ChainError::NonceUsed {
                address,
                expected,
                found,
            });
        }
        if found - expected > NONCES_AHEAD_MAX {
            return Err(ChainError::NonceTooHigh {
                address,
                expected,
                found,
            });
        }
        self.waiting
            .insert((address, found), (id.clone(), tx.clone()));
        Ok(())
    }

    /// Takes in a transaction that was admitted before, against a state that may have changed
    /// since: what no longer applies is not refused but fails in the block.
    pub fn readmit(
        &mut self,
        id: TxId,
        tx: SignedTransaction,
        source: &impl Source,
    ) -> Result<(), ChainError> {
        let address = tx.sender();
        self.accounts.gather(&tx, source)?;
        let expected = self.accounts.gather_nonce(&address, source)?;
        if tx.nonce < expected {
            let failure = Some(ChainError::NonceUsed {
                address,
                expected,
                found: tx.nonce,
            });
            self.executed.push(Executed { id, tx, failure });
            return Ok(());
        }
        self.waiting.insert((address.clone(), tx.nonce), (id, tx));
        self.promote(address, source)
    }

    /// The next nonce of an address, counting what waits for the block.
    pub fn next_nonce(
        &mut self,
        address: &Address,
        source: &impl Source,
    ) -> Result<u64, ChainError> {
        self.accounts.gather_nonce(address, source)
    }

    /// The draft after this one's block was made: what waited for a gap to close still does.
    pub fn succeed(&mut self) {
        self.accounts = Accounts::default();
        self.executed.clear();
    }

    /// Executes what waited for this sender's next nonce.
    fn promote(&mut self, address: Address, source: &impl Source) -> Result<(), ChainError> {
        loop {
            let nonce = self.accounts.gather_nonce(&address, source)?;
            let Some((id, tx)) = self.waiting.remove(&(address.clone(), nonce)) else {
                return Ok(());
            };
            self.accounts.gather(&tx, source)?;
            let failure = self.accounts.execute(&tx).err();
            if failure.is_some() {
                self.accounts.use_nonce(&address)?;
            }
            self.executed.push(Executed { id, tx, failure });
        }
    }
}
