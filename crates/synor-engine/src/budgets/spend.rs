//! What budgets read: the running month's spend, its forecast, usage, and the balance.

use synor_economics::account::Account;
use synor_economics::billing::service_spend;
use synor_economics::budget::{Budget, BudgetSubject, Reading};
use synor_economics::calculator::Estimate;
use synor_economics::id::AccountId;
use synor_economics::metering::{Measure, ServiceType};
use synor_economics::money::{MicroSynor, MoneyError, settle};
use synor_economics::period::{Month, Period};
use synor_economics::quantity::Quantity;
use synor_store::{Deduction, Kind, ListQuery, SpendTally};

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

/// How many deductions are read at once.
const PAGE: usize = 1_000;

/// What several budgets of an account rest on, worked out once.
#[derive(Default)]
pub(super) struct Facts {
    spent: Option<(Estimate, MicroSynor)>,
    forecast: Option<(Estimate, MicroSynor)>,
    balance: Option<MicroSynor>,
}

/// What a service, or everything, comes to on a bill, after discounts.
pub(super) fn spend_of(
    estimate: &Estimate,
    service: Option<ServiceType>,
) -> Result<MicroSynor, MoneyError> {
    match service {
        None => Ok(estimate.total_micro_synor),
        Some(service) => settle(service_spend(
            service,
            &estimate.line_items,
            estimate.subtotal_micro_synor,
            &estimate.discounts,
        )?),
    }
}

/// The same with what was deducted, which belongs to no service.
fn with_deducted(
    (estimate, deducted): &(Estimate, MicroSynor),
    service: Option<ServiceType>,
) -> Result<Quantity, MoneyError> {
    let spent = spend_of(estimate, service)?;
    let spent = match service {
        None => spent.checked_add(*deducted)?,
        Some(_) => spent,
    };
    Ok(Quantity::new(i128::from(spent.micro())))
}

impl Engine {
    /// What a budget reads now.
    pub(super) async fn read_budget(
        &self,
        account: &Account,
        budget: &Budget,
        facts: &mut Facts,
    ) -> Result<Reading, EngineError> {
        let at = self.now();
        let month = Month::containing(at, &account.time_zone)?;
        let period = month.period(&account.time_zone)?;
        let id = &account.account_id;
        let value = match &budget.subject {
            BudgetSubject::Spend { service, .. } => {
                if facts.spent.is_none() {
                    let lists = self.price_lists();
                    let estimate = self.estimator_of(account, None, &lists).await?.estimate()?;
                    facts.spent = Some((estimate, self.deducted_in(id, month, period).await?));
                }
                let spent = facts.spent.as_ref();
                spent.map_or(Ok(Quantity::ZERO), |spent| with_deducted(spent, *service))?
            }
            BudgetSubject::Forecast { service, .. } => {
                if facts.forecast.is_none() {
                    let expected = self.forecast(id).await?.expected;
                    facts.forecast = Some((expected, self.deducted_in(id, month, period).await?));
                }
                let forecast = facts.forecast.as_ref();
                forecast.map_or(Ok(Quantity::ZERO), |f| with_deducted(f, *service))?
            }
            BudgetSubject::Usage { resource, .. } => {
                let seen = match resource.spec().measure {
                    Measure::Sum => period,
                    Measure::Level { .. } => period.until(at.plus_secs(1)).unwrap_or(period),
                };
                self.used_in(id, *resource, seen).await?
            }
            BudgetSubject::Balance { .. } => {
                if facts.balance.is_none() {
                    facts.balance = Some(self.balance(id).await?.balance_micro_synor);
                }
                let balance = facts.balance.unwrap_or(MicroSynor::ZERO);
                Quantity::new(i128::from(balance.micro()))
            }
        };
        Ok(Reading {
            value,
            month,
            period,
            at,
        })
    }

    /// What was deducted from an account in a month: by its tally, if that holds now.
    async fn deducted_in(
        &self,
        account: &AccountId,
        month: Month,
        period: Period,
    ) -> Result<MicroSynor, EngineError> {
        let version = self.store.version(&scope_of(account)).await?;
        self.deducted_at(account, month, period, version).await
    }

    /// The same at a version of the account's scope.
    pub(super) async fn deducted_at(
        &self,
        account: &AccountId,
        month: Month,
        period: Period,
        version: u64,
    ) -> Result<MicroSynor, EngineError> {
        let tally: Option<SpendTally> = self.store.get(account.as_str()).await?;
        if let Some(tally) = tally.filter(|t| t.month == month && t.version == version) {
            return Ok(tally.deducted_micro_synor);
        }
        let mut query = ListQuery {
            newest_first: true,
            limit: PAGE,
            ..ListQuery::of(Kind::Deduction, account)
        };
        let mut sum = MicroSynor::ZERO;
        loop {
            let page = self.store.list::<Deduction>(query.clone()).await?;
            for deduction in &page.items {
                if deduction.created_at < period.start() {
                    return Ok(sum);
                }
                if period.contains(deduction.created_at) {
                    sum = sum.checked_add(deduction.amount_micro_synor)?;
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(sum),
            }
        }
    }
}
