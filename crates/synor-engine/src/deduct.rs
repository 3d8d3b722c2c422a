//! Spending a balance in real time.

use serde::{Deserialize, Serialize};
use synor_economics::billing::settlement::deducted;
use synor_economics::billing::{CreditManager, PrepaidManager};
use synor_economics::id::{AccountId, DeductionId};
use synor_economics::money::MicroSynor;
use synor_store::{ChangeSet, Deduction};

use crate::credits::{invalid_reply, put_used, request_of, scope_of};
use crate::engine::Engine;
use crate::error::EngineError;

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

impl Engine {
    /// Whether an account's balance covers an amount.
    pub async fn has_sufficient_balance(
        &self,
        account: &AccountId,
        required: MicroSynor,
    ) -> Result<bool, EngineError> {
        self.account(account).await?;
        let mut credits = CreditManager::new(self.open_credits(account).await?);
        Ok(PrepaidManager::new(&mut credits).has_sufficient_balance(required, self.now())?)
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
        self.account(account).await?;
        let command = format!("deduct/{account}/{command}");
        let request = request_of(&(amount, reason))?;
        let scope = scope_of(account);
        self.decide(&scope, || async {
            if let Some(before) = self.store.replay(&command, &request).await? {
                return serde_json::from_value(before.reply).map_err(invalid_reply);
            }
            let now = self.now();
            let version = self.store.version(&scope).await?;
            let mut credits = CreditManager::new(self.open_credits(account).await?);
            let uses = match PrepaidManager::new(&mut credits).deduct(amount, now) {
                Ok(uses) => uses,
                // Another node may have carried this very command out since it was looked for.
                Err(refused) => match self.store.replay(&command, &request).await? {
                    Some(before) => {
                        return serde_json::from_value(before.reply).map_err(invalid_reply);
                    }
                    None => return Err(refused.into()),
                },
            };
            let deduction = Deduction {
                deduction_id: DeductionId::derived(&[&command]),
                account_id: account.clone(),
                amount_micro_synor: amount,
                credits: uses,
                reason: reason.to_owned(),
                created_at: now,
            };
            let result = DeductResult {
                deduction_id: deduction.deduction_id,
                amount_deducted_micro_synor: amount,
                remaining_balance_micro_synor: credits.balance(now)?,
            };
            let mut changes = ChangeSet::new(command.clone(), now);
            changes.request.clone_from(&request);
            changes.reply = serde_json::to_value(&result).map_err(invalid_reply)?;
            changes.expect(scope.clone(), version).put(&deduction)?;
            put_used(&mut changes, &credits, &deduction.credits)?;
            // Held until the commit, so that nothing else spends within the same budget.
            let _turn = match self
                .hold_to_budgets(account, amount, version, &mut changes)
                .await
            {
                Err(refused @ EngineError::Budget(_)) => {
                    return match self.store.replay(&command, &request).await? {
                        Some(before) => serde_json::from_value(before.reply).map_err(invalid_reply),
                        None => Err(refused),
                    };
                }
                turn => turn?,
            };
            let id = deduction.deduction_id;
            changes
                .entries
                .push(deducted(id, account, &deduction.credits, reason, now)?);
            // The reply of whichever commit of the command was the first.
            let committed = self.commit(changes).await?;
            self.budgets.touch(account);
            serde_json::from_value(committed.reply).map_err(invalid_reply)
        })
        .await
    }
}
