//! The bill of a month: usage by segments, rated; what came late; commitments; discounts in their
//! stated order; taxes on what is left. Everything is a fact that is passed in; the draft is what follows from them.

use super::draft::Draft;
use super::invoice::{AppliedDiscount, DiscountType, Fee, InvoiceError};
use super::line_item::LineItem;
use super::tax::taxes_in;
use crate::account::Account;
use crate::money::{Exact, MoneyError};
use crate::period::{Month, Period};
use crate::pricing::discounts::{DiscountAmount, DiscountScope, Offer, Remaining};
use crate::pricing::promotion::{Redemption, offers_in};
use crate::pricing::reserved::Commitment;
use crate::pricing::{PricingError, Segment, rate_segments};

/// Everything that a month's bill follows from.
#[derive(Debug)]
pub struct BillFacts<'a> {
    /// Who is billed.
    pub account: &'a Account,
    /// Which month.
    pub month: Month,
    /// The month in the account's time zone.
    pub period: Period,
    /// The month in adjacent segments.
    pub segments: &'a [Segment<'a>],
    /// What the spot market priced. Plans take nothing off it, nor do commitments to capacity.
    pub spot: Vec<LineItem>,
    /// What came late for earlier months.
    pub late: Vec<LineItem>,
    /// The account's commitments.
    pub commitments: &'a [Commitment],
    /// The promo codes that it redeemed.
    pub redemptions: &'a [Redemption],
    /// How far the usage log had been read.
    pub usage_log_position: u64,
}

/// The draft of a month's invoice.
pub fn bill(facts: BillFacts<'_>) -> Result<Draft, BillError> {
    let month_secs = facts.period.secs();
    let rated = rate_segments(&facts.account.account_id, facts.segments, month_secs)?;
    let mut lines = rated.lines;
    lines.extend(facts.spot);
    lines.extend(facts.late);
    let mut remaining = Remaining::of(&lines);
    let mut discounts: Vec<AppliedDiscount> = Vec::new();
    for (plan, mut off) in rated.plan_parts {
        off.resize(lines.len(), Exact::ZERO);
        let offer = Offer {
            discount_type: DiscountType::Plan { plan },
            description: format!("Plan {plan}, {} % off usage", plan.discount_percent()),
            amount: DiscountAmount::OfLines(off),
            scope: DiscountScope::Everything,
        };
        discounts.extend(remaining.take(&offer, &lines)?);
    }
    if let Some(offer) = volume_offer(facts.segments, &remaining, &lines)? {
        discounts.extend(remaining.take(&offer, &lines)?);
    }
    let mut fees = Vec::new();
    for commitment in facts.commitments.iter().filter(|c| c.holds_in(facts.month)) {
        let outcome = commitment.outcome(&lines, remaining.amounts(), month_secs)?;
        let commitment_id = commitment.commitment_id;
        let used = &outcome.utilization;
        let offer = Offer {
            discount_type: DiscountType::Commitment { commitment_id },
            description: format!("{}, {used} used", capitalized(&commitment.describe())),
            amount: DiscountAmount::OfLines(outcome.off),
            scope: DiscountScope::Everything,
        };
        discounts.extend(remaining.take(&offer, &lines)?);
        if outcome.true_up.is_positive() {
            let description = format!("True-up of {}, {used} used", commitment.describe());
            let amount_micro_synor = outcome.true_up;
            fees.push(Fee {
                commitment_id,
                description,
                amount_micro_synor,
            });
        }
    }
    for offer in offers_in(facts.month, facts.redemptions) {
        discounts.extend(remaining.take(&offer, &lines)?);
    }
    let id = facts.account.account_id.clone();
    let zone = facts.account.time_zone.clone();
    let draft = Draft::new(
        id,
        facts.month,
        zone,
        facts.period,
        lines,
        facts.usage_log_position,
    )?;
    let taxes = taxes_in(facts.month, &facts.account.tax_changes);
    let draft = draft.with_discounts(discounts)?.with_fees(fees)?;
    Ok(draft.with_corrections()?.with_taxes(taxes)?)
}

/// Why a month cannot be billed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum BillError {
    #[error(transparent)]
    Pricing(#[from] PricingError),
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// The tier of the price list's volume discounts that the spending reaches.
fn volume_offer(
    segments: &[Segment<'_>],
    remaining: &Remaining,
    lines: &[LineItem],
) -> Result<Option<Offer>, MoneyError> {
    let Some(first) = segments.first() else {
        return Ok(None);
    };
    let spent = remaining.within(&DiscountScope::Everything, lines)?;
    let tiers = first.list.volume_discounts();
    let reached = tiers
        .iter()
        .enumerate()
        .rev()
        .find(|(_, tier)| spent >= tier.from);
    Ok(reached.map(|(index, tier)| Offer {
        discount_type: DiscountType::Volume {
            tier: u8::try_from(index).unwrap_or(u8::MAX).saturating_add(1),
        },
        description: format!("Volume from {}, {} % off", tier.from, tier.percent),
        amount: DiscountAmount::Percent(tier.percent),
        scope: DiscountScope::Everything,
    }))
}
