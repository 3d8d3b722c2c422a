//! The running month to its end: what was used so far, and what follows if the last days go on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::calculator::{CostEstimator, Estimate, Projection, project, usd};
use synor_economics::id::AccountId;
use synor_economics::metering::summary::{Tally, is_spot};
use synor_economics::metering::{Measure, ResourceType, UsageKey, UsageRow};
use synor_economics::money::Exact;
use synor_economics::period::{DAY_SECS, Month, Period, Timestamp};
use synor_economics::quantity::Quantity;
use synor_usage::{EventQuery, LogPosition, Step};

use crate::engine::Engine;
use crate::error::EngineError;

/// How many full days the projection looks back on.
const DAYS: usize = 7;

/// A month's projected bill. The lower and upper ends have all kinds of usage at the ends of their
/// bands at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forecast {
    /// Whose.
    pub account_id: AccountId,
    /// The running month.
    pub month: Month,
    /// Up to when usage is known.
    pub as_of: Timestamp,
    /// How many full days the projection rests on.
    pub days: u64,
    /// What is still to come of the month, in seconds.
    pub rest_secs: i64,
    /// What the month would be billed if it ended now.
    pub so_far: Estimate,
    /// The lower end of the band.
    pub low: Estimate,
    /// What is expected.
    pub expected: Estimate,
    /// The upper end of the band.
    pub high: Estimate,
    /// What is expected, in µUSD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_micro_usd: Option<i64>,
    /// The usage behind it.
    pub usage: Vec<Projection>,
}

/// What is known of the days behind and the level ahead, by what prices depend on.
struct Basis {
    days: Vec<BTreeMap<UsageKey, Quantity>>,
    levels: BTreeMap<UsageKey, Quantity>,
    /// The resources of which the account reports samples.
    sampled: BTreeSet<ResourceType>,
}

impl Basis {
    fn is_level(&self, key: &UsageKey) -> bool {
        self.sampled.contains(&key.resource)
    }
}

#[derive(Clone, Copy)]
enum End {
    Low,
    Expected,
    High,
}

impl Engine {
    /// Projects an account's running month: amounts by the mean of the last seven full days, levels
    /// where they stand, each billed as the invoice would.
    pub async fn forecast(&self, account: &AccountId) -> Result<Forecast, EngineError> {
        let account = self.account(account).await?;
        let month = Month::containing(self.now(), &account.time_zone)?;
        let end = month.period(&account.time_zone)?.end();
        let lists = self
            .estimated_lists(self.price_lists(), None, Some((month, end)))
            .await?;
        let as_of = self.now().plus_secs(1);
        let so_far = self.estimator_of(&account, Some(month), &lists).await?;
        let through = so_far.usage_log_position;
        let rest = Period::new(as_of, so_far.period.end()).ok();
        let basis = self.basis(&account, rest, through).await?;
        let usage = projections(&so_far, &basis, rest)?;
        let expected = self
            .ahead(&so_far, &basis, rest, End::Expected)
            .await?
            .estimate()?;
        let rate = so_far.segments.first().and_then(|s| s.list.usd_per_synor());
        Ok(Forecast {
            account_id: account.account_id.clone(),
            month,
            as_of: self.now(),
            days: basis.days.len() as u64,
            rest_secs: rest.map_or(0, Period::secs),
            so_far: so_far.estimate()?,
            low: self
                .ahead(&so_far, &basis, rest, End::Low)
                .await?
                .estimate()?,
            expected_micro_usd: match rate {
                Some(rate) => Some(usd(expected.total_micro_synor, rate)?),
                None => None,
            },
            expected,
            high: self
                .ahead(&so_far, &basis, rest, End::High)
                .await?
                .estimate()?,
            usage,
        })
    }

    async fn basis(
        &self,
        account: &Account,
        rest: Option<Period>,
        through: LogPosition,
    ) -> Result<Basis, EngineError> {
        let now = self.now();
        // A day more than needed, for days of 25 hours and the one that has not ended.
        let back = i64::try_from(DAYS + 2)
            .unwrap_or(i64::MAX)
            .saturating_mul(DAY_SECS);
        let window = Period::new(now.plus_secs(-back), now.plus_secs(DAY_SECS))?;
        let steps = synor_usage::series::steps(window, Step::Day, &account.time_zone)?;
        // The first step is cut off, and so is not a full day.
        let full: Vec<_> = steps
            .into_iter()
            .skip(1)
            .filter(|day| day.end() <= now)
            .collect();
        let mut days = Vec::new();
        for day in full.iter().skip(full.len().saturating_sub(DAYS)) {
            let rows = self.kinds(account, *day, through).await?;
            // An account that has just begun is not taken for one that used nothing before.
            if !(days.is_empty() && rows.is_empty()) {
                days.push(rows);
            }
        }
        let mut levels = match rest {
            Some(rest) => self.kinds(account, rest, through).await?,
            None => BTreeMap::new(),
        };
        let sampled = self.sampled(account).await?;
        levels.retain(|key, _| sampled.contains(&key.resource));
        Ok(Basis {
            days,
            levels,
            sampled,
        })
    }

    /// The levels of which the account reports samples, rather than amounts that its source has
    /// integrated: by the first event of each.
    async fn sampled(&self, account: &Account) -> Result<BTreeSet<ResourceType>, EngineError> {
        let mut sampled = BTreeSet::new();
        let is_level = |measure| matches!(measure, Measure::Level { .. });
        for spec in ResourceType::all().filter(|spec| is_level(spec.measure)) {
            let first = EventQuery {
                resource: Some(spec.resource),
                limit: 1,
                ..EventQuery::all(account.account_id.clone())
            };
            let page = self.usage.events(first).await?;
            if page.items.iter().any(|logged| logged.event.is_sample) {
                sampled.insert(spec.resource);
            }
        }
        Ok(sampled)
    }

    /// Usage of a period by what prices depend on, without spot usage, which the market prices.
    async fn kinds(
        &self,
        account: &Account,
        period: Period,
        through: LogPosition,
    ) -> Result<BTreeMap<UsageKey, Quantity>, EngineError> {
        let summary = self
            .usage
            .summary(&account.account_id, period, Some(through))
            .await?;
        kinds_of(summary.rows)
    }

    /// The month with what follows at an end of the band, in the segments that it falls into.
    async fn ahead<'a>(
        &self,
        so_far: &CostEstimator<'a>,
        basis: &Basis,
        rest: Option<Period>,
        end: End,
    ) -> Result<CostEstimator<'a>, EngineError> {
        let mut ahead = so_far.clone();
        let Some(rest) = rest else {
            return Ok(ahead);
        };
        for segment in &mut ahead.segments {
            let start = segment.period.start().max(rest.start());
            let Ok(part) = Period::new(start, segment.period.end()) else {
                continue;
            };
            let id = &so_far.account.account_id;
            let through = Some(so_far.usage_log_position);
            let levels = kinds_of(self.usage.summary(id, part, through).await?.rows)?;
            let mut tally = Tally::default();
            for row in std::mem::take(&mut segment.rows) {
                tally.add(row.key, row.quantity)?;
            }
            for (key, quantity) in levels {
                if basis.is_level(&key) {
                    tally.add(key, quantity)?;
                }
            }
            for key in keys(basis) {
                if basis.is_level(&key) {
                    continue;
                }
                // What falls into the part is what falls up to its end less what falls before it.
                let whole = amount(basis, &key, rest.secs(), end)?;
                let until = |at: Timestamp| {
                    let secs = i128::from(at.secs_since(rest.start()));
                    let share = Exact::new(secs, i128::from(rest.secs()));
                    let share = share.unwrap_or(Exact::ZERO);
                    Quantity::measured(whole.exact().checked_mul(share)?)
                };
                tally.add(
                    key.clone(),
                    until(part.end())?.checked_sub(until(part.start())?)?,
                )?;
            }
            segment.rows = tally.into_rows();
        }
        Ok(ahead)
    }
}

fn kinds_of(rows: Vec<UsageRow>) -> Result<BTreeMap<UsageKey, Quantity>, EngineError> {
    let mut kinds: BTreeMap<UsageKey, Quantity> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| !is_spot(&row.key.dimensions)) {
        let key = UsageKey {
            provider: None,
            ..row.key
        };
        let sum = kinds.entry(key).or_default();
        *sum = sum.checked_add(row.quantity)?;
    }
    Ok(kinds)
}

fn keys(basis: &Basis) -> Vec<UsageKey> {
    let mut keys: Vec<_> = basis
        .days
        .iter()
        .flat_map(BTreeMap::keys)
        .cloned()
        .collect();
    keys.extend(basis.levels.keys().cloned());
    keys.sort();
    keys.dedup();
    keys
}

fn amount(
    basis: &Basis,
    key: &UsageKey,
    rest_secs: i64,
    end: End,
) -> Result<Quantity, EngineError> {
    let days = basis
        .days
        .iter()
        .map(|day| day.get(key).copied().unwrap_or_default());
    let rest = project(&days.collect::<Vec<_>>(), rest_secs)?;
    Ok(match end {
        End::Low => rest.low,
        End::Expected => rest.expected,
        End::High => rest.high,
    })
}

fn projections(
    so_far: &CostEstimator<'_>,
    basis: &Basis,
    rest: Option<Period>,
) -> Result<Vec<Projection>, EngineError> {
    let rows = so_far
        .segments
        .iter()
        .flat_map(|segment| segment.rows.clone());
    let used = kinds_of(rows.collect())?;
    let mut all = keys(basis);
    all.extend(used.keys().cloned());
    all.sort();
    all.dedup();
    let rest_secs = rest.map_or(0, Period::secs);
    let mut found = Vec::new();
    for key in all {
        let so_far = used.get(&key).copied().unwrap_or_default();
        let held = basis.levels.get(&key).copied().unwrap_or_default();
        let level = basis.is_level(&key).then_some(held);
        let by = |end| match level {
            Some(held) => Ok(so_far.checked_add(held)?),
            None => amount(basis, &key, rest_secs, end)
                .and_then(|amount| Ok(so_far.checked_add(amount)?)),
        };
        found.push(Projection {
            so_far,
            low: by(End::Low)?,
            expected: by(End::Expected)?,
            high: by(End::High)?,
            is_level: level.is_some(),
            resource: key.resource,
            dimensions: key.dimensions,
        });
    }
    Ok(found)
}
