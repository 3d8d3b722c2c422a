//! Spending a balance in real time.

use serde::{Deserialize, Serialize};
use synor_economics::billing::settlement::deducted;
use synor_economics::id::{AccountId, DeductionId};
use synor_economics::money::MicroSynor;
use synor_store::Deduction;

use crate::credits::{put_used, request_of};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::till::{SpendOrder, Spending};

/// What a deduction came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeductResult {
    /// Which deduction.
    pub deduction_id: DeductionId,
    /// What was taken: all that was asked for.
    pub amount_deducted_micro_synor: MicroSynor,
    /// What is left.
    pub remaining_balance_micro_synor: MicroSynor,
}

/// Whether a balance covers an amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sufficiency {
    /// Whose balance.
    pub account_id: AccountId,
    /// What can be spent now.
    pub available_micro_synor: MicroSynor,
    /// What was asked about.
    pub required_micro_synor: MicroSynor,
    /// Whether the one covers the other.
    pub has_sufficient_balance: bool,
}

impl Engine {
    /// Whether an account's balance covers an amount. Somebody else may spend it a moment later;
    /// a hold keeps it.
    pub async fn has_sufficient_balance(
        &self,
        account: &AccountId,
        required: MicroSynor,
    ) -> Result<Sufficiency, EngineError> {
        let now = self.now();
        let (_, mut money) = self.prepaid_of(account).await?;
        while money.expire(now)?.is_some() {}
        Ok(Sufficiency {
            account_id: account.clone(),
            available_micro_synor: money.balance(now)?,
            required_micro_synor: required,
            has_sufficient_balance: money.has_sufficient_balance(required, now)?,
        })
    }

    /// Takes all of an amount from an account's balance, or nothing. The same command takes it
    /// once.
    pub async fn deduct(
        &self,
        account: &AccountId,
        amount: MicroSynor,
        reason: &str,
        command: &str,
    ) -> Result<DeductResult, EngineError> {
        let order = SpendOrder {
            account,
            command: format!("deduct/{account}/{command}"),
            request: request_of(&(amount, reason))?,
        };
        self.spend(&order, |money, changes| {
            let now = changes.at;
            let deduction = Deduction {
                deduction_id: DeductionId::from_uuid(order.id_at(now, "deduction")),
                account_id: account.clone(),
                amount_micro_synor: amount,
                credits: money.deduct(amount, now)?,
                hold_id: None,
                reason: reason.to_owned(),
                created_at: now,
            };
            let (id, uses) = (deduction.deduction_id, &deduction.credits);
            put_used(changes.put(&deduction)?, money.credits(), uses)?;
            let entry = deducted(id, account, uses, reason, now)?;
            changes.entries.push(entry);
            let result = DeductResult {
                deduction_id: id,
                amount_deducted_micro_synor: amount,
                remaining_balance_micro_synor: money.balance(now)?,
            };
            Ok((result, Spending::Now(amount)))
        })
        .await
    }
}
