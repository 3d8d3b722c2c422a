//! Plans: what an account pays less for, and what it is promised.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::money::Exact;
use crate::period::{Period, Timestamp};

/// A plan that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a plan; there are free, standard, premium, enterprise")]
pub struct UnknownPlan(String);

/// A plan.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// No discount, 95 % availability.
    #[default]
    Free,
    /// 10 % off usage, 99 % availability.
    Standard,
    /// 20 % off usage, 99.9 % availability.
    Premium,
    /// 30 % off usage, 99.99 % availability.
    Enterprise,
}

impl Plan {
    /// All plans, from the least to the most.
    pub const ALL: [Self; 4] = [Self::Free, Self::Standard, Self::Premium, Self::Enterprise];

    /// The plan's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Standard => "standard",
            Self::Premium => "premium",
            Self::Enterprise => "enterprise",
        }
    }

    /// How many percent of usage are taken off.
    pub const fn discount_percent(self) -> Exact {
        Exact::from_integer(match self {
            Self::Free => 0,
            Self::Standard => 10,
            Self::Premium => 20,
            Self::Enterprise => 30,
        })
    }

    /// The availability that is promised, in millionths.
    pub const fn availability_ppm(self) -> u32 {
        match self {
            Self::Free => 950_000,
            Self::Standard => 990_000,
            Self::Premium => 999_000,
            Self::Enterprise => 999_900,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Plan {
    type Err = UnknownPlan;

    fn from_str(text: &str) -> Result<Self, UnknownPlan> {
        Self::ALL
            .into_iter()
            .find(|plan| plan.name() == text)
            .ok_or_else(|| UnknownPlan(text.to_owned()))
    }
}

/// From an instant on, an account is on a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanChange {
    /// From when on.
    pub from: Timestamp,
    /// On which plan.
    pub plan: Plan,
}

/// Cuts a period at the plan changes that lie inside it: each part with the plan that holds in it.
/// The parts are adjacent and make up the period. Changes are in order of time; before the first
/// one an account is on the free plan.
///
/// ```
/// use synor_economics::period::{Period, Timestamp};
/// use synor_economics::plan::{Plan, PlanChange, plans_in};
/// let at = Timestamp::from_secs;
/// let changes = [PlanChange { from: at(5), plan: Plan::Premium }];
/// let parts = plans_in(Period::new(at(0), at(20)).unwrap(), &changes);
/// assert_eq!(parts.len(), 2);
/// assert_eq!((parts[1].0.start(), parts[1].1), (at(5), Plan::Premium));
/// ```
pub fn plans_in(period: Period, changes: &[PlanChange]) -> Vec<(Period, Plan)> {
    let before = changes.iter().rev().find(|c| c.from <= period.start());
    let mut plan = before.map_or(Plan::default(), |c| c.plan);
    let mut start = period.start();
    let mut parts = Vec::new();
    for change in changes
        .iter()
        .filter(|c| c.from > period.start() && c.from < period.end())
    {
        if change.plan == plan {
            continue;
        }
        if let Ok(part) = Period::new(start, change.from) {
            parts.push((part, plan));
        }
        (start, plan) = (change.from, change.plan);
    }
    if let Ok(part) = Period::new(start, period.end()) {
        parts.push((part, plan));
    }
    parts
}
