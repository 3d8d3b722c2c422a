//! From which spending on a commitment to an amount is cheaper than none.
//!
//! Let a commitment be to the amount `A` at `d` per cent off, `k = 1 − d/100`, and `S` what plan and
//! volume discount leave of the month at list prices. Up to `S = A/k` the commitment covers
//! everything: `S·k` is charged and `A − S·k` trued up, together `A`. Beyond, the covered `A/k` cost
//! `A` and the rest its price: `S − A·d/100/k`, which is less than `S`. So with `d > 0` it is cheaper
//! exactly where `S > A`.
//!
//! What `S` is of the list-price spend `L` falls where a volume discount begins, so that there may
//! be several crossings; the break-even is the last one, from which on it is cheaper for good.

use serde::{Deserialize, Serialize};

use super::estimator::{CostEstimator, EstimateError};
use crate::money::{Exact, MicroSynor, MoneyError};
use crate::plan::Plan;
use crate::pricing::VolumeDiscount;
use crate::pricing::discounts::DiscountScope;
use crate::pricing::reserved::Committed;

const HUNDRED: Exact = Exact::from_integer(100);

/// What a commitment comes to for a month's usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitmentCost {
    /// What people read.
    pub description: String,
    /// What the month costs without it.
    pub without_micro_synor: MicroSynor,
    /// What the month costs with it.
    pub with_micro_synor: MicroSynor,
    /// What it saves; below zero if it costs more.
    pub saves_micro_synor: MicroSynor,
    /// The month's spending at list prices from which on it is cheaper, exact µSYNOR. Absent if it
    /// never is, or if no one number says so: for a capacity, for a part of the services, or where
    /// the plan changes in the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even_exact_micro_synor: Option<Exact>,
    /// The same, rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even_micro_synor: Option<MicroSynor>,
}

pub(super) fn cost_of(
    estimator: &CostEstimator<'_>,
    committed: Committed,
) -> Result<CommitmentCost, EstimateError> {
    let without = estimator.estimate()?.total_micro_synor;
    let committing = estimator.clone().with_commitment(committed.clone())?;
    let with = committing.estimate()?.total_micro_synor;
    let description = committing
        .commitments
        .last()
        .map(|c| c.describe())
        .unwrap_or_default();
    let first = estimator.segments.first();
    let one_plan = first.filter(|f| estimator.segments.iter().all(|s| s.plan == f.plan));
    let exact = match (committed, one_plan) {
        (
            Committed::Amount {
                amount_micro_synor,
                discount_percent,
                scope: DiscountScope::Everything,
            },
            Some(segment),
        ) => break_even(
            amount_micro_synor,
            discount_percent,
            segment.plan,
            segment.list.volume_discounts(),
        )?,
        _ => None,
    };
    let rounded = exact.map(crate::money::settle).transpose()?;
    Ok(CommitmentCost {
        description,
        without_micro_synor: without,
        with_micro_synor: with,
        saves_micro_synor: without.checked_sub(with)?,
        break_even_exact_micro_synor: exact,
        break_even_micro_synor: rounded,
    })
}

/// The month's spending at list prices, in exact µSYNOR, beyond which a commitment to `amount` at
/// `discount_percent` off is always cheaper than none, given plan and volume discounts. `None` if it
/// never is for good: without a discount, or where volume discounts leave nothing to pay.
///
/// ```
/// use synor_economics::calculator::break_even;
/// use synor_economics::money::{Exact, MicroSynor};
/// use synor_economics::plan::Plan;
/// let amount = MicroSynor::new(100_000_000);
/// let percent = Exact::from_integer(15);
/// // On the premium plan, 100 SYNOR are what 20 % off leave of 125.
/// let at = break_even(amount, percent, Plan::Premium, &[])?;
/// assert_eq!(at, Some(Exact::from_integer(125_000_000)));
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
pub fn break_even(
    amount: MicroSynor,
    discount_percent: Exact,
    plan: Plan,
    volume: &[VolumeDiscount],
) -> Result<Option<Exact>, MoneyError> {
    if !discount_percent.is_positive() {
        return Ok(None);
    }
    let amount = micro(amount);
    // The last spending after the plan at which volume discounts leave at most the amount.
    let mut last = Exact::ZERO;
    let starts = [Exact::ZERO]
        .into_iter()
        .chain(volume.iter().map(|v| micro(v.from)));
    let off = [Exact::ZERO]
        .into_iter()
        .chain(volume.iter().map(|v| v.percent));
    let mut ends = volume.iter().map(|v| micro(v.from));
    for (start, percent) in starts.zip(off) {
        let end = ends.next();
        let kept = kept_of(percent)?;
        let crossing = if kept.is_positive() {
            Some(amount.checked_div(kept)?)
        } else {
            None
        };
        let until = match (crossing, end) {
            (Some(crossing), Some(end)) => crossing.min(end),
            (Some(crossing), None) => crossing,
            (None, Some(end)) => end,
            (None, None) => return Ok(None),
        };
        if until >= start {
            last = last.max(until);
        }
    }
    last.checked_div(kept_of(plan.discount_percent())?)
        .map(Some)
}

fn kept_of(percent: Exact) -> Result<Exact, MoneyError> {
    HUNDRED.checked_sub(percent)?.checked_div(HUNDRED)
}

fn micro(amount: MicroSynor) -> Exact {
    Exact::from_integer(i128::from(amount.micro()))
}
