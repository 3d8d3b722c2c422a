//! Watching budgets: what each reads is held against its thresholds, and alerts fire and are armed
//! again. Not for each event, but every few seconds for the accounts that something has happened
//! to, and every minute for all.

use std::collections::BTreeSet;

use synor_economics::account::Account;
use synor_economics::budget::{Alert, Budget, alerts_after};
use synor_economics::id::AccountId;
use synor_store::{ChangeSet, Kind, ListQuery, Scope};

use super::spend::Facts;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Looks at the budgets of the accounts that something has happened to since the last time; how
    /// many alerts fired or were armed again.
    pub async fn watch_touched_budgets(&self) -> Result<usize, EngineError> {
        let mut touched = self.budgets.take_touched();
        let budgets = self.budgets.current(&*self.store).await?;
        touched.retain(|account| !budgets.of(account).is_empty());
        self.watch(touched).await
    }

    /// Looks at all budgets. What they read changes by time alone, too: levels, months, expiries.
    pub async fn watch_budgets(&self) -> Result<usize, EngineError> {
        let budgets = self.budgets.current(&*self.store).await?;
        let mut accounts: BTreeSet<AccountId> = budgets.accounts().cloned().collect();
        // Those without a budget any more may still have an alert that fires.
        let query = ListQuery::all(Kind::Alert).open();
        let firing: Vec<Alert> = self.store.list(query).await?.items;
        accounts.extend(firing.into_iter().map(|alert| alert.account_id));
        self.watch(accounts).await
    }

    pub(super) async fn watch(&self, accounts: BTreeSet<AccountId>) -> Result<usize, EngineError> {
        let mut changed = 0;
        for account in accounts {
            changed += self.watch_account(&account).await?;
        }
        Ok(changed)
    }

    async fn watch_account(&self, account: &AccountId) -> Result<usize, EngineError> {
        let query = ListQuery::of(Kind::Alert, account).open();
        let firing: Vec<Alert> = self.store.list(query).await?.items;
        let budgets = self.budgets.current(&*self.store).await?;
        if firing.is_empty() && budgets.of(account).is_empty() {
            return Ok(0);
        }
        let account = self.account(account).await?;
        let scope = Scope::Alerts(account.account_id.clone());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let alerts = self.changed_alerts(&account).await?;
            if alerts.is_empty() {
                return Ok(0);
            }
            let mut changes = ChangeSet::new(Self::fresh_command("alerts"), self.now());
            changes.expect(scope.clone(), version);
            for alert in &alerts {
                changes.put(alert)?;
            }
            self.commit(changes).await?;
            for alert in alerts.iter().filter(|alert| alert.is_firing()) {
                let (budget, threshold) = (&alert.budget, alert.threshold);
                tracing::warn!(account = %alert.account_id, budget, %threshold, "a budget's alert");
            }
            Ok(alerts.len())
        })
        .await
    }

    async fn changed_alerts(&self, account: &Account) -> Result<Vec<Alert>, EngineError> {
        let id = &account.account_id;
        let query = ListQuery::of(Kind::Alert, id);
        let firing: Vec<Alert> = self.store.list(query.clone().open()).await?.items;
        let mut budgets = self.budgets.current(&*self.store).await?.of(id).to_vec();
        for alert in &firing {
            if !budgets.iter().any(|budget| budget.name == alert.budget) {
                let id = synor_economics::budget::budget_id(id, &alert.budget);
                budgets.extend(self.store.get::<Budget>(&id).await?);
            }
        }
        let mut facts = Facts::default();
        let mut changed = Vec::new();
        for budget in &budgets {
            let reading = self.read_budget(account, budget, &mut facts).await?;
            let mut alerts = alerts_after(budget, reading, &firing)?;
            if alerts.iter().any(Alert::is_firing) {
                // Only now does it matter how many there were before.
                let all: Vec<Alert> = self.store.list(query.clone()).await?.items;
                alerts = alerts_after(budget, reading, &all)?;
            }
            changed.append(&mut alerts);
        }
        Ok(changed)
    }
}
