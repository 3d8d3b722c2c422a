//! Reserved pricing: an account commits to so much a month for a term and pays less for it. What it
//! does not use is charged as a true-up; what goes beyond is charged at the price list.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::billing::LineItem;
use crate::id::{AccountId, CommitmentId};
use crate::metering::summary::is_spot;
use crate::metering::{Dimensions, ResourceType};
use crate::money::{Exact, MicroSynor, MoneyError, settle};
use crate::period::{Month, PeriodError};
use crate::quantity::Quantity;

use super::discounts::DiscountScope;
use super::price_unit::PriceUnit;
use super::rate::PricingError;

const HUNDRED: Exact = Exact::from_integer(100);

/// Why a commitment is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitmentError {
    /// It ends before it starts.
    #[error("a commitment that starts in {starts} cannot end with {ends}")]
    EndsBeforeStart {
        /// Its first month.
        starts: Month,
        /// Its last month.
        ends: Month,
    },
    /// Not a discount.
    #[error("a discount must be from 0 to below 100 %, not {0}")]
    Discount(Exact),
    /// Nothing is committed.
    #[error("a commitment must be above zero")]
    Nothing,
    /// The unit is not the resource's.
    #[error("{resource} is not counted in `{per}`")]
    Unit {
        /// The resource.
        resource: ResourceType,
        /// The unit.
        per: PriceUnit,
    },
    /// The months are outside the calendar.
    #[error(transparent)]
    Period(#[from] PeriodError),
}

/// What is committed to, each month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Committed {
    /// To spend an amount, at a discount.
    Amount {
        /// µSYNOR a month, after the discount.
        amount_micro_synor: MicroSynor,
        /// Per cent off the price list, for usage worth up to the amount.
        discount_percent: Exact,
        /// On which lines.
        #[serde(flatten)]
        scope: DiscountScope,
    },
    /// To take a capacity, at a fixed rate.
    Capacity {
        /// Of what.
        resource: ResourceType,
        /// With which dimensions.
        #[serde(default, skip_serializing_if = "Dimensions::is_empty")]
        dimensions: Dimensions,
        /// How many of `per` a month.
        units: Exact,
        /// The unit.
        per: PriceUnit,
        /// µSYNOR for each.
        rate_micro_synor: Exact,
    },
}

/// A commitment of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment {
    /// Which.
    pub commitment_id: CommitmentId,
    /// Whose.
    pub account_id: AccountId,
    /// What to.
    pub committed: Committed,
    /// Its first month.
    pub starts: Month,
    /// Its last month.
    pub ends: Month,
}

/// What a commitment comes to in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What is taken off each line, by its place, in exact µSYNOR.
    pub off: Vec<Exact>,
    /// What is charged because less was used than committed to.
    pub true_up: MicroSynor,
    /// How much of it was used, in per cent, rounded down to a hundredth.
    pub utilization: String,
}

impl Commitment {
    /// Refuses what is not a commitment.
    pub fn check(&self) -> Result<(), CommitmentError> {
        if self.ends < self.starts {
            let (starts, ends) = (self.starts, self.ends);
            return Err(CommitmentError::EndsBeforeStart { starts, ends });
        }
        match &self.committed {
            Committed::Amount {
                amount_micro_synor,
                discount_percent,
                ..
            } => {
                if discount_percent.is_negative() || *discount_percent >= HUNDRED {
                    return Err(CommitmentError::Discount(*discount_percent));
                }
                if !amount_micro_synor.is_positive() {
                    return Err(CommitmentError::Nothing);
                }
            }
            Committed::Capacity {
                resource,
                units,
                per,
                rate_micro_synor,
                ..
            } => {
                if per.unit().base() != resource.spec().base_unit {
                    let (resource, per) = (*resource, per.clone());
                    return Err(CommitmentError::Unit { resource, per });
                }
                if !units.is_positive() || rate_micro_synor.is_negative() {
                    return Err(CommitmentError::Nothing);
                }
            }
        }
        Ok(())
    }

    /// Whether it holds in a month.
    pub fn holds_in(&self, month: Month) -> bool {
        self.starts <= month && month <= self.ends
    }

    /// What people read.
    pub fn describe(&self) -> String {
        match &self.committed {
            Committed::Amount {
                amount_micro_synor,
                discount_percent,
                ..
            } => {
                format!("commitment to {amount_micro_synor} a month, {discount_percent} % off")
            }
            Committed::Capacity {
                resource,
                units,
                per,
                ..
            } => {
                format!("commitment to {units} × {per} of {resource} a month")
            }
        }
    }

    /// What it takes off the lines of a month of `month_secs` seconds, of which `left` still stands,
    /// and what it adds.
    pub fn outcome(
        &self,
        lines: &[LineItem],
        left: &[MicroSynor],
        month_secs: i64,
    ) -> Result<Outcome, PricingError> {
        match &self.committed {
            Committed::Amount {
                amount_micro_synor,
                discount_percent,
                scope,
            } => amount_outcome(*amount_micro_synor, *discount_percent, scope, lines, left),
            Committed::Capacity { .. } => self.capacity_outcome(lines, left, month_secs),
        }
    }

    fn capacity_outcome(
        &self,
        lines: &[LineItem],
        left: &[MicroSynor],
        month_secs: i64,
    ) -> Result<Outcome, PricingError> {
        let Committed::Capacity {
            resource,
            dimensions,
            units,
            per,
            rate_micro_synor,
        } = &self.committed
        else {
            return Err(MoneyError::Overflow.into());
        };
        let mut open = *units;
        let mut off = vec![Exact::ZERO; lines.len()];
        for ((line, left), off) in lines.iter().zip(left).zip(&mut off) {
            let matches = line.resource == *resource
                && line.adjusts.is_none()
                && !is_spot(&line.dimensions)
                && dimensions
                    .iter()
                    .all(|(k, v)| line.dimensions.get(k) == Some(v));
            if !matches || line.quantity <= Quantity::ZERO {
                continue;
            }
            let used = per.count_of(line.quantity, month_secs)?;
            let covered = used.min(open);
            open = open.checked_sub(covered)?;
            let listed = exact(*left).checked_mul(covered)?.checked_div(used)?;
            let reserved = covered.checked_mul(*rate_micro_synor)?;
            *off = listed.checked_sub(reserved)?.max(Exact::ZERO);
        }
        let true_up = settle(open.checked_mul(*rate_micro_synor)?)?;
        let used = units.checked_sub(open)?;
        Ok(Outcome {
            off,
            true_up,
            utilization: percent(used, *units)?,
        })
    }
}

/// Usage worth up to `amount` after the discount has the discount.
fn amount_outcome(
    amount: MicroSynor,
    discount_percent: Exact,
    scope: &DiscountScope,
    lines: &[LineItem],
    left: &[MicroSynor],
) -> Result<Outcome, PricingError> {
    let kept = HUNDRED
        .checked_sub(discount_percent)?
        .checked_div(HUNDRED)?;
    let mut open = exact(amount).checked_div(kept)?; // in list prices
    let mut covered_list = Exact::ZERO;
    let mut off = vec![Exact::ZERO; lines.len()];
    for ((line, left), off) in lines.iter().zip(left).zip(&mut off) {
        if !scope.holds(line) || line.adjusts.is_some() {
            continue;
        }
        let covered = exact(*left).min(open);
        open = open.checked_sub(covered)?;
        covered_list = covered_list.checked_add(covered)?;
        *off = covered
            .checked_mul(discount_percent)?
            .checked_div(HUNDRED)?;
    }
    let used = covered_list.checked_mul(kept)?;
    let true_up = settle(exact(amount).checked_sub(used)?)?;
    Ok(Outcome {
        off,
        true_up,
        utilization: percent(used, exact(amount))?,
    })
}

fn exact(amount: MicroSynor) -> Exact {
    Exact::from_integer(i128::from(amount.micro()))
}

fn percent(part: Exact, whole: Exact) -> Result<String, MoneyError> {
    let percent = part.checked_mul(HUNDRED)?.checked_div(whole)?;
    Ok(format!("{} %", percent.rounded(2)?))
}
