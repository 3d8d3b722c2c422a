//! What usage costs: made-up usage, a file's, or an account's own, under any prices, plan and
//! commitment, in the very steps of an invoice.

mod bills;
mod forecast;
mod of_account;
mod rerate;

pub use forecast::Forecast;
pub use rerate::{RepricedAccount, RerateRequest, Rerated};

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::calculator::{
    CommitmentCost, CostEstimator, Estimate, EstimateError, FLAGS, FlagError, PlanCost, UsageInput,
    nobody, usage_by_flag, usd,
};
use synor_economics::id::AccountId;
use synor_economics::metering::UsageRow;
use synor_economics::metering::summary::Tally;
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::{DAY_SECS, Month, Period, Timestamp, Zone};
use synor_economics::plan::Plan;
use synor_economics::pricing::PriceList;
use synor_economics::pricing::reserved::Committed;

use crate::engine::Engine;
use crate::error::EngineError;

/// The days of a month that is no calendar month.
const MONTH_DAYS: i64 = 30;

/// What to estimate. With no usage given, it is an account's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EstimateRequest {
    /// The month; without it, one of 30 days, or for an account's own usage the running one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Month>,
    /// Quantities as people type them, by name: `"storage": ["500GB"]`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flags: BTreeMap<String, Vec<String>>,
    /// Quantities as programs give them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<UsageInput>,
    /// Usage of several accounts or months, each billed by itself and summed up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bills: Vec<UsageBill>,
    /// The plan all through; without it, the account's own, or free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// A price list as it is written; without it, those in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_list: Option<String>,
    /// Commitments besides the account's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commitments: Vec<Committed>,
    /// What a SYNOR is worth in USD; without it, what the price list says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_synor: Option<String>,
    /// Whether to compare plans, and with and without each commitment, which then does not count
    /// in the estimate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub compare: bool,
}

impl EstimateRequest {
    /// Whether it brings usage along, rather than asking about an account's own.
    pub fn is_made_up(&self) -> bool {
        !(self.flags.is_empty() && self.usage.is_empty() && self.bills.is_empty())
    }
}

/// The usage of an account's month.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageBill {
    /// What to call it. For an admin, or if it is the caller's, the account whose own prices apply.
    #[serde(default)]
    pub account_id: Option<AccountId>,
    /// The month; without it, the request's.
    #[serde(default)]
    pub period: Option<Month>,
    /// How much of what.
    pub usage: Vec<UsageInput>,
}

/// What it costs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CostEstimate {
    /// What a SYNOR is worth in USD, exact; absent if nothing says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_synor: Option<Exact>,
    /// Each bill.
    pub estimates: Vec<Estimate>,
    /// The sum of all lines and fees.
    pub subtotal_micro_synor: MicroSynor,
    /// The sum of what is owed before credits.
    pub total_micro_synor: MicroSynor,
    /// The sum of what lines below zero give back.
    pub credit_micro_synor: MicroSynor,
    /// The total in µUSD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_micro_usd: Option<i64>,
    /// The same under each plan, if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<PlanCost>,
    /// The same with and without each commitment, if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commitments: Vec<CommitmentCost>,
}

/// Who asks for an estimate, and about whom.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asker<'a> {
    /// The account that it is about.
    pub account: Option<&'a AccountId>,
    /// Whether the caller may see all accounts.
    pub is_admin: bool,
}

impl Engine {
    /// What usage costs. Amounts are those of an invoice, rounded line by line.
    pub async fn estimate(
        &self,
        request: EstimateRequest,
        asker: Asker<'_>,
    ) -> Result<CostEstimate, EngineError> {
        let lists = self.lists_of(request.price_list.as_deref())?;
        let stated = stated_rate(&request)?;
        let month = match request.period {
            Some(month) => Some((month, month.period(&Zone::utc())?.end())),
            None => None,
        };
        let lists = self.estimated_lists(lists, stated, month).await?;
        let estimators = match asker.account {
            _ if request.is_made_up() => self.made_up(&request, asker, &lists).await?,
            Some(account) => {
                let account = self.account(account).await?;
                let estimator = self.estimator_of(&account, request.period, &lists).await?;
                vec![match request.plan {
                    Some(plan) => estimator.with_plan(plan),
                    None => estimator,
                }]
            }
            None => {
                let reason = "give usage, flags or bills, or an account whose usage to take";
                return Err(EngineError::Invalid {
                    field: "usage",
                    reason: reason.to_owned(),
                });
            }
        };
        answer(&request, stated, estimators)
    }

    /// The price lists to rate by: the one given, all through, or those in force.
    fn lists_of(&self, toml: Option<&str>) -> Result<Arc<Vec<PriceList>>, EngineError> {
        let Some(toml) = toml else {
            return Ok(self.price_lists());
        };
        let mut list = PriceList::parse(toml)?;
        list.effective_from = Timestamp::from_secs(i64::MIN);
        Ok(Arc::new(vec![list]))
    }

    async fn made_up<'a>(
        &self,
        request: &EstimateRequest,
        asker: Asker<'_>,
        lists: &'a [PriceList],
    ) -> Result<Vec<CostEstimator<'a>>, EngineError> {
        let known = match asker.account {
            Some(id) => Some(self.account(id).await?),
            None => None,
        };
        let now = self.now();
        let current = known.as_ref().and_then(|account| {
            let changes = account.plan_changes.iter().rev();
            changes.into_iter().find(|change| change.from <= now)
        });
        let plan = request
            .plan
            .or(current.map(|change| change.plan))
            .unwrap_or_default();
        let someone = match known {
            Some(account) => account,
            None => nobody().map_err(|error| invalid("account", error))?,
        };
        let mut estimators = Vec::new();
        if !request.flags.is_empty() || !request.usage.is_empty() {
            let (month, period, list) = self.when(request.period, &someone.time_zone, lists)?;
            let rows = rows(&request.flags, &request.usage, period.secs())?;
            estimators.push(CostEstimator::of_usage(
                someone.clone(),
                month,
                period,
                list,
                plan,
                rows,
            ));
        }
        for bill in &request.bills {
            let of = bill.period.or(request.period);
            let (month, period, list) = self.when(of, &Zone::utc(), lists)?;
            let rows = rows(&BTreeMap::new(), &bill.usage, period.secs())?;
            let named = bill.account_id.as_ref();
            let own = named.filter(|id| asker.is_admin || asker.account == Some(*id));
            let account = Account {
                account_id: own.unwrap_or(&someone.account_id).clone(),
                ..someone.clone()
            };
            estimators.push(CostEstimator::of_usage(
                account, month, period, list, plan, rows,
            ));
        }
        Ok(estimators)
    }

    /// A month, its period, and the price list in force as it begins; for a month of 30 days, now.
    fn when<'a>(
        &self,
        month: Option<Month>,
        zone: &Zone,
        lists: &'a [PriceList],
    ) -> Result<(Month, Period, &'a PriceList), EngineError> {
        let (month, period, at) = match month {
            Some(month) => {
                let period = month.period(zone)?;
                (month, period, period.start())
            }
            None => {
                let month = Month::containing(self.now(), zone)?;
                let start = month.period(zone)?.start();
                let end = start.plus_secs(MONTH_DAYS * DAY_SECS);
                (month, Period::new(start, end)?, self.now())
            }
        };
        let list = lists.iter().rev().find(|list| list.effective_from <= at);
        Ok((month, period, list.ok_or(EngineError::NoPriceList(at))?))
    }
}

fn rows(
    flags: &BTreeMap<String, Vec<String>>,
    usage: &[UsageInput],
    month_secs: i64,
) -> Result<Vec<UsageRow>, EngineError> {
    let mut tally = Tally::default();
    for (name, values) in flags {
        for value in values {
            let row = usage_by_flag(name, value, month_secs)?;
            tally.add(row.key, row.quantity)?;
        }
    }
    for input in usage {
        let row = input.row(month_secs)?;
        tally.add(row.key, row.quantity)?;
    }
    Ok(tally.into_rows())
}

/// The rate that the request states.
fn stated_rate(request: &EstimateRequest) -> Result<Option<Exact>, EngineError> {
    match &request.usd_per_synor {
        Some(text) => {
            let rate = Exact::parse_decimal(text).ok().filter(Exact::is_positive);
            let wrong = || {
                invalid(
                    "usd_per_synor",
                    format!("`{text}` is not a rate above zero"),
                )
            };
            rate.ok_or_else(wrong).map(Some)
        }
        None => Ok(None),
    }
}

fn answer(
    request: &EstimateRequest,
    stated: Option<Exact>,
    estimators: Vec<CostEstimator<'_>>,
) -> Result<CostEstimate, EngineError> {
    let first = estimators.first().and_then(|e| e.segments.first());
    let usd_per_synor = stated.or(first.and_then(|segment| segment.list.usd_per_synor()));
    if !request.commitments.is_empty() && estimators.len() > 1 {
        let reason = "a commitment is one account's in a month; this is usage of several";
        return Err(invalid("commitments", reason));
    }
    let calendar =
        request.period.is_some() || (request.flags.is_empty() && request.usage.is_empty());
    let mut cost = CostEstimate {
        usd_per_synor,
        estimates: Vec::with_capacity(estimators.len()),
        subtotal_micro_synor: MicroSynor::ZERO,
        total_micro_synor: MicroSynor::ZERO,
        credit_micro_synor: MicroSynor::ZERO,
        total_micro_usd: None,
        plans: Vec::new(),
        commitments: Vec::new(),
    };
    for (at, mut estimator) in estimators.into_iter().enumerate() {
        if request.compare {
            add_plans(&mut cost.plans, estimator.compare_plans()?)?;
        }
        for committed in &request.commitments {
            if request.compare {
                cost.commitments
                    .push(estimator.compare_commitment(committed.clone())?);
            } else {
                estimator = estimator.with_commitment(committed.clone())?;
            }
        }
        let mut estimate = estimator.estimate()?;
        if !calendar {
            estimate.month = None;
        }
        // What a bill is called is the caller's, whosever prices it was rated by.
        if let Some(bill) = request.bills.get(at)
            && request.flags.is_empty()
            && request.usage.is_empty()
        {
            estimate.account_id.clone_from(&bill.account_id);
            estimate.month = bill.period.or(request.period);
        }
        cost.subtotal_micro_synor = cost
            .subtotal_micro_synor
            .checked_add(estimate.subtotal_micro_synor)?;
        cost.total_micro_synor = cost
            .total_micro_synor
            .checked_add(estimate.total_micro_synor)?;
        cost.credit_micro_synor = cost
            .credit_micro_synor
            .checked_add(estimate.credit_micro_synor)?;
        cost.estimates.push(estimate);
    }
    cost.total_micro_usd = match usd_per_synor {
        Some(rate) => Some(usd(cost.total_micro_synor, rate)?),
        None => None,
    };
    Ok(cost)
}

fn add_plans(sums: &mut Vec<PlanCost>, costs: Vec<PlanCost>) -> Result<(), EngineError> {
    if sums.is_empty() {
        *sums = costs;
        return Ok(());
    }
    for (sum, cost) in sums.iter_mut().zip(costs) {
        let add = MicroSynor::checked_add;
        sum.subtotal_micro_synor = add(sum.subtotal_micro_synor, cost.subtotal_micro_synor)?;
        sum.discounts_micro_synor = add(sum.discounts_micro_synor, cost.discounts_micro_synor)?;
        sum.total_micro_synor = add(sum.total_micro_synor, cost.total_micro_synor)?;
    }
    Ok(())
}

pub(crate) fn invalid(field: &'static str, reason: impl ToString) -> EngineError {
    EngineError::Invalid {
        field,
        reason: reason.to_string(),
    }
}

impl From<FlagError> for EngineError {
    fn from(error: FlagError) -> Self {
        let flag = FLAGS.iter().find(|flag| flag.name == error.flag);
        match flag {
            Some(flag) => invalid(flag.name, format!("`{}` {}", error.value, error.reason)),
            None => invalid("usage", error),
        }
    }
}

impl From<EstimateError> for EngineError {
    fn from(error: EstimateError) -> Self {
        match error {
            EstimateError::Bill(error) => Self::Bill(error),
            EstimateError::Commitment(error) => error.into(),
            EstimateError::Money(error) => error.into(),
        }
    }
}
