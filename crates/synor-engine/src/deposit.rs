//! Deposits: an announced transfer that becomes prepaid credit when the chain has confirmed it.

use serde::{Deserialize, Serialize};
use synor_chain::SignedTransaction;
use synor_economics::billing::{Deposit, Payment, PaymentRequest};
use synor_economics::id::{AccountId, DepositId};
use synor_economics::money::MicroSynor;
use synor_store::{ChangeSet, Kind, ListQuery};

use crate::credits::{invalid_reply, request_of};
use crate::engine::Engine;
use crate::error::EngineError;

/// A deposit to be announced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDeposit {
    /// How much will be transferred.
    pub amount_micro_synor: MicroSynor,
}

/// A deposit and what has come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositState {
    /// The deposit.
    #[serde(flatten)]
    pub deposit: Deposit,
    /// What to transfer, where to, and with which reference.
    pub request: PaymentRequest,
    /// The transfers seen so far.
    pub payments: Vec<Payment>,
    /// What of it has become credit.
    pub credited_micro_synor: MicroSynor,
}

impl Engine {
    /// Announces a deposit; nothing moves until its owner transfers. The same command announces it
    /// once.
    pub async fn announce_deposit(
        &self,
        account: &AccountId,
        new: NewDeposit,
        command: &str,
    ) -> Result<DepositState, EngineError> {
        self.account(account).await?;
        if !new.amount_micro_synor.is_positive() {
            let reason = format!("must be above zero, not {}", new.amount_micro_synor);
            return Err(EngineError::Invalid {
                field: "amount_micro_synor",
                reason,
            });
        }
        let command = format!("deposit/{account}/{command}");
        let deposit = Deposit {
            deposit_id: DepositId::derived(&[&command]),
            account_id: account.clone(),
            amount_micro_synor: new.amount_micro_synor,
            created_at: self.now(),
        };
        let mut changes = ChangeSet::new(command, self.now());
        changes.request = request_of(&new)?;
        changes.reply = serde_json::to_value(deposit.deposit_id).map_err(invalid_reply)?;
        changes.put(&deposit)?;
        let committed = self.store.commit(changes).await?;
        let id: DepositId = serde_json::from_value(committed.reply).map_err(invalid_reply)?;
        self.deposit(account, id).await
    }

    /// A deposit of an account, as it stands.
    pub async fn deposit(
        &self,
        account: &AccountId,
        id: DepositId,
    ) -> Result<DepositState, EngineError> {
        let found: Option<Deposit> = self.store.get(&id.to_string()).await?;
        let deposit = found
            .filter(|d| d.account_id == *account)
            .ok_or(EngineError::NotFound {
                what: "deposit",
                id: id.to_string(),
            })?;
        let request = self.payments.deposit_request(&deposit);
        let payments = self.payments_for(account, &request).await?;
        let credited = MicroSynor::sum(payments.iter().map(|p| p.credited_micro_synor))?;
        Ok(DepositState {
            deposit,
            request,
            payments,
            credited_micro_synor: credited,
        })
    }

    /// Hands a transfer that its owner signed for a request to the chain.
    pub(crate) async fn submit_for(
        &self,
        request: &PaymentRequest,
        signed: SignedTransaction,
    ) -> Result<(), EngineError> {
        let transfer = signed.transfer();
        if transfer.to != request.pay_to || transfer.memo != request.reference {
            let reason = format!(
                "it must transfer to {} with the memo {}, not to {} with `{}`",
                request.pay_to, request.reference, transfer.to, transfer.memo
            );
            return Err(EngineError::Invalid {
                field: "signed_transfer",
                reason,
            });
        }
        self.chain.submit(signed).await?;
        Ok(())
    }

    /// The same as [`Engine::deposit`], after handing in the transfer that makes it.
    pub async fn submit_deposit(
        &self,
        account: &AccountId,
        id: DepositId,
        signed: SignedTransaction,
    ) -> Result<DepositState, EngineError> {
        let state = self.deposit(account, id).await?;
        self.submit_for(&state.request, signed).await?;
        self.deposit(account, id).await
    }

    /// The transfers of an account that were made for a request.
    pub(crate) async fn payments_for(
        &self,
        account: &AccountId,
        request: &PaymentRequest,
    ) -> Result<Vec<Payment>, EngineError> {
        let query = ListQuery::of(Kind::Payment, account);
        let all: Vec<Payment> = self.store.list(query).await?.items;
        Ok(all
            .into_iter()
            .filter(|p| p.target == request.target)
            .collect())
    }
}
