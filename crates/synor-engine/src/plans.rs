//! Changing an account's plan, from an instant on.

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_economics::period::Timestamp;
use synor_economics::plan::{Plan, PlanChange};
use synor_store::ChangeSet;

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

/// A plan to change to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    /// Which.
    pub plan: Plan,
    /// From when on; now if absent.
    #[serde(default)]
    pub from: Option<Timestamp>,
}

impl Engine {
    /// Puts an account on a plan. The month is split at the instant; time that was billed already
    /// does not change its plan, and neither does time before the latest change.
    pub async fn change_plan(
        &self,
        account: &AccountId,
        new: NewPlan,
    ) -> Result<Account, EngineError> {
        let scope = scope_of(account);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let mut account = self.account(account).await?;
            let from = new.from.unwrap_or_else(|| self.now());
            self.refuse_billed(&account.account_id, from).await?;
            match account.plan_changes.last() {
                Some(last) if last.plan == new.plan && last.from <= from => return Ok(account),
                Some(last) if from < last.from => {
                    let reason = format!("the plan changed at {} already", last.from);
                    return Err(EngineError::Invalid {
                        field: "from",
                        reason,
                    });
                }
                Some(last) if last.from == from => {
                    account.plan_changes.pop();
                }
                _ => {}
            }
            account.plan_changes.push(PlanChange {
                from,
                plan: new.plan,
            });
            let mut changes = ChangeSet::new(Self::fresh_command("plan"), self.now());
            changes.expect(scope.clone(), version).put(&account)?;
            self.commit(changes).await?;
            Ok(account)
        })
        .await
    }

    /// Refuses an instant in time that has been invoiced.
    pub(crate) async fn refuse_billed(
        &self,
        account: &AccountId,
        from: Timestamp,
    ) -> Result<(), EngineError> {
        let invoices = self.invoices_of(account).await?;
        let billed = invoices.iter().map(|invoice| invoice.period.end()).max();
        match billed.filter(|end| from < *end) {
            None => Ok(()),
            Some(end) => {
                let reason = format!("{from} has been billed already; the earliest is {end}");
                Err(EngineError::Invalid {
                    field: "from",
                    reason,
                })
            }
        }
    }
}
