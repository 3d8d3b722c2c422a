//! What would change under another price list: real usage billed twice, side by side.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::{Month, Zone};
use synor_economics::plan::Plan;
use synor_economics::pricing::PriceList;

use super::invalid;
use crate::close_period::FailedAccount;
use crate::engine::Engine;
use crate::error::EngineError;

/// Which usage, under which other terms.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RerateRequest {
    /// The other price list as it is written; without it, those in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_list: Option<String>,
    /// Another plan for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The month; the running one in UTC if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Month>,
    /// Only this account; all with usage if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
}

/// Who pays more or less.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rerated {
    /// The month.
    pub period: Month,
    /// The accounts, from who pays most more to who pays most less.
    pub items: Vec<RepricedAccount>,
    /// Now, together.
    pub now_micro_synor: MicroSynor,
    /// Under the other terms, together.
    pub then_micro_synor: MicroSynor,
    /// The difference, together.
    pub difference_micro_synor: MicroSynor,
    /// Accounts whose usage cannot be billed under one of the two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedAccount>,
}

/// An account's month under the terms of today and the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepricedAccount {
    /// Which account.
    pub account_id: AccountId,
    /// What it pays now, before credits.
    pub now_micro_synor: MicroSynor,
    /// What it would pay.
    pub then_micro_synor: MicroSynor,
    /// How much more; below zero if less.
    pub difference_micro_synor: MicroSynor,
    /// The same in per cent of now, rounded to a hundredth; absent where now is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
}

impl Engine {
    /// Bills a month's real usage under the terms of today and under others. What came late for
    /// other months is left out of both.
    pub async fn rerate(&self, request: RerateRequest) -> Result<Rerated, EngineError> {
        if request.price_list.is_none() && request.plan.is_none() {
            return Err(invalid(
                "price_list",
                "give another price list or another plan",
            ));
        }
        let others = self.lists_of(request.price_list.as_deref())?;
        let in_force = self.price_lists();
        let period = match request.period {
            Some(month) => month,
            None => Month::containing(self.now(), &Zone::utc())?,
        };
        let end = period.period(&Zone::utc())?.end();
        let others = self
            .estimated_lists(others, None, Some((period, end)))
            .await?;
        let in_force = self
            .estimated_lists(in_force, None, Some((period, end)))
            .await?;
        let accounts = match &request.account_id {
            Some(id) => vec![self.account(id).await?],
            None => self.accounts().await?,
        };
        let mut items = Vec::new();
        let mut failed = Vec::new();
        for account in &accounts {
            let both = [(&in_force, None), (&others, request.plan)];
            match self
                .both_totals(account, period, both.map(|(l, p)| (l.as_slice(), p)))
                .await
            {
                Ok(Some((now, then))) => items.push(repriced(account, now, then)?),
                Ok(None) => {}
                Err(error @ (EngineError::Bill(_) | EngineError::Pricing(_))) => {
                    let (account_id, reason) = (account.account_id.clone(), error.to_string());
                    failed.push(FailedAccount { account_id, reason });
                }
                Err(error) => return Err(error),
            }
        }
        items.sort_by_key(|item| Reverse(item.difference_micro_synor));
        let sum = |of: fn(&RepricedAccount) -> MicroSynor| MicroSynor::sum(items.iter().map(of));
        Ok(Rerated {
            period,
            now_micro_synor: sum(|item| item.now_micro_synor)?,
            then_micro_synor: sum(|item| item.then_micro_synor)?,
            difference_micro_synor: sum(|item| item.difference_micro_synor)?,
            failed,
            items,
        })
    }

    /// `None` for an account without usage or fees.
    async fn both_totals(
        &self,
        account: &Account,
        month: Month,
        [now, then]: [(&[PriceList], Option<Plan>); 2],
    ) -> Result<Option<(MicroSynor, MicroSynor)>, EngineError> {
        let running = Month::containing(self.now(), &account.time_zone)?;
        let until = (month == running).then(|| self.now().plus_secs(1));
        let through = self.usage.position().await?;
        let mut totals = [MicroSynor::ZERO; 2];
        for (total, (lists, plan)) in totals.iter_mut().zip([now, then]) {
            let mut estimator = self
                .estimator_until(account, month, lists, until, through)
                .await?;
            if let Some(plan) = plan {
                estimator = estimator.with_plan(plan);
            }
            let estimate = estimator.estimate()?;
            if estimate.line_items.is_empty() && estimate.fees.is_empty() {
                return Ok(None);
            }
            *total = estimate.total_micro_synor;
        }
        let [now, then] = totals;
        Ok(Some((now, then)))
    }
}

fn repriced(
    account: &Account,
    now: MicroSynor,
    then: MicroSynor,
) -> Result<RepricedAccount, EngineError> {
    let difference = then.checked_sub(now)?;
    let percent = match Exact::new(
        i128::from(difference.micro()) * 100,
        i128::from(now.micro()),
    ) {
        Some(percent) => Some(percent.rounded(2)?),
        None => None,
    };
    Ok(RepricedAccount {
        account_id: account.account_id.clone(),
        now_micro_synor: now,
        then_micro_synor: then,
        difference_micro_synor: difference,
        percent,
    })
}
