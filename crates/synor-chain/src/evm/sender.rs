//! Sending under the engine's key: one transaction for each thing to be done, at a nonce of its own,
//! signed again with a higher fee while it is stuck, until it is in a block for good.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};

use super::endpoints::Endpoints;
use super::fees::Fees;
use super::follow::REMEMBERED_BLOCKS;
use super::key::EvmKey;
use super::memory::Memory;
use super::outbox::{Attempt, Outgoing, SendState};
use super::rpc::{Draft, Receipt};
use crate::ChainError;

/// What is sent under.
#[derive(Debug)]
pub(super) struct Sender {
    pub key: EvmKey,
    pub chain_id: u64,
    pub rules: SendRules,
    /// Nonces are given out one at a time.
    pub turn: tokio::sync::Mutex<()>,
}

/// How much may be paid for gas, and how long is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendRules {
    /// The most that a unit of gas may cost, in wei; above it nothing is sent or sent again.
    pub max_fee_wei: u128,
    /// After so many seconds in no block, a transaction is replaced by one with a higher fee.
    pub stuck_after_secs: i64,
}

impl Default for SendRules {
    /// 500 gwei and two minutes.
    fn default() -> Self {
        Self {
            max_fee_wei: 500_000_000_000,
            stuck_after_secs: 120,
        }
    }
}

impl Sender {
    /// Sends a call, once for each `what`: asked again, it is only made sure that it was sent.
    /// Returns the hash it was last signed under.
    ///
    /// `Reverted` if the contract would refuse it now, `FeeTooHigh` or why no endpoint answers:
    /// nothing was written down then. When this returns well, it is not lost by a crash.
    pub(super) async fn send(
        &self,
        endpoints: &Endpoints,
        memory: &Memory,
        what: &str,
        to: Address,
        data: Bytes,
    ) -> Result<B256, ChainError> {
        let _mine = self.turn.lock().await;
        if let Some(known) = memory.find_send(what)? {
            return self.again(endpoints, memory, &known).await;
        }
        let draft = Draft {
            from: self.key.address(),
            to: Some(to),
            data: data.clone(),
        };
        let gas = endpoints.first().estimate(&draft).await?;
        let waiting = endpoints.first().next_nonce(self.key.address()).await?;
        let send = Outgoing {
            key: what.to_owned(),
            nonce: waiting.max(memory.next_send_nonce()?),
            to,
            data,
            // What it takes may have grown when it is executed.
            gas: gas.saturating_add(gas / 4),
            state: SendState::Waiting,
            reason: None,
            height: None,
        };
        let fees = market(endpoints).await?.within(self.rules.max_fee_wei)?;
        let attempt = self.sign(&send, fees)?;
        memory.add_send(&send, &attempt)?;
        hand_in(endpoints, &attempt).await;
        Ok(attempt.hash)
    }

    async fn again(
        &self,
        endpoints: &Endpoints,
        memory: &Memory,
        known: &Outgoing,
    ) -> Result<B256, ChainError> {
        let attempts = memory.attempts(known.nonce)?;
        let last = attempts.first().ok_or_else(|| ChainError::Inconsistent {
            what: format!("`{}` was sent without a signature", known.key),
        })?;
        match (&known.reason, known.state) {
            (Some(reason), _) => Err(ChainError::Reverted {
                reason: reason.clone(),
            }),
            (None, SendState::Waiting) => {
                hand_in(endpoints, last).await;
                Ok(last.hash)
            }
            (None, _) => Ok(last.hash),
        }
    }

    /// Looks after everything that is not settled.
    pub(super) async fn tend(
        &self,
        endpoints: &Endpoints,
        memory: &Memory,
        head: u64,
    ) -> Result<(), ChainError> {
        let _mine = self.turn.lock().await;
        let open = memory.open_sends()?;
        if open.is_empty() {
            return Ok(());
        }
        // Before the receipts, so that a nonce that is used up has a receipt to be found.
        let used = endpoints.first().nonce(self.key.address()).await?;
        for send in open {
            let attempts = memory.attempts(send.nonce)?;
            match receipt_of_any(endpoints, &attempts).await? {
                Some(receipt) => include(memory, &send, &receipt, head)?,
                None if send.nonce < used => displace(memory, &send)?,
                None => self.push(endpoints, memory, &send, &attempts).await?,
            }
        }
        Ok(())
    }

    /// Hands in what is in no block, with a higher fee once it is stuck.
    async fn push(
        &self,
        endpoints: &Endpoints,
        memory: &Memory,
        send: &Outgoing,
        attempts: &[Attempt],
    ) -> Result<(), ChainError> {
        if send.state != SendState::Waiting {
            tracing::warn!(what = send.key, "a reorganization took back what was sent");
            memory.set_send(&send.key, SendState::Waiting, None, None)?;
        }
        let Some(last) = attempts.first() else {
            return Ok(());
        };
        let waited = now().saturating_sub(last.sent_at);
        if waited < self.rules.stuck_after_secs {
            hand_in(endpoints, last).await;
            return Ok(());
        }
        let fees = last.fees.replacing(market(endpoints).await?);
        let Ok(fees) = fees.within(self.rules.max_fee_wei) else {
            tracing::warn!(what = send.key, "stuck, and the allowed fee is reached");
            hand_in(endpoints, last).await;
            return Ok(());
        };
        let attempt = self.sign(send, fees)?;
        memory.add_attempt(&attempt)?;
        tracing::warn!(
            what = send.key,
            nonce = send.nonce,
            max_fee = fees.max,
            "stuck, sent again"
        );
        hand_in(endpoints, &attempt).await;
        Ok(())
    }

    fn sign(&self, send: &Outgoing, fees: Fees) -> Result<Attempt, ChainError> {
        let (hash, raw) = self.key.sign(TxEip1559 {
            chain_id: self.chain_id,
            nonce: send.nonce,
            gas_limit: send.gas,
            max_fee_per_gas: fees.max,
            max_priority_fee_per_gas: fees.tip,
            to: TxKind::Call(send.to),
            value: U256::ZERO,
            access_list: Default::default(),
            input: send.data.clone(),
        })?;
        Ok(Attempt {
            hash,
            nonce: send.nonce,
            fees,
            raw,
            sent_at: now(),
        })
    }
}

/// What the next block asks for.
pub(super) async fn market(endpoints: &Endpoints) -> Result<Fees, ChainError> {
    let endpoint = endpoints.first();
    let base = endpoint.head().await?.base_fee_per_gas.unwrap_or_default();
    let base = u128::try_from(base).map_err(|_| ChainError::AmountOverflow)?;
    Ok(Fees::of_market(base, endpoint.tip().await?))
}

/// Hands it to every endpoint. One that has it already refuses it, and so does one that cannot be
/// reached: what counts is the receipt, which is looked for until it is there.
async fn hand_in(endpoints: &Endpoints, attempt: &Attempt) {
    for endpoint in endpoints.iter() {
        if let Err(error) = endpoint.send(&attempt.raw).await {
            tracing::debug!(%error, hash = %attempt.hash, "an endpoint did not take it");
        }
    }
}

async fn receipt_of_any(
    endpoints: &Endpoints,
    attempts: &[Attempt],
) -> Result<Option<Receipt>, ChainError> {
    for attempt in attempts {
        let receipt = endpoints.first().receipt(attempt.hash).await?;
        if receipt.is_some() {
            return Ok(receipt);
        }
    }
    Ok(None)
}

fn include(
    memory: &Memory,
    send: &Outgoing,
    receipt: &Receipt,
    head: u64,
) -> Result<(), ChainError> {
    let height = receipt.block_number.to::<u64>();
    let is_settled = height.saturating_add(REMEMBERED_BLOCKS) <= head;
    let state = if is_settled {
        SendState::Settled
    } else {
        SendState::Included
    };
    let refused = receipt.status.is_zero();
    let reason = refused.then_some("it was refused in its block");
    if send.state != state {
        tracing::info!(what = send.key, height, refused, "sent");
    }
    memory.set_send(&send.key, state, Some(height), reason)
}

fn displace(memory: &Memory, send: &Outgoing) -> Result<(), ChainError> {
    tracing::error!(
        what = send.key,
        nonce = send.nonce,
        "another transaction took its nonce"
    );
    let reason = "another transaction of the same key took its nonce";
    memory.set_send(&send.key, SendState::Displaced, None, Some(reason))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
