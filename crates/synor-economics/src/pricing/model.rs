//! Pricing models: how much a number of price units costs. Bounds are continuous (99.5 units never
//! fall between two tiers), and every cost is an exact rational with its working beside it.

use serde::{Deserialize, Serialize};

use crate::money::{Exact, MoneyError};

/// A stretch of quantity with its own price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Up to and with how many price units it reaches; without end if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub up_to: Option<Exact>,
    /// µSYNOR for each price unit.
    pub amount: Exact,
    /// µSYNOR for reaching the tier.
    pub flat: Exact,
}

/// Which way a package that is not full counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageRounding {
    /// As a whole one.
    Up,
    /// Not at all.
    Down,
}

/// How a price follows the quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "model")]
pub enum Model {
    /// Each price unit costs the same.
    PerUnit {
        /// µSYNOR for each.
        amount: Exact,
    },
    /// Each unit costs what the tier says in which it falls; a flat fee is added for each tier
    /// that is reached, the first one always.
    Graduated {
        /// In order, the last without end.
        tiers: Vec<Tier>,
    },
    /// All units cost what the tier says in which the last one falls.
    Volume {
        /// In order, the last without end.
        tiers: Vec<Tier>,
    },
    /// The flat fee of the tier in which the last unit falls, and nothing else.
    Stairstep {
        /// In order, the last without end.
        tiers: Vec<Tier>,
    },
    /// Whole packages (one price unit is one package).
    Package {
        /// µSYNOR for each package.
        amount: Exact,
        /// What happens to one that is not full.
        round: PackageRounding,
    },
}

/// A model with what stands around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The model.
    #[serde(flatten)]
    pub model: Model,
    /// So many price units cost nothing.
    pub free: Exact,
    /// What a month with any usage costs at least, in µSYNOR.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub minimum: Option<Exact>,
    /// What a month costs at most, in µSYNOR.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub maximum: Option<Exact>,
}

/// One step of the working of a cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What people read: `the next 5`, `minimum`.
    pub label: String,
    /// How many price units it is about.
    pub units: Exact,
    /// µSYNOR for each of them.
    pub amount: Exact,
    /// What it adds, in µSYNOR, exact.
    pub cost: Exact,
}

/// An exact cost and how it came to be. The steps sum to the cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// In µSYNOR, exact.
    pub exact: Exact,
    /// The working.
    pub steps: Vec<Step>,
}

impl Cost {
    const fn nothing() -> Self {
        Self {
            exact: Exact::ZERO,
            steps: Vec::new(),
        }
    }

    fn add(&mut self, label: String, units: Exact, amount: Exact) -> Result<(), MoneyError> {
        let cost = units.checked_mul(amount)?;
        self.push(Step {
            label,
            units,
            amount,
            cost,
        })
    }

    fn push(&mut self, step: Step) -> Result<(), MoneyError> {
        self.exact = self.exact.checked_add(step.cost)?;
        // Most costs have one step.
        self.steps.reserve_exact(1);
        self.steps.push(step);
        Ok(())
    }
}

const ONE: Exact = Exact::from_integer(1);

impl Charge {
    /// A charge of the same for each unit.
    pub const fn per_unit(amount: Exact) -> Self {
        Self {
            model: Model::PerUnit { amount },
            free: Exact::ZERO,
            minimum: None,
            maximum: None,
        }
    }

    /// The price of each unit in µSYNOR, where it is the same for all.
    pub const fn unit_price(&self) -> Option<Exact> {
        match self.model {
            Model::PerUnit { amount } | Model::Package { amount, .. } => Some(amount),
            Model::Graduated { .. } | Model::Volume { .. } | Model::Stairstep { .. } => None,
        }
    }

    /// The cost of `units` price units. `share` is the part of a month that they were used in:
    /// bounds, allowance, fees, minimum and maximum are those of a whole month and count in
    /// proportion.
    ///
    /// ```
    /// use synor_economics::money::Exact;
    /// use synor_economics::pricing::{Charge, Model, Tier};
    /// let whole = Exact::from_integer;
    /// let tier = |up_to, amount| Tier { up_to, amount: whole(amount), flat: Exact::ZERO };
    /// let tiers = vec![tier(Some(whole(5)), 7), tier(None, 6)];
    /// let charge = Charge { model: Model::Graduated { tiers }, ..Charge::per_unit(Exact::ZERO) };
    /// let cost = charge.cost(whole(6), whole(1))?;
    /// assert_eq!(cost.exact, whole(5 * 7 + 6)); // µSYNOR
    /// # Ok::<(), synor_economics::money::MoneyError>(())
    /// ```
    pub fn cost(&self, units: Exact, share: Exact) -> Result<Cost, MoneyError> {
        if units.is_negative() {
            return self.given_back(units);
        }
        let mut cost = Cost::nothing();
        let mut units = units;
        if self.free.is_positive() {
            let free = self.free.checked_mul(share)?.min(units);
            if free.is_positive() {
                cost.add("free".to_owned(), free, Exact::ZERO)?;
            }
            units = units.checked_sub(free)?;
        }
        match &self.model {
            Model::PerUnit { amount } => cost.add("each".to_owned(), units, *amount)?,
            Model::Graduated { tiers } => graduated(&mut cost, tiers, units, share)?,
            Model::Volume { tiers } => {
                let (tier, label) = reached(tiers, units, share)?;
                cost.add(format!("all {label}"), units, tier.amount)?;
                flat_fee(&mut cost, tier, &label, share)?;
            }
            Model::Stairstep { tiers } => {
                let (tier, label) = reached(tiers, units, share)?;
                flat_fee(&mut cost, tier, &label, share)?;
            }
            Model::Package { amount, round } => {
                let whole = whole_packages(units, *round)?;
                cost.add("packages".to_owned(), whole, *amount)?;
            }
        }
        self.bounded(cost, share)
    }

    /// Corrections that outweigh usage give back the price of the first unit, without fees.
    fn given_back(&self, units: Exact) -> Result<Cost, MoneyError> {
        let amount = match &self.model {
            Model::PerUnit { amount } | Model::Package { amount, .. } => *amount,
            Model::Graduated { tiers } | Model::Volume { tiers } => {
                tiers.first().map_or(Exact::ZERO, |tier| tier.amount)
            }
            Model::Stairstep { .. } => Exact::ZERO,
        };
        let mut cost = Cost::nothing();
        cost.add("given back".to_owned(), units, amount)?;
        Ok(cost)
    }

    fn bounded(&self, mut cost: Cost, share: Exact) -> Result<Cost, MoneyError> {
        let bound = |bound: Option<Exact>| bound.map(|b| b.checked_mul(share)).transpose();
        let (minimum, maximum) = (bound(self.minimum)?, bound(self.maximum)?);
        let held = match (minimum, maximum) {
            (Some(least), _) if cost.exact < least => Some(("minimum", least)),
            (_, Some(most)) if cost.exact > most => Some(("maximum", most)),
            _ => None,
        };
        if let Some((label, bound)) = held {
            let amount = bound.checked_sub(cost.exact)?;
            let label = format!("to the {label}");
            cost.push(Step {
                label,
                units: ONE,
                amount,
                cost: amount,
            })?;
        }
        Ok(cost)
    }
}

fn graduated(
    cost: &mut Cost,
    tiers: &[Tier],
    units: Exact,
    share: Exact,
) -> Result<(), MoneyError> {
    let mut from = Exact::ZERO;
    for (index, tier) in tiers.iter().enumerate() {
        if index > 0 && units <= from {
            break;
        }
        let until = match tier.up_to {
            Some(bound) => bound.checked_mul(share)?.min(units),
            None => units,
        };
        let inside = until.checked_sub(from)?.max(Exact::ZERO);
        let label = if index == 0 { "the first" } else { "the next" };
        if inside.is_positive() {
            cost.add(label.to_owned(), inside, tier.amount)?;
        }
        flat_fee(
            cost,
            tier,
            &format!("tier {}", index.saturating_add(1)),
            share,
        )?;
        from = until;
    }
    Ok(())
}

/// The tier in which the last unit falls.
fn reached(tiers: &[Tier], units: Exact, share: Exact) -> Result<(&Tier, String), MoneyError> {
    for (index, tier) in tiers.iter().enumerate() {
        let inside = match tier.up_to {
            Some(bound) => units <= bound.checked_mul(share)?,
            None => true,
        };
        if inside {
            return Ok((tier, format!("in tier {}", index.saturating_add(1))));
        }
    }
    // A charge whose last tier ends is refused when it is read.
    Err(MoneyError::Overflow)
}

fn flat_fee(cost: &mut Cost, tier: &Tier, label: &str, share: Exact) -> Result<(), MoneyError> {
    if tier.flat.is_zero() {
        return Ok(());
    }
    cost.add(format!("flat fee, {label}"), share, tier.flat)
}

fn whole_packages(units: Exact, round: PackageRounding) -> Result<Exact, MoneyError> {
    let floor = units.numerator().div_euclid(units.denominator());
    let full = Exact::from_integer(floor);
    match round {
        PackageRounding::Up if full < units => full.checked_add(ONE),
        _ => Ok(full),
    }
}
