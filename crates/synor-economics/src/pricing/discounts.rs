//! The discount engine: what is taken off an invoice, in which order, from which lines.
//!
//! Discounts are taken one after another, each from what the ones before have left of its lines:
//! plan, volume, commitment, promotions by the time they were redeemed. So two of 10 % and 25 % take
//! 32.5 % off, and a sum of amounts never takes off more than there is. Each discount is rounded
//! once; what it takes is spread over its lines without losing anything.

use serde::{Deserialize, Serialize};

use crate::billing::{AppliedDiscount, DiscountType, LineItem};
use crate::metering::{ResourceType, ServiceType};
use crate::money::{Exact, MicroSynor, MoneyError, settle, split};

/// Per cent in the whole.
const HUNDRED: Exact = Exact::from_integer(100);

/// Which lines a discount is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope", content = "of")]
pub enum DiscountScope {
    /// All of them.
    Everything,
    /// Those of a service.
    Service(ServiceType),
    /// Those of a resource.
    Resource(ResourceType),
}

impl DiscountScope {
    /// Whether a line is in it.
    pub fn holds(&self, line: &LineItem) -> bool {
        match self {
            Self::Everything => true,
            Self::Service(service) => line.service == *service,
            Self::Resource(resource) => line.resource == *resource,
        }
    }
}

/// How much is taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum DiscountAmount {
    /// Per cent of what is left of the lines in scope.
    Percent(Exact),
    /// An amount, or what is left if that is less.
    Fixed(MicroSynor),
    /// An exact amount of each line, by its place; or what is left of the line if that is less.
    OfLines(Vec<Exact>),
}

/// A discount to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What for.
    pub discount_type: DiscountType,
    /// What people read.
    pub description: String,
    /// How much.
    pub amount: DiscountAmount,
    /// From which lines.
    pub scope: DiscountScope,
}

/// What stands of the lines while discounts are being taken.
#[derive(Debug, Clone)]
pub struct Remaining(Vec<MicroSynor>);

impl Remaining {
    /// All of the lines' amounts.
    pub fn of(lines: &[LineItem]) -> Self {
        Self(lines.iter().map(|line| line.amount_micro_synor).collect())
    }

    /// What is left of each line, by its place.
    pub fn amounts(&self) -> &[MicroSynor] {
        &self.0
    }

    /// What is left of the lines in scope.
    pub fn within(
        &self,
        scope: &DiscountScope,
        lines: &[LineItem],
    ) -> Result<MicroSynor, MoneyError> {
        let inside = lines
            .iter()
            .zip(&self.0)
            .filter(|(line, _)| scope.holds(line));
        MicroSynor::sum(inside.map(|(_, left)| *left))
    }

    /// Takes a discount, and returns what it came to; `None` if that is nothing.
    pub fn take(
        &mut self,
        offer: &Offer,
        lines: &[LineItem],
    ) -> Result<Option<AppliedDiscount>, MoneyError> {
        let weights: Vec<Exact> = match &offer.amount {
            DiscountAmount::OfLines(exact) => self
                .0
                .iter()
                .zip(exact)
                .map(|(left, off)| exact_of(*left).min(*off).max(Exact::ZERO))
                .collect(),
            _ => lines
                .iter()
                .zip(&self.0)
                .map(|(line, left)| {
                    if offer.scope.holds(line) {
                        exact_of(*left)
                    } else {
                        Exact::ZERO
                    }
                })
                .collect(),
        };
        let base = weights
            .iter()
            .try_fold(Exact::ZERO, |sum, w| sum.checked_add(*w))?;
        let off = match &offer.amount {
            DiscountAmount::Percent(percent) => {
                settle(base.checked_mul(*percent)?.checked_div(HUNDRED)?)?
            }
            DiscountAmount::Fixed(amount) => *amount,
            DiscountAmount::OfLines(_) => settle(base)?,
        };
        let there = MicroSynor::sum(
            self.0
                .iter()
                .zip(&weights)
                .filter(|(_, w)| w.is_positive())
                .map(|(left, _)| *left),
        )?;
        let off = off.min(there);
        if !off.is_positive() {
            return Ok(None);
        }
        self.spread(off, &weights)?;
        Ok(Some(AppliedDiscount {
            discount_type: offer.discount_type.clone(),
            description: offer.description.clone(),
            amount_micro_synor: off,
        }))
    }

    /// Takes an amount from the lines by weight; what a line cannot bear goes to the others.
    fn spread(&mut self, off: MicroSynor, weights: &[Exact]) -> Result<(), MoneyError> {
        let mut excess = MicroSynor::ZERO;
        for (left, part) in self.0.iter_mut().zip(split(off, weights)?) {
            let taken = part.min(*left);
            excess = excess.checked_add(part.checked_sub(taken)?)?;
            *left = left.checked_sub(taken)?;
        }
        // Rounding can ask a line for a µSYNOR more than it has; the next that can bear it does.
        for (left, weight) in self.0.iter_mut().zip(weights) {
            if weight.is_positive() {
                let taken = excess.min(*left);
                excess = excess.checked_sub(taken)?;
                *left = left.checked_sub(taken)?;
            }
        }
        if excess.is_zero() {
            Ok(())
        } else {
            Err(MoneyError::Overflow)
        }
    }
}

fn exact_of(amount: MicroSynor) -> Exact {
    Exact::from_integer(i128::from(amount.micro()))
}

/// Takes all discounts from the lines, in the order given.
pub fn take_all(lines: &[LineItem], offers: &[Offer]) -> Result<Vec<AppliedDiscount>, MoneyError> {
    let mut remaining = Remaining::of(lines);
    let mut applied = Vec::new();
    for offer in offers {
        applied.extend(remaining.take(offer, lines)?);
    }
    Ok(applied)
}
