//! The chain as the engine sees it.

use std::path::Path;

use alloy_primitives::{Address as EvmAddress, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use serde::Serialize;
use synor_economics::billing::PaymentTarget;
use synor_economics::id::{AccountId, Address, TxId};
use synor_economics::money::MicroSynor;

use super::abi::{
    AutoPayGrant, allowanceCall, balanceOfCall, chargeCall, chargeableCall, decimalsCall,
    grantsCall, refundCall, refundDepositCall, tokenCall,
};
use super::endpoints::Endpoints;
use super::follow::Follower;
use super::key::EvmKey;
use super::link;
use super::memory::Memory;
use super::outbox::{Outgoing, SendState};
use super::payments::address_of;
use super::reference::{account_reference, reference_of};
use super::rpc::At;
use super::sender::{SendRules, Sender};
use super::units::Units;
use crate::chain::PAGE_MAX;
use crate::{
    Chain, ChainError, Cursor, Grant, ObservedTransfer, Order, Page, PaymentLink,
    SignedTransaction, Soma, TransferStatus,
};

/// Which chain, and how it is reached.
#[derive(Debug, Clone)]
pub struct EvmConfig {
    /// JSON-RPC endpoints. With two or more, a block counts only if all agree on it.
    pub rpc: Vec<String>,
    /// The contract `SynorBilling`.
    pub billing: EvmAddress,
    /// The block of its deployment; nothing before it is read.
    pub from_block: u64,
    /// What may be paid for gas, and how long is waited.
    pub rules: SendRules,
}

/// An EVM chain with SYNOR on it.
#[derive(Debug)]
pub struct EvmChain {
    follower: Follower,
    memory: Memory,
    /// One look at the chain at a time.
    following: tokio::sync::Mutex<()>,
    chain_id: u64,
    token: EvmAddress,
    sender: Option<Sender>,
}

/// How the chain stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvmStatus {
    /// Its name, such as `eip155:1`.
    pub chain_id: String,
    /// The last block that was followed.
    pub block_count: u64,
    /// The contract that is paid.
    pub billing: String,
    /// The token.
    pub token: String,
    /// The key that charges, if there is one.
    pub operator: Option<String>,
    /// What was sent and is in no block for good yet.
    pub open_sends: usize,
}

impl EvmChain {
    /// Opens the chain: what was followed before lies in the file at `path`. The endpoints are asked
    /// which chain and token it is, so they must answer. `key` charges and refunds; without it the
    /// chain is only followed.
    ///
    /// `Open` if the file is of another chain or contract; `OtherContract` if there is no billing
    /// contract, `Unsupported` if its token has too few decimals.
    pub async fn open(
        path: impl AsRef<Path>,
        config: EvmConfig,
        key: Option<EvmKey>,
    ) -> Result<Self, ChainError> {
        let endpoints = Endpoints::new(&config.rpc)?;
        let chain_id = endpoints.chain_id().await?;
        let billing = config.billing;
        let token = endpoints.call(billing, &tokenCall {}, At::Latest).await;
        let token = token.map_err(|error| no_billing(billing, error))?;
        let decimals = endpoints.call(token, &decimalsCall {}, At::Latest).await?;
        let memory = Memory::open(path.as_ref(), &format!("{billing}@{chain_id}"))?;
        let sender = key.map(|key| Sender {
            key,
            chain_id,
            rules: config.rules,
            turn: tokio::sync::Mutex::default(),
        });
        Ok(Self {
            follower: Follower {
                endpoints,
                billing,
                units: Units::of_decimals(decimals)?,
                from_block: config.from_block,
            },
            memory,
            following: tokio::sync::Mutex::default(),
            chain_id,
            token,
            sender,
        })
    }

    /// The address that everything is paid to: the billing contract's.
    pub fn pay_to(&self) -> Result<Address, ChainError> {
        address_of(self.follower.billing)
    }

    /// Takes in what happened since the last time, and looks after what was sent.
    pub async fn catch_up(&self) -> Result<(), ChainError> {
        let _mine = self.following.lock().await;
        self.follower.catch_up(&self.memory).await?;
        let tip = self.memory.last_block()?.map_or(0, |block| block.number);
        match &self.sender {
            Some(sender) => {
                let endpoints = &self.follower.endpoints;
                sender.tend(endpoints, &self.memory, tip).await
            }
            None => Ok(()),
        }
    }

    /// How it stands.
    pub async fn status(&self) -> Result<EvmStatus, ChainError> {
        Ok(EvmStatus {
            chain_id: self.name(),
            block_count: self.block_count().await?,
            billing: self.follower.billing.to_string(),
            token: self.token.to_string(),
            operator: self.sender.as_ref().map(|s| s.key.address().to_string()),
            open_sends: self.memory.open_sends()?.len(),
        })
    }

    /// The hash that an order's transaction was last signed under; `None` if nothing was sent for it.
    pub fn sent_as(&self, order: &TxId) -> Result<Option<B256>, ChainError> {
        let Some(send) = self.memory.find_send(order.as_str())? else {
            return Ok(None);
        };
        Ok(self.memory.attempts(send.nonce)?.first().map(|a| a.hash))
    }

    /// The call of the contract that carries out an order.
    fn call_of(&self, order: &Order) -> Result<Vec<u8>, ChainError> {
        let named = |target: &PaymentTarget| {
            reference_of(target).ok_or_else(|| ChainError::Unsupported {
                what: "a charge or refund of what names no invoice and no deposit".to_owned(),
            })
        };
        let units = self.follower.units;
        Ok(match order {
            Order::Charge {
                owner,
                account,
                target,
                amount_micro_synor,
                ..
            } => chargeCall {
                payer: evm_address(owner)?,
                account: account_reference(account),
                invoice: named(target)?,
                amount: units.from_micro(*amount_micro_synor)?,
            }
            .abi_encode(),
            Order::Refund {
                target,
                to,
                amount_micro_synor,
                ..
            } => {
                let (reference, to) = (named(target)?, evm_address(to)?);
                let amount = units.from_micro(*amount_micro_synor)?;
                refund_call(target, reference, to, amount)
            }
        })
    }

    /// How something that was sent stands, as a transfer: the payment that it made, or, while there is
    /// none, a transfer of nothing to the contract.
    fn transfer_of(&self, send: &Outgoing) -> Result<Option<ObservedTransfer>, ChainError> {
        for attempt in self.memory.attempts(send.nonce)? {
            let made = self.memory.payment(&tx_id_of(attempt.hash)?)?;
            // One that was taken back is sent again by itself.
            if let Some(made) = made.filter(|made| made.height.is_some()) {
                return Ok(Some(made));
            }
        }
        let tip = self.memory.last_block()?.map_or(0, |block| block.number);
        let confirmations = send.height.map_or(0, |height| {
            tip.checked_sub(height)
                .map_or(0, |above| above.saturating_add(1))
        });
        Ok(Some(ObservedTransfer {
            tx_id: parsed_tx_id(&send.key)?,
            from: self.pay_to()?,
            to: self.pay_to()?,
            amount: Soma::ZERO,
            memo: String::new(),
            height: send.height,
            confirmations,
            block_time: None,
            status: match (&send.reason, send.state) {
                (Some(reason), _) => TransferStatus::Failed {
                    reason: reason.clone(),
                },
                (None, SendState::Waiting) => TransferStatus::Pending,
                (None, _) => TransferStatus::Included,
            },
        }))
    }

    async fn send(&self, what: &str, data: Vec<u8>) -> Result<B256, ChainError> {
        let sender = self
            .sender
            .as_ref()
            .ok_or_else(|| ChainError::Unsupported {
                what: "sending without a key".to_owned(),
            })?;
        let (endpoints, to) = (&self.follower.endpoints, self.follower.billing);
        let data = Bytes::from(data);
        sender.send(endpoints, &self.memory, what, to, data).await
    }

    /// The last block that was followed, for reading the state that belongs to the book.
    fn at(&self) -> Result<At, ChainError> {
        let last = self.memory.last_block()?;
        Ok(last.map_or(At::Latest, |block| At::Block(block.hash)))
    }

    fn name(&self) -> String {
        format!("eip155:{}", self.chain_id)
    }

    fn grant_of(
        &self,
        owner: &Address,
        grant: &AutoPayGrant,
        left: U256,
    ) -> Result<Option<Grant>, ChainError> {
        if grant.expiresAt.is_zero() {
            return Ok(None);
        }
        Ok(Some(Grant {
            owner: owner.clone(),
            spender: self.pay_to()?,
            max_per_charge: self
                .follower
                .units
                .whole_soma(U256::from(grant.maxPerInvoice)),
            remaining: self.follower.units.whole_soma(left),
        }))
    }
}

#[async_trait]
impl Chain for EvmChain {
    async fn submit(&self, _tx: SignedTransaction) -> Result<TxId, ChainError> {
        Err(ChainError::Unsupported {
            what: "a transaction of the development chain; a wallet of this chain sends its own"
                .to_owned(),
        })
    }

    async fn transfer(&self, tx: &TxId) -> Result<Option<ObservedTransfer>, ChainError> {
        match self.memory.find_send(tx.as_str())? {
            Some(send) => self.transfer_of(&send),
            None => self.memory.payment(tx),
        }
    }

    async fn transfers_to(
        &self,
        address: &Address,
        after: Cursor,
        limit: usize,
    ) -> Result<Page<ObservedTransfer>, ChainError> {
        if *address != self.pay_to()? {
            let items = Vec::new();
            return Ok(Page { items, next: after });
        }
        self.catch_up().await?;
        self.memory.feed(after, limit.min(PAGE_MAX))
    }

    async fn balance(&self, address: &Address) -> Result<Soma, ChainError> {
        let account = evm_address(address)?;
        let call = balanceOfCall { account };
        let at = self.at()?;
        let balance = self.follower.endpoints.call(self.token, &call, at).await?;
        Ok(self.follower.units.whole_soma(balance))
    }

    async fn next_nonce(&self, address: &Address) -> Result<u64, ChainError> {
        let endpoint = self.follower.endpoints.first();
        endpoint.next_nonce(evm_address(address)?).await
    }

    async fn block_count(&self) -> Result<u64, ChainError> {
        Ok(self.memory.last_block()?.map_or(0, |block| block.number))
    }

    /// Grants here name an account: [`Chain::grant_for`] shows them.
    async fn grant(&self, _: &Address, _: &Address) -> Result<Option<Grant>, ChainError> {
        Ok(None)
    }

    async fn grant_for(
        &self,
        owner: &Address,
        spender: &Address,
        account: &AccountId,
    ) -> Result<Option<Grant>, ChainError> {
        if *spender != self.pay_to()? {
            return Ok(None);
        }
        let (payer, at) = (evm_address(owner)?, self.at()?);
        let (endpoints, billing) = (&self.follower.endpoints, self.follower.billing);
        let account = account_reference(account);
        let grant = grantsCall { payer, account };
        let grant = endpoints.call(billing, &grant, at).await?;
        let chargeable = chargeableCall { payer, account };
        let chargeable = endpoints.call(billing, &chargeable, at).await?;
        let allowance = allowanceCall {
            owner: payer,
            spender: billing,
        };
        let allowance = endpoints.call(self.token, &allowance, at).await?;
        self.grant_of(owner, &grant, chargeable.min(allowance))
    }

    fn account_reference(&self, account: &AccountId) -> Option<String> {
        Some(account_reference(account).to_string())
    }

    async fn order(&self, order: &Order) -> Result<(), ChainError> {
        let call = self.call_of(order)?;
        self.send(order.id().as_str(), call).await.map(drop)
    }

    fn check_address(&self, address: &Address) -> Result<(), ChainError> {
        evm_address(address).map(drop)
    }

    fn payment_link(
        &self,
        target: &PaymentTarget,
        amount: MicroSynor,
    ) -> Result<Option<PaymentLink>, ChainError> {
        let Some(reference) = reference_of(target) else {
            return Ok(None);
        };
        let function = match target {
            PaymentTarget::Deposit(_) => "deposit",
            _ => "payInvoice",
        };
        let units = self.follower.units.from_micro(amount)?;
        let (billing, chain_id) = (self.follower.billing, self.chain_id);
        Ok(Some(PaymentLink {
            payment_uri: link::call(billing, chain_id, function, reference, units),
            approval_uri: link::approval(self.token, chain_id, billing, units),
        }))
    }

    async fn chain_id(&self) -> Result<String, ChainError> {
        Ok(self.name())
    }
}

fn refund_call(target: &PaymentTarget, reference: B256, to: EvmAddress, amount: U256) -> Vec<u8> {
    match target {
        PaymentTarget::Deposit(_) => refundDepositCall {
            account: reference,
            to,
            amount,
        }
        .abi_encode(),
        _ => refundCall {
            invoice: reference,
            to,
            amount,
        }
        .abi_encode(),
    }
}

fn tx_id_of(hash: B256) -> Result<TxId, ChainError> {
    parsed_tx_id(&hash.to_string())
}

fn parsed_tx_id(text: &str) -> Result<TxId, ChainError> {
    text.parse().map_err(|_| ChainError::Inconsistent {
        what: format!("`{text}` cannot be the id of a transaction"),
    })
}

/// Reads an address. One in upper and lower case carries a checksum, which must be right.
fn evm_address(address: &Address) -> Result<EvmAddress, ChainError> {
    let bad = |reason: &str| ChainError::BadAddress {
        text: address.to_string(),
        reason: reason.to_owned(),
    };
    let text = address.as_str();
    let parsed: EvmAddress = text
        .parse()
        .map_err(|_| bad("it is not 0x and 40 hex digits"))?;
    let digits = text
        .strip_prefix("0x")
        .ok_or_else(|| bad("it does not start with 0x"))?;
    let is_mixed = digits.bytes().any(|b| b.is_ascii_lowercase())
        && digits.bytes().any(|b| b.is_ascii_uppercase());
    if is_mixed && parsed.to_checksum(None) != text {
        return Err(bad("its upper and lower case are not its checksum"));
    }
    Ok(parsed)
}

fn no_billing(address: EvmAddress, error: ChainError) -> ChainError {
    match error {
        ChainError::RpcUnreachable { .. } | ChainError::RpcDisagree { .. } => error,
        other => ChainError::OtherContract {
            address: address.to_string(),
            reason: format!("it does not name its token: {other}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_address_is_noticed_by_its_checksum() {
        let right = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let read = |text: &str| evm_address(&text.parse().unwrap());
        assert!(read(right).is_ok());
        assert!(read(&right.to_lowercase()).is_ok());
        for wrong in [
            right.replace("f39F", "F39F"),
            right.replace("266", "267"),
            right.trim_start_matches("0x").to_owned(),
            "0xf39f".to_owned(),
            "synor1vs9raww2me4fljs82cjjy7hz46npkkuahjqd7n".to_owned(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
