//! Budgets: what an account means to spend, use or keep, at which marks somebody is told, and
//! whether it stops there.
//!
//! Spend and forecast are of a calendar month of the account's time zone: what its usage comes to
//! after discounts, and what was deducted in real time. Usage is of that month, too; a balance is of
//! now.

mod alert;
mod threshold;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::AccountId;
use crate::metering::{MeteringUnit, ResourceType, ServiceType};
use crate::money::{Exact, MICRO_PER_SYNOR, MicroSynor, MoneyError};
use crate::period::{Period, Timestamp};
use crate::quantity::Quantity;
use crate::quota::{Quota, QuotaEffect, QuotaError, QuotaPeriod};

pub use alert::{Alert, Reading, alerts_after};
pub use threshold::Threshold;

/// How many thresholds a budget may have.
const THRESHOLDS_MAX: usize = 10;
/// How long a budget's name may be, in bytes.
const NAME_MAX_BYTES: usize = 64;
/// The unit that money is read in.
const MONEY_UNIT: &str = "micro_synor";

/// Why a budget cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BudgetError {
    /// A name that is none.
    #[error("`{0}` is not a budget's name: 1 to 64 of a-z, 0-9, `-`")]
    Name(String),
    /// A limit of nothing.
    #[error("a budget of {0} is not above zero")]
    NotPositive(MicroSynor),
    /// No threshold, or too many.
    #[error("a budget has 1 to 10 thresholds, not {0}")]
    Thresholds(usize),
    /// A threshold of nothing.
    #[error("the threshold {0} is not above zero")]
    Threshold(Threshold),
    /// What cannot be stopped.
    #[error(
        "a budget of {0} can warn, and cannot stop: nothing that it could refuse makes it grow"
    )]
    CannotStop(&'static str),
    /// An amount of usage that no quota could have.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// A budget that says no. Nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "would exceed the budget `{budget}` of {limit} a month: {spent} are spent, and {left} are left \
     until {until}"
)]
pub struct BudgetExceeded {
    /// Which budget.
    pub budget: String,
    /// The most that may be spent.
    pub limit: MicroSynor,
    /// What is spent.
    pub spent: MicroSynor,
    /// What may still be spent.
    pub left: MicroSynor,
    /// When the next month begins.
    pub until: Timestamp,
}

/// What a budget is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "on")]
pub enum BudgetSubject {
    /// What the running month has come to so far.
    Spend {
        /// Only of this service; deductions belong to none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        service: Option<ServiceType>,
        /// How much.
        limit_micro_synor: MicroSynor,
    },
    /// What the running month is expected to come to.
    Forecast {
        /// Only of this service.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        service: Option<ServiceType>,
        /// How much.
        limit_micro_synor: MicroSynor,
    },
    /// How much of a resource is used in the running month.
    Usage {
        /// Of what.
        resource: ResourceType,
        /// How much, in `unit`.
        quantity: Exact,
        /// The resource's base unit or a multiple of it.
        unit: MeteringUnit,
    },
    /// What the account can spend; it is crossed from above.
    Balance {
        /// How much there should be.
        limit_micro_synor: MicroSynor,
    },
}

impl BudgetSubject {
    /// Its name: `spend`, `forecast`, `usage`, `balance`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Spend { .. } => "spend",
            Self::Forecast { .. } => "forecast",
            Self::Usage { .. } => "usage",
            Self::Balance { .. } => "balance",
        }
    }

    /// Whether it starts afresh every month.
    pub const fn is_monthly(&self) -> bool {
        !matches!(self, Self::Balance { .. })
    }

    /// What people read: `spend on compute of 500.000000 SYNOR`.
    pub fn describe(&self) -> String {
        let on = |service: &Option<ServiceType>| {
            service.map_or_else(String::new, |service| format!(" on {service}"))
        };
        match self {
            Self::Spend {
                service,
                limit_micro_synor,
            }
            | Self::Forecast {
                service,
                limit_micro_synor,
            } => format!("{}{} of {limit_micro_synor}", self.name(), on(service)),
            Self::Usage {
                resource,
                quantity,
                unit,
            } => format!("usage of {} {unit} of {resource}", quantity.to_decimal(9)),
            Self::Balance { limit_micro_synor } => format!("balance of {limit_micro_synor}"),
        }
    }
}

/// A budget of an account.
///
/// ```
/// use synor_economics::budget::{Budget, BudgetSubject};
/// use synor_economics::money::MicroSynor;
/// use synor_economics::period::Timestamp;
/// use synor_economics::quota::QuotaEffect;
/// let budget = Budget {
///     account_id: "acme".parse()?,
///     name: "all".to_owned(),
///     subject: BudgetSubject::Spend { service: None, limit_micro_synor: MicroSynor::new(500) },
///     thresholds: vec!["80%".parse()?, "100%".parse()?],
///     effect: QuotaEffect::Stop,
///     set_at: Timestamp::from_secs(0),
///     removed_at: None,
/// };
/// budget.check()?;
/// let [spent, rest, until] = [MicroSynor::new(480), MicroSynor::new(20), MicroSynor::new(21)];
/// let end = Timestamp::from_secs(2_678_400);
/// assert!(budget.allows(spent, rest, end).is_ok());
/// assert!(budget.allows(spent, until, end).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Whose.
    pub account_id: AccountId,
    /// What tells it apart among the account's.
    pub name: String,
    /// What it is about, and how much.
    #[serde(flatten)]
    pub subject: BudgetSubject,
    /// Where an alert fires.
    pub thresholds: Vec<Threshold>,
    /// What happens when it is used up.
    pub effect: QuotaEffect,
    /// Since when it is in force.
    pub set_at: Timestamp,
    /// Since when it is not in force any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub removed_at: Option<Timestamp>,
}

impl Budget {
    /// What tells it apart among all: `acme/all`.
    pub fn id(&self) -> String {
        budget_id(&self.account_id, &self.name)
    }

    /// Whether it can be.
    pub fn check(&self) -> Result<(), BudgetError> {
        let is_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let fits = (1..=NAME_MAX_BYTES).contains(&self.name.len());
        if !fits || !self.name.bytes().all(is_name) {
            return Err(BudgetError::Name(self.name.clone()));
        }
        if self.thresholds.is_empty() || self.thresholds.len() > THRESHOLDS_MAX {
            return Err(BudgetError::Thresholds(self.thresholds.len()));
        }
        if let Some(bad) = self.thresholds.iter().find(|t| !t.is_positive()) {
            return Err(BudgetError::Threshold(*bad));
        }
        match &self.subject {
            BudgetSubject::Spend {
                limit_micro_synor: limit,
                ..
            }
            | BudgetSubject::Forecast {
                limit_micro_synor: limit,
                ..
            }
            | BudgetSubject::Balance {
                limit_micro_synor: limit,
            } if !limit.is_positive() => Err(BudgetError::NotPositive(*limit)),
            BudgetSubject::Forecast { .. } | BudgetSubject::Balance { .. }
                if self.effect == QuotaEffect::Stop =>
            {
                Err(BudgetError::CannotStop(self.subject.name()))
            }
            BudgetSubject::Usage { .. } => match self.quota() {
                Some(quota) => Ok(quota.check()?),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The quota that a budget on usage amounts to: it stops what the budget stops, exactly, and
    /// knows how much the limit is in base units. `None` for other budgets.
    pub fn quota(&self) -> Option<Quota> {
        let BudgetSubject::Usage {
            resource,
            quantity,
            unit,
        } = &self.subject
        else {
            return None;
        };
        Some(Quota {
            account_id: self.account_id.clone(),
            resource: *resource,
            per: QuotaPeriod::Month,
            quantity: *quantity,
            unit: *unit,
            effect: self.effect,
            set_at: self.set_at,
            removed_at: self.removed_at,
        })
    }

    /// The limit in the unit that the budget is read in, for a month.
    pub fn limit_in(&self, month: Period) -> Result<Quantity, BudgetError> {
        match &self.subject {
            BudgetSubject::Spend {
                limit_micro_synor, ..
            }
            | BudgetSubject::Forecast {
                limit_micro_synor, ..
            }
            | BudgetSubject::Balance { limit_micro_synor } => {
                Ok(Quantity::new(i128::from(limit_micro_synor.micro())))
            }
            BudgetSubject::Usage { .. } => match self.quota() {
                Some(quota) => Ok(quota.limit_in(month)?),
                None => Ok(Quantity::ZERO),
            },
        }
    }

    /// The unit that the budget is read in: `micro_synor`, or the resource's base unit.
    pub fn unit(&self) -> &'static str {
        match &self.subject {
            BudgetSubject::Usage { resource, .. } => resource.spec().base_unit.name(),
            _ => MONEY_UNIT,
        }
    }

    /// Where a threshold lies, exactly, in the unit that the budget is read in.
    pub fn mark(&self, threshold: Threshold, month: Period) -> Result<Exact, BudgetError> {
        match (threshold, &self.subject) {
            (Threshold::Percent(percent), _) => {
                let limit = self.limit_in(month)?.exact();
                let hundred = Exact::from_integer(100);
                Ok(limit.checked_mul(percent)?.checked_div(hundred)?)
            }
            (Threshold::Amount(amount), BudgetSubject::Usage { unit, .. }) => unit
                .to_base(amount, Some(month.secs()))
                .map_err(|_| MoneyError::Overflow.into()),
            (Threshold::Amount(amount), _) => {
                let micro = Exact::from_integer(i128::from(MICRO_PER_SYNOR));
                Ok(amount.checked_mul(micro)?)
            }
        }
    }

    /// Whether a reading has crossed a threshold: a balance by being below it, everything else by
    /// reaching it.
    pub fn is_crossed(
        &self,
        threshold: Threshold,
        value: Quantity,
        month: Period,
    ) -> Result<bool, BudgetError> {
        let mark = self.mark(threshold, month)?;
        Ok(match &self.subject {
            BudgetSubject::Balance { .. } => value.exact() < mark,
            _ => value.exact() >= mark,
        })
    }

    /// The most of a month's spend, if the budget stops there.
    pub const fn spend_stop(&self) -> Option<(Option<ServiceType>, MicroSynor)> {
        match (&self.subject, self.effect) {
            (
                BudgetSubject::Spend {
                    service,
                    limit_micro_synor,
                },
                QuotaEffect::Stop,
            ) => Some((*service, *limit_micro_synor)),
            _ => None,
        }
    }

    /// Whether `amount` more may be spent when `spent` is, in the month that ends at `until`. Only
    /// a budget on spend that stops ever says no; up to its limit, the limit included, it says yes.
    pub fn allows(
        &self,
        spent: MicroSynor,
        amount: MicroSynor,
        until: Timestamp,
    ) -> Result<(), BudgetExceeded> {
        let Some((_, limit)) = self.spend_stop() else {
            return Ok(());
        };
        // What does not fit into an amount is beyond every limit.
        if spent.checked_add(amount).is_ok_and(|sum| sum <= limit) {
            return Ok(());
        }
        let left = limit.checked_sub(spent).unwrap_or(MicroSynor::ZERO);
        Err(BudgetExceeded {
            budget: self.name.clone(),
            limit,
            spent,
            left: left.max(MicroSynor::ZERO),
            until,
        })
    }
}

/// What tells a budget apart among all: `acme/all`.
pub fn budget_id(account: &AccountId, name: &str) -> String {
    format!("{account}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn budget(subject: BudgetSubject, thresholds: &[&str], effect: &str) -> Budget {
        Budget {
            account_id: "acme".parse().unwrap(),
            name: "all".to_owned(),
            subject,
            thresholds: thresholds.iter().map(|t| t.parse().unwrap()).collect(),
            effect: effect.parse().unwrap(),
            set_at: Timestamp::from_secs(0),
            removed_at: None,
        }
    }

    pub(super) fn spend(limit: i64) -> BudgetSubject {
        BudgetSubject::Spend {
            service: None,
            limit_micro_synor: MicroSynor::new(limit),
        }
    }

    fn egress(quantity: i128) -> BudgetSubject {
        BudgetSubject::Usage {
            resource: "network.egress".parse().unwrap(),
            quantity: Exact::from_integer(quantity),
            unit: "GB".parse().unwrap(),
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        budget(spend(1), &["80%"], "stop").check().unwrap();
        budget(egress(1), &["80%", "0.9"], "stop").check().unwrap();
        let balance = BudgetSubject::Balance {
            limit_micro_synor: MicroSynor::new(1),
        };
        let forecast = BudgetSubject::Forecast {
            service: None,
            limit_micro_synor: MicroSynor::new(1),
        };
        let unnamed = Budget {
            name: "All of it".to_owned(),
            ..budget(spend(1), &["1%"], "warn")
        };
        for (bad, why) in [
            (unnamed, "not a budget's name"),
            (budget(spend(0), &["80%"], "warn"), "above zero"),
            (budget(spend(1), &[], "warn"), "thresholds, not 0"),
            (budget(spend(1), &["1%"; 11], "warn"), "thresholds, not 11"),
            (budget(spend(1), &["0%"], "warn"), "threshold 0%"),
            (budget(balance, &["1%"], "stop"), "cannot stop"),
            (budget(forecast, &["1%"], "stop"), "cannot stop"),
            (budget(egress(0), &["1%"], "warn"), "above zero"),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    /// January, of 31 days.
    fn january() -> Period {
        let at = |text| Timestamp::parse(text).unwrap();
        Period::new(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")).unwrap()
    }

    #[test]
    fn a_mark_is_exact_and_a_balance_is_crossed_from_above() {
        let third = budget(spend(100), &["33.3%", "0.00005"], "warn");
        let crossed = |budget: &Budget, n: usize, value: i128| {
            let threshold = budget.thresholds[n];
            let value = Quantity::new(value);
            budget.is_crossed(threshold, value, january()).unwrap()
        };
        assert_eq!(
            (crossed(&third, 0, 33), crossed(&third, 0, 34)),
            (false, true)
        );
        // 0.00005 SYNOR are 50 µSYNOR.
        assert_eq!(
            (crossed(&third, 1, 49), crossed(&third, 1, 50)),
            (false, true)
        );
        let traffic = budget(egress(2), &["50%", "1.5"], "warn");
        assert_eq!(traffic.unit(), "bytes");
        assert!(crossed(&traffic, 0, 1_000_000_000));
        assert!(!crossed(&traffic, 1, 1_499_999_999));
        let balance = BudgetSubject::Balance {
            limit_micro_synor: MicroSynor::new(100),
        };
        let balance = budget(balance, &["100%"], "warn");
        assert_eq!(
            (crossed(&balance, 0, 100), crossed(&balance, 0, 99)),
            (false, true)
        );
    }

    proptest! {
        /// Whatever is asked for in whatever order, what was allowed never exceeds the limit.
        #[test]
        fn what_is_allowed_never_sums_to_more_than_the_limit(
            limit in 1i64..10_000,
            asked in prop::collection::vec(1i64..4_000, 0..40),
        ) {
            let budget = budget(spend(limit), &["100%"], "stop");
            let end = january().end();
            let mut spent = MicroSynor::ZERO;
            for amount in asked.into_iter().map(MicroSynor::new) {
                match budget.allows(spent, amount, end) {
                    Ok(()) => spent = spent.checked_add(amount).unwrap(),
                    Err(refused) => {
                        prop_assert_eq!(refused.left.micro(), limit - spent.micro());
                        prop_assert!(refused.left < amount);
                    }
                }
                prop_assert!(spent.micro() <= limit);
            }
        }
    }

    #[test]
    fn more_than_fits_is_refused_and_a_warning_never_stops() {
        let most = MicroSynor::new(i64::MAX);
        let end = january().end();
        let stop = budget(spend(i64::MAX), &["100%"], "stop");
        assert!(stop.allows(most, MicroSynor::new(1), end).is_err());
        let warn = budget(spend(1), &["100%"], "warn");
        assert!(warn.allows(most, most, end).is_ok());
    }
}
