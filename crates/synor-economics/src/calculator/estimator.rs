//! What usage costs, in the very steps of an invoice: [`bill`] over an account and segments that may
//! be made up.

use serde::{Deserialize, Serialize};

use super::commitment::{CommitmentCost, cost_of};
use crate::account::Account;
use crate::billing::{AppliedDiscount, BillError, BillFacts, Fee, LineItem, bill};
use crate::id::{AccountId, CommitmentId, IdError};
use crate::metering::UsageRow;
use crate::money::{Exact, MicroSynor, MoneyError};
use crate::period::{Month, Period, Timestamp, Zone};
use crate::plan::Plan;
use crate::pricing::promotion::Redemption;
use crate::pricing::reserved::{Commitment, CommitmentError, Committed};
use crate::pricing::{PriceList, Segment};

/// The name under which usage of nobody in particular is rated, so that everyone's prices apply.
const NOBODY: &str = "estimate-for-nobody";

/// An account that does not exist: everyone's prices apply to it, in months of UTC.
pub fn nobody() -> Result<Account, IdError> {
    Ok(Account {
        account_id: NOBODY.parse()?,
        name: String::new(),
        time_zone: Zone::utc(),
        created_at: Timestamp::from_secs(0),
        plan_changes: Vec::new(),
        referred_by: None,
        tax_changes: Vec::new(),
    })
}

/// A month as it would be billed, with the terms free to be changed.
#[derive(Debug, Clone)]
pub struct CostEstimator<'a> {
    /// Whose.
    pub account: Account,
    /// Which month, for commitments and promotions.
    pub month: Month,
    /// Its period.
    pub period: Period,
    /// Adjacent parts of it with their prices, plan and usage.
    pub segments: Vec<Segment<'a>>,
    /// What the spot market priced.
    pub spot: Vec<LineItem>,
    /// What came late for earlier months.
    pub late: Vec<LineItem>,
    /// The commitments.
    pub commitments: Vec<Commitment>,
    /// The promo codes.
    pub redemptions: Vec<Redemption>,
    /// How far the usage log had been read.
    pub usage_log_position: u64,
}

/// What a month costs. The amounts are those of an invoice before credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Whose usage; absent if nobody's in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// The calendar month; absent for a month of 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Month>,
    /// What is used, priced.
    pub line_items: Vec<LineItem>,
    /// Charges that do not follow usage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<Fee>,
    /// The sum of lines and fees.
    pub subtotal_micro_synor: MicroSynor,
    /// What is taken off, in order.
    pub discounts: Vec<AppliedDiscount>,
    /// What is owed before credits.
    pub total_micro_synor: MicroSynor,
    /// What lines below zero give back.
    pub credit_micro_synor: MicroSynor,
}

/// What the same usage costs under a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCost {
    /// The plan.
    pub plan: Plan,
    /// The sum of lines and fees.
    pub subtotal_micro_synor: MicroSynor,
    /// All that is taken off.
    pub discounts_micro_synor: MicroSynor,
    /// What is owed before credits.
    pub total_micro_synor: MicroSynor,
}

impl<'a> CostEstimator<'a> {
    /// A month of made-up usage under one price list and plan.
    ///
    /// ```
    /// use synor_economics::calculator::{CostEstimator, nobody, usage_by_flag};
    /// use synor_economics::period::Zone;
    /// use synor_economics::plan::Plan;
    /// use synor_economics::pricing::PriceList;
    /// let list = PriceList::built_in()?;
    /// let month: synor_economics::period::Month = "2026-01".parse()?;
    /// let period = month.period(&Zone::utc())?;
    /// let rows = vec![usage_by_flag("storage", "500GB", period.secs())?];
    /// let cost = CostEstimator::of_usage(nobody()?, month, period, &list, Plan::Standard, rows);
    /// // 500 GB-months at 0.02, less 10 %.
    /// assert_eq!(cost.estimate()?.total_micro_synor.to_string(), "9.000000 SYNOR");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_usage(
        account: Account,
        month: Month,
        period: Period,
        list: &'a PriceList,
        plan: Plan,
        rows: Vec<UsageRow>,
    ) -> Self {
        let segment = Segment {
            period,
            list,
            plan,
            rows,
        };
        Self {
            account,
            month,
            period,
            segments: vec![segment],
            spot: Vec::new(),
            late: Vec::new(),
            commitments: Vec::new(),
            redemptions: Vec::new(),
            usage_log_position: 0,
        }
    }

    /// The same month with one plan all through.
    #[must_use]
    pub fn with_plan(mut self, plan: Plan) -> Self {
        for segment in &mut self.segments {
            segment.plan = plan;
        }
        self
    }

    /// The same month with one more commitment. Refuses what is not a commitment.
    pub fn with_commitment(mut self, committed: Committed) -> Result<Self, CommitmentError> {
        let number = self.commitments.len().to_string();
        let commitment = Commitment {
            commitment_id: CommitmentId::derived(&["estimate", &number]),
            account_id: self.account.account_id.clone(),
            committed,
            starts: self.month,
            ends: self.month,
        };
        commitment.check()?;
        self.commitments.push(commitment);
        Ok(self)
    }

    /// What the month costs.
    pub fn estimate(&self) -> Result<Estimate, BillError> {
        let draft = bill(BillFacts {
            account: &self.account,
            month: self.month,
            period: self.period,
            segments: &self.segments,
            spot: self.spot.clone(),
            late: self.late.clone(),
            commitments: &self.commitments,
            redemptions: &self.redemptions,
            usage_log_position: self.usage_log_position,
        })?;
        let credits = draft.line_items.iter().map(|line| line.credit_micro_synor);
        let account_id = self.account.account_id.clone();
        Ok(Estimate {
            account_id: (account_id.as_str() != NOBODY).then_some(account_id),
            month: Some(self.month),
            credit_micro_synor: MicroSynor::sum(credits)?,
            total_micro_synor: draft.net()?,
            line_items: draft.line_items,
            fees: draft.fees,
            subtotal_micro_synor: draft.subtotal_micro_synor,
            discounts: draft.discounts,
        })
    }

    /// What the same usage costs under each plan, from the least to the most.
    pub fn compare_plans(&self) -> Result<Vec<PlanCost>, BillError> {
        let cost = |plan| {
            let estimate = self.clone().with_plan(plan).estimate()?;
            let off = estimate.discounts.iter().map(|d| d.amount_micro_synor);
            Ok(PlanCost {
                plan,
                subtotal_micro_synor: estimate.subtotal_micro_synor,
                discounts_micro_synor: MicroSynor::sum(off)?,
                total_micro_synor: estimate.total_micro_synor,
            })
        };
        Plan::ALL.into_iter().map(cost).collect()
    }

    /// What the same usage costs with and without a commitment, and from which spending on it pays.
    /// Refuses what is not a commitment.
    pub fn compare_commitment(
        &self,
        committed: Committed,
    ) -> Result<CommitmentCost, EstimateError> {
        cost_of(self, committed)
    }
}

/// Why an estimate cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum EstimateError {
    #[error(transparent)]
    Bill(#[from] BillError),
    #[error(transparent)]
    Commitment(#[from] CommitmentError),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// An amount in µUSD at a rate, rounded once, half to even.
///
/// ```
/// use synor_economics::calculator::usd;
/// use synor_economics::money::{Exact, MicroSynor};
/// let quarter = Exact::new(1, 4).unwrap(); // USD a SYNOR
/// assert_eq!(usd(MicroSynor::new(10_000_000), quarter)?, 2_500_000);
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
pub fn usd(amount: MicroSynor, usd_per_synor: Exact) -> Result<i64, MoneyError> {
    let exact = Exact::from_integer(i128::from(amount.micro())).checked_mul(usd_per_synor)?;
    i64::try_from(exact.round_half_even()?).map_err(|_| MoneyError::Overflow)
}
