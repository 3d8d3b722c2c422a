//! Transactions one after the other, each waited for: for what a person does once.

use std::time::{Duration, Instant};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256};

use super::endpoints::Endpoints;
use super::key::EvmKey;
use super::rpc::{Draft, Receipt};
use super::sender::{SendRules, market};
use crate::ChainError;

/// How long a transaction may be in no block.
const BLOCK_WITHIN: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A key and the chain it acts on.
#[derive(Debug)]
pub(super) struct Hand {
    pub endpoints: Endpoints,
    pub key: EvmKey,
    pub chain_id: u64,
    rules: SendRules,
}

impl Hand {
    pub(super) async fn new(
        endpoints: Endpoints,
        key: EvmKey,
        rules: SendRules,
    ) -> Result<Self, ChainError> {
        let chain_id = endpoints.chain_id().await?;
        Ok(Self {
            endpoints,
            key,
            chain_id,
            rules,
        })
    }

    async fn nonce(&self) -> Result<u64, ChainError> {
        let endpoint = self.endpoints.first();
        endpoint.next_nonce(self.key.address()).await
    }

    /// Calls a contract, and waits for the block.
    pub(super) async fn call(&self, to: Address, data: Vec<u8>) -> Result<Receipt, ChainError> {
        self.transact(TxKind::Call(to), Bytes::from(data)).await
    }

    /// Sends, and waits for the block. `Reverted` if it was refused.
    pub(super) async fn transact(&self, to: TxKind, data: Bytes) -> Result<Receipt, ChainError> {
        let endpoint = self.endpoints.first();
        let draft = Draft {
            from: self.key.address(),
            to: to.to().copied(),
            data: data.clone(),
        };
        let gas = endpoint.estimate(&draft).await?;
        let fees = market(&self.endpoints).await?;
        let fees = fees.within(self.rules.max_fee_wei)?;
        let (hash, raw) = self.key.sign(TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce().await?,
            gas_limit: gas.saturating_add(gas / 4),
            max_fee_per_gas: fees.max,
            max_priority_fee_per_gas: fees.tip,
            to,
            value: U256::ZERO,
            access_list: Default::default(),
            input: data,
        })?;
        endpoint.send(&raw).await?;
        let began = Instant::now();
        while began.elapsed() < BLOCK_WITHIN {
            match endpoint.receipt(hash).await? {
                Some(receipt) if receipt.status.is_zero() => {
                    return Err(ChainError::Reverted {
                        reason: format!("{hash} was refused in its block"),
                    });
                }
                Some(receipt) => return Ok(receipt),
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        Err(endpoint.unusable(&format!("{hash} is in no block after ten minutes")))
    }
}
