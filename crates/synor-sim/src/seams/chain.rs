//! The development chain, whose replies get lost.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use synor_chain::{
    Chain, ChainError, Cursor, DevChain, Grant, ObservedTransfer, Page, SignedTransaction, Soma,
    TransferStatus,
};
use synor_economics::id::{Address, TxId};

use crate::blocking::wait;
use crate::bug::Bug;
use crate::faults::{Fault, Faults};

/// Deeper than any payment asks for.
const DEEP: u64 = 1_000;

/// A development chain behind faults. It answers before anybody else goes on.
pub struct SimChain {
    chain: Arc<DevChain>,
    faults: Faults,
    bug: Option<Bug>,
    /// What was in a block once, for a chain that never takes back.
    included: Mutex<HashSet<TxId>>,
}

impl SimChain {
    /// Faults before a chain.
    pub fn new(chain: Arc<DevChain>, faults: Faults, bug: Option<Bug>) -> Self {
        Self {
            chain,
            faults,
            bug,
            included: Mutex::default(),
        }
    }

    /// A transfer as this chain tells of it.
    fn told(&self, mut transfer: ObservedTransfer) -> ObservedTransfer {
        if self.bug == Some(Bug::MissedReversal) {
            let mut included = self.included.lock().unwrap_or_else(PoisonError::into_inner);
            if transfer.status == TransferStatus::Included {
                included.insert(transfer.tx_id.clone());
            } else if included.contains(&transfer.tx_id) {
                transfer.status = TransferStatus::Included;
                transfer.confirmations = DEEP;
            }
        }
        transfer
    }
}

#[async_trait]
impl Chain for SimChain {
    async fn submit(&self, tx: SignedTransaction) -> Result<TxId, ChainError> {
        match self.faults.draw() {
            Fault::CrashBefore => Err(ChainError::Stopped),
            Fault::CrashAfter | Fault::LostReply => {
                let _ = wait(self.chain.submit(tx));
                Err(ChainError::Stopped)
            }
            Fault::Repeated => {
                let first = wait(self.chain.submit(tx.clone()));
                let _ = wait(self.chain.submit(tx));
                first
            }
            Fault::None | Fault::Conflict => wait(self.chain.submit(tx)),
        }
    }

    async fn transfer(&self, tx: &TxId) -> Result<Option<ObservedTransfer>, ChainError> {
        let transfer = wait(self.chain.transfer(tx))?;
        Ok(transfer.map(|transfer| self.told(transfer)))
    }

    async fn transfers_to(
        &self,
        address: &Address,
        after: Cursor,
        limit: usize,
    ) -> Result<Page<ObservedTransfer>, ChainError> {
        let mut page = wait(self.chain.transfers_to(address, after, limit))?;
        let items = std::mem::take(&mut page.items);
        page.items = items.into_iter().map(|item| self.told(item)).collect();
        Ok(page)
    }

    async fn balance(&self, address: &Address) -> Result<Soma, ChainError> {
        wait(self.chain.balance(address))
    }

    async fn next_nonce(&self, address: &Address) -> Result<u64, ChainError> {
        wait(self.chain.next_nonce(address))
    }

    async fn block_count(&self) -> Result<u64, ChainError> {
        wait(self.chain.block_count())
    }

    async fn grant(&self, owner: &Address, spender: &Address) -> Result<Option<Grant>, ChainError> {
        wait(self.chain.grant(owner, spender))
    }

    async fn chain_id(&self) -> Result<String, ChainError> {
        wait(self.chain.chain_id())
    }
}
