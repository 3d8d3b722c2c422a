//! Deposits: an announced transfer that becomes prepaid credit when the chain has confirmed it.

use serde::{Deserialize, Serialize};
use synor_chain::{SignedTransaction, TransferStatus};
use synor_economics::billing::{Deposit, Payment, PaymentRequest};
use synor_economics::id::{AccountId, DepositId};
use synor_economics::money::MicroSynor;
use synor_store::{ChangeSet, Kind, ListQuery};

use crate::credits::{invalid_reply, request_of, scope_of};
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
            tx_id: None,
            created_at: self.now(),
        };
        let mut changes = ChangeSet::new(command, self.now());
        changes.request = request_of(&new)?;
        changes.reply = serde_json::to_value(deposit.deposit_id).map_err(invalid_reply)?;
        changes.put(&deposit)?;
        let committed = self.commit(changes).await?;
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
        let request = self.linked(self.payments.deposit_request(&deposit))?;
        let payments = self.payments_for(account, &request).await?;
        let credited = MicroSynor::sum(payments.iter().map(|p| p.credited_micro_synor))?;
        Ok(DepositState {
            deposit,
            request,
            payments,
            credited_micro_synor: credited,
        })
    }

    /// Hands the signed transfer of a deposit to the chain. A second transfer for the same deposit
    /// is not handed in while the first lives, so that a retry never pays twice.
    pub async fn submit_deposit(
        &self,
        account: &AccountId,
        id: DepositId,
        signed: SignedTransaction,
    ) -> Result<DepositState, EngineError> {
        let scope = scope_of(account);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let state = self.deposit(account, id).await?;
            if self.is_under_way(&state, &signed).await? {
                return Ok(());
            }
            self.check_for(&state.request, &signed)?;
            let deposit = Deposit {
                tx_id: Some(signed.tx_id()),
                ..state.deposit
            };
            let mut changes = ChangeSet::new(Self::fresh_command("deposit transfer"), self.now());
            changes.expect(scope.clone(), version).put(&deposit)?;
            // Written down first: if the chain then refuses, another transfer may take its place.
            self.commit(changes).await?;
            self.chain.submit(signed.clone()).await?;
            Ok(())
        })
        .await?;
        self.deposit(account, id).await
    }

    /// Whether another transfer than this one is already on its way for the deposit.
    async fn is_under_way(
        &self,
        state: &DepositState,
        signed: &SignedTransaction,
    ) -> Result<bool, EngineError> {
        match &state.deposit.tx_id {
            Some(first) if *first != signed.tx_id() => {
                let seen = self.chain.transfer(first).await?;
                Ok(seen.is_some_and(|t| {
                    matches!(t.status, TransferStatus::Pending | TransferStatus::Included)
                }))
            }
            _ => Ok(false),
        }
    }

    /// Refuses a transfer that is not what was asked for.
    pub(crate) fn check_for(
        &self,
        request: &PaymentRequest,
        signed: &SignedTransaction,
    ) -> Result<(), EngineError> {
        let transfer = signed.transfer();
        if transfer.to == request.pay_to && transfer.memo == request.reference {
            return Ok(());
        }
        let reason = format!(
            "it must transfer to {} with the memo {}, not to {} with `{}`",
            request.pay_to, request.reference, transfer.to, transfer.memo
        );
        Err(EngineError::Invalid {
            field: "signed_transfer",
            reason,
        })
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
