//! What of a bill one service comes to.

use super::invoice::AppliedDiscount;
use super::line_item::LineItem;
use crate::metering::ServiceType;
use crate::money::{Exact, MicroSynor, MoneyError};

/// What a service costs on a bill: its lines of the bill's own month, with their share of what is
/// taken off the subtotal. In µSYNOR, not rounded.
pub fn service_spend(
    service: ServiceType,
    lines: &[LineItem],
    subtotal: MicroSynor,
    discounts: &[AppliedDiscount],
) -> Result<Exact, MoneyError> {
    let own = lines
        .iter()
        .filter(|line| line.service == service && line.adjusts.is_none());
    let sum = MicroSynor::sum(own.map(|line| line.amount_micro_synor))?;
    if sum.is_zero() {
        return Ok(Exact::ZERO);
    }
    let off = MicroSynor::sum(discounts.iter().map(|d| d.amount_micro_synor))?;
    let net = subtotal.checked_sub(off)?.max(MicroSynor::ZERO);
    let exact = |amount: MicroSynor| Exact::from_integer(i128::from(amount.micro()));
    exact(sum)
        .checked_mul(exact(net))?
        .checked_div(exact(subtotal))
}
