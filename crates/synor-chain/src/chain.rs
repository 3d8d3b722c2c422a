//! The seam between the billing engine and whatever chain it is paid on.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use synor_economics::billing::PaymentTarget;
use synor_economics::id::{AccountId, Address, TxId};
use synor_economics::money::MicroSynor;

use crate::{
    ChainError, Cursor, Grant, Instruction, ObservedTransfer, Order, Page, SignedTransaction, Soma,
};

/// The most items that [`Chain::transfers_to`] returns, whatever was asked for.
pub const PAGE_MAX: usize = 1_000;

/// A chain that carries SYNOR.
///
/// Every method may also fail with what keeps the chain from answering: `RpcUnreachable`,
/// `RpcAnswer`, `Storage` or `Stopped`.
#[async_trait]
pub trait Chain: Send + Sync {
    /// Hands in a transaction; when this returns it is not lost by a crash. Handing in the same one
    /// again gives the same id and changes nothing, except that one a reorganization retracted
    /// waits for a block again.
    ///
    /// Refused with `WrongChain`, `BadAddress`, `AmountZero`, `MemoTooLong` or `BadSignature` for
    /// what it is, with `InsufficientBalance`, `NoGrant`, `GrantExceeded`, `NonceUsed` or
    /// `NonceTooHigh` for the state that it meets. A nonce with a gap before it waits.
    async fn submit(&self, tx: SignedTransaction) -> Result<TxId, ChainError>;

    /// The transfer that a transaction makes, as it stands now; `None` if it was never seen.
    async fn transfer(&self, tx: &TxId) -> Result<Option<ObservedTransfer>, ChainError>;

    /// What happened to the transfers to an address after a cursor, at most `limit` (and
    /// [`PAGE_MAX`]) items. The feed is append-only: one item whenever a transfer was included in a
    /// block and one whenever a reorganization took it back, each showing the transfer as it
    /// stands **now**. It survives restarts, and a cursor never skips anything.
    async fn transfers_to(
        &self,
        address: &Address,
        after: Cursor,
        limit: usize,
    ) -> Result<Page<ObservedTransfer>, ChainError>;

    /// The balance at the tip in soma; zero for an address never seen.
    async fn balance(&self, address: &Address) -> Result<Soma, ChainError>;

    /// The nonce for the address's next transaction, counting those that wait for a block.
    async fn next_nonce(&self, address: &Address) -> Result<u64, ChainError>;

    /// The height of the tip, which is the number of blocks after the genesis.
    async fn block_count(&self) -> Result<u64, ChainError>;

    /// What `owner` lets `spender` charge, as of the tip; `None` if nothing was granted or the grant
    /// was revoked.
    async fn grant(&self, owner: &Address, spender: &Address) -> Result<Option<Grant>, ChainError>;

    /// What `owner` lets `spender` charge for an account's invoices, where grants name accounts;
    /// elsewhere as [`Chain::grant`].
    async fn grant_for(
        &self,
        owner: &Address,
        spender: &Address,
        account: &AccountId,
    ) -> Result<Option<Grant>, ChainError> {
        let _ = account;
        self.grant(owner, spender).await
    }

    /// How a grant names the account that may be charged: 0x and 64 hex digits. Where it does, the
    /// grant itself shows that its owner meant the account; `None` where it does not.
    fn account_reference(&self, account: &AccountId) -> Option<String> {
        let _ = account;
        None
    }

    /// Carries out what the engine ordered, where the chain's backend holds the key for that: once,
    /// however often it is asked for. [`Chain::transfer`] shows under the order's id how it stands.
    /// `Unsupported` elsewhere.
    async fn order(&self, order: &Order) -> Result<(), ChainError> {
        let what = format!("{}, which the chain's own key would sign,", order.id());
        Err(ChainError::Unsupported { what })
    }

    /// Hands in what was signed, or orders what is to be.
    async fn carry_out(&self, instruction: &Instruction) -> Result<TxId, ChainError> {
        match instruction {
            Instruction::Signed(signed) => self.submit(signed.clone()).await,
            Instruction::Ordered(order) => {
                self.order(order).await?;
                Ok(order.id().clone())
            }
        }
    }

    /// Whether coins can be sent to an address; `BadAddress` if it is none of this chain.
    fn check_address(&self, address: &Address) -> Result<(), ChainError> {
        crate::address::check_address(address)
    }

    /// What a payer's wallet reads to pay, where there is such a thing.
    fn payment_link(
        &self,
        target: &PaymentTarget,
        amount: MicroSynor,
    ) -> Result<Option<PaymentLink>, ChainError> {
        let _ = (target, amount);
        Ok(None)
    }

    /// The name that signatures for this chain contain.
    async fn chain_id(&self) -> Result<String, ChainError>;
}

/// How to pay from a wallet that reads links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentLink {
    /// The link that pays (EIP-681).
    pub payment_uri: String,
    /// The link that lets the contract take the amount first, for wallets that do not ask by
    /// themselves.
    pub approval_uri: String,
}
