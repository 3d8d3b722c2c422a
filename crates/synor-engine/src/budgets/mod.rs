//! Budgets: setting them, removing them, how they stand, and the alerts they have fired.

mod book;
mod limit;
mod spend;
mod watch;

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::budget::{Alert, Budget, BudgetSubject, Threshold, budget_id};
use synor_economics::id::AccountId;
use synor_economics::money::Exact;
use synor_economics::period::{Month, Period};
use synor_economics::quantity::Quantity;
use synor_economics::quota::QuotaEffect;
use synor_store::{ChangeSet, Cursor, Kind, ListQuery, Page, Scope};

pub(crate) use book::BudgetBook;
pub(crate) use limit::BudgetTurn;

use crate::engine::Engine;
use crate::error::EngineError;

/// Decimals of a budget's percentage.
const PERCENT_DECIMALS: u32 = 2;

/// A budget to be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBudget {
    /// What to call it.
    pub name: String,
    /// What it is about, and how much.
    #[serde(flatten)]
    pub subject: BudgetSubject,
    /// Where an alert fires.
    pub thresholds: Vec<Threshold>,
    /// What happens when it is used up.
    pub effect: QuotaEffect,
}

/// A budget and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetState {
    /// The budget.
    #[serde(flatten)]
    pub budget: Budget,
    /// The running month.
    pub month: Month,
    /// Its period.
    pub period: Period,
    /// The unit of `limit`, `value`, and `remaining`.
    pub read_in: String,
    /// The limit.
    pub limit: Quantity,
    /// What it reads now.
    pub value: Quantity,
    /// What is left of it, never below zero; of a balance, what it is above the limit.
    pub remaining: Quantity,
    /// The reading in per cent of the limit, up to two decimals.
    pub value_percent: String,
    /// The thresholds that are crossed now.
    pub crossed: Vec<Threshold>,
}

impl Engine {
    /// Puts a budget in force, in place of the account's one of that name.
    pub async fn set_budget(
        &self,
        account: &AccountId,
        new: NewBudget,
    ) -> Result<Budget, EngineError> {
        self.account(account).await?;
        let budget = Budget {
            account_id: account.clone(),
            name: new.name,
            subject: new.subject,
            thresholds: new.thresholds,
            effect: new.effect,
            set_at: self.now(),
            removed_at: None,
        };
        budget.check()?;
        self.put_budget("set budget", &budget).await?;
        Ok(budget)
    }

    /// Removes a budget: nothing is told or stopped by it any more.
    pub async fn remove_budget(
        &self,
        account: &AccountId,
        name: &str,
    ) -> Result<Budget, EngineError> {
        self.account(account).await?;
        let id = budget_id(account, name);
        let found: Option<Budget> = self.store.get(&id).await?;
        let Some(mut budget) = found.filter(|budget| budget.removed_at.is_none()) else {
            let what = "budget";
            return Err(EngineError::NotFound { what, id });
        };
        budget.removed_at = Some(self.now());
        self.put_budget("remove budget", &budget).await?;
        Ok(budget)
    }

    async fn put_budget(&self, what: &str, budget: &Budget) -> Result<(), EngineError> {
        self.decide(&Scope::Budgets, || async {
            let version = self.store.version(&Scope::Budgets).await?;
            let mut changes = ChangeSet::new(Self::fresh_command(what), self.now());
            changes.expect(Scope::Budgets, version).put(budget)?;
            self.commit(changes).await?;
            Ok(())
        })
        .await?;
        self.budgets.forget();
        // What stops usage is kept to by the quotas.
        self.quotas.forget();
        self.watch([budget.account_id.clone()].into()).await?;
        Ok(())
    }

    /// An account's budgets, and how each stands now.
    pub async fn budgets_of(&self, account: &AccountId) -> Result<Vec<BudgetState>, EngineError> {
        let account = self.account(account).await?;
        let budgets = self.budgets.current(&*self.store).await?;
        let mut facts = spend::Facts::default();
        let mut states = Vec::new();
        for budget in budgets.of(&account.account_id) {
            states.push(self.budget_state(&account, budget, &mut facts).await?);
        }
        Ok(states)
    }

    async fn budget_state(
        &self,
        account: &Account,
        budget: &Budget,
        facts: &mut spend::Facts,
    ) -> Result<BudgetState, EngineError> {
        let reading = self.read_budget(account, budget, facts).await?;
        let (value, period) = (reading.value, reading.period);
        let limit = budget.limit_in(period)?;
        let left = match budget.subject {
            BudgetSubject::Balance { .. } => value.checked_sub(limit)?,
            _ => limit.checked_sub(value)?,
        };
        let percent = Exact::new(value.checked_mul(100)?.get(), limit.get());
        let percent = percent.map_or(Ok(String::new()), |p| p.rounded(PERCENT_DECIMALS))?;
        let mut crossed = Vec::new();
        for threshold in &budget.thresholds {
            if budget.is_crossed(*threshold, value, period)? {
                crossed.push(*threshold);
            }
        }
        Ok(BudgetState {
            budget: budget.clone(),
            month: reading.month,
            period,
            read_in: budget.unit().to_owned(),
            limit,
            value,
            remaining: left.max(Quantity::ZERO),
            value_percent: percent,
            crossed,
        })
    }

    /// A page of an account's alerts, newest first; only those that fire now, if asked for.
    pub async fn alerts(
        &self,
        account: &AccountId,
        only_firing: bool,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Alert>, EngineError> {
        self.account(account).await?;
        let query = ListQuery {
            open_only: only_firing,
            newest_first: true,
            after,
            limit,
            ..ListQuery::of(Kind::Alert, account)
        };
        Ok(self.store.list(query).await?)
    }
}
