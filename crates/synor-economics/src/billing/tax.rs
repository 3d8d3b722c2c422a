//! Taxes: what an account's invoices carry besides the price, by month.
//!
//! All rates of a month apply to one base, the net after discounts, and never to each other. A rate
//! that prices include is taken out of them; one that they do not is added. Each line is exact until
//! its one rounding.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::money::{Exact, MicroSynor, MoneyError, settle};
use crate::period::Month;

/// The longest name of a tax.
const NAME_MAX_BYTES: usize = 64;
/// The longest note.
const NOTE_MAX_BYTES: usize = 500;
/// The most taxes that one account has at once.
pub const TAXES_MAX: usize = 8;

/// Why a tax was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TaxError {
    /// The name cannot be printed on an invoice.
    #[error("the name of a tax has 1 to 64 bytes, not `{0}`")]
    Name(String),
    /// Too long to be printed.
    #[error("the note of tax `{0}` has more than 500 bytes")]
    LongNote(String),
    /// Not a rate.
    #[error("tax `{name}` must be above 0 and at most 100 percent, not {percent}")]
    Percent {
        /// Which tax.
        name: String,
        /// Its rate.
        percent: String,
    },
    /// Reverse charge and exemption charge nothing, and must say why.
    #[error("tax `{0}` is not charged, so it has no percentage and must have a note that says why")]
    NotCharged(String),
    /// Too many taxes.
    #[error("an account has at most 8 taxes at once, not {0}")]
    TooMany(usize),
    /// Two of one name could not be told apart.
    #[error("there are two taxes named `{0}`")]
    Twice(String),
}

/// Whether a tax is charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxTreatment {
    /// It is.
    #[default]
    Taxed,
    /// The customer owes it to the authority.
    ReverseCharge,
    /// Nobody owes it.
    Exempt,
}

/// A tax as an account has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxRate {
    /// What people read, such as `VAT 19%`.
    pub name: String,
    /// The rate in percent; zero where it is not charged.
    #[serde(default = "zero")]
    pub percent: Exact,
    /// Whether prices include it.
    #[serde(default)]
    pub is_inclusive: bool,
    /// Whether it is charged.
    #[serde(default)]
    pub treatment: TaxTreatment,
    /// What the invoice must say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

const fn zero() -> Exact {
    Exact::ZERO
}

impl TaxRate {
    fn check(&self) -> Result<(), TaxError> {
        let name = || self.name.clone();
        if self.name.trim().is_empty() || self.name.len() > NAME_MAX_BYTES {
            return Err(TaxError::Name(name()));
        }
        let note = self.note.as_deref().unwrap_or_default();
        if note.len() > NOTE_MAX_BYTES {
            return Err(TaxError::LongNote(name()));
        }
        match self.treatment {
            TaxTreatment::Taxed => {
                let fits = self.percent.is_positive() && self.percent <= Exact::from_integer(100);
                let percent = self.percent.to_decimal(6);
                let name = name();
                fits.then_some(())
                    .ok_or(TaxError::Percent { name, percent })
            }
            TaxTreatment::ReverseCharge | TaxTreatment::Exempt => {
                let says_why = self.percent.is_zero() && !note.trim().is_empty();
                says_why.then_some(()).ok_or(TaxError::NotCharged(name()))
            }
        }
    }
}

/// From a month on, an account has these taxes and no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxChange {
    /// The first month.
    pub from: Month,
    /// Which; none ends those before.
    pub taxes: Vec<TaxRate>,
}

impl TaxChange {
    /// Refuses what could not be printed or worked out.
    pub fn check(&self) -> Result<(), TaxError> {
        if self.taxes.len() > TAXES_MAX {
            return Err(TaxError::TooMany(self.taxes.len()));
        }
        for (at, tax) in self.taxes.iter().enumerate() {
            tax.check()?;
            if self.taxes.iter().take(at).any(|t| t.name == tax.name) {
                return Err(TaxError::Twice(tax.name.clone()));
            }
        }
        Ok(())
    }
}

/// The taxes of a month; `changes` are in order of their months.
///
/// ```
/// use synor_economics::billing::{TaxChange, taxes_in};
/// let changes = [TaxChange { from: "2026-07".parse().unwrap(), taxes: Vec::new() }];
/// assert!(taxes_in("2026-06".parse().unwrap(), &changes).is_empty());
/// ```
pub fn taxes_in(month: Month, changes: &[TaxChange]) -> &[TaxRate] {
    let last = changes.iter().rev().find(|change| change.from <= month);
    last.map_or(&[], |change| &change.taxes)
}

/// A tax on an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// The tax.
    pub tax: TaxRate,
    /// What it is reckoned on, in µSYNOR, exact: the net after discounts, without included taxes.
    pub taxable_micro_synor: Exact,
    /// What it comes to before its one rounding.
    pub exact_micro_synor: Exact,
    /// What it comes to.
    pub amount_micro_synor: MicroSynor,
    /// What of it credit notes gave back.
    #[serde(skip_serializing_if = "MicroSynor::is_zero_ref", default)]
    pub returned_micro_synor: MicroSynor,
}

impl TaxLine {
    /// What of it no credit note gave back, in µSYNOR.
    pub fn left(&self) -> Result<MicroSynor, MoneyError> {
        self.amount_micro_synor
            .checked_sub(self.returned_micro_synor)
    }
}

/// The tax lines of a net amount.
///
/// ```
/// use synor_economics::billing::{TaxRate, tax_lines};
/// use synor_economics::money::{Exact, MicroSynor};
/// let vat = |is_inclusive| TaxRate {
///     name: "VAT 19%".to_owned(),
///     percent: Exact::from_integer(19),
///     is_inclusive,
///     treatment: Default::default(),
///     note: None,
/// };
/// let added = tax_lines(MicroSynor::new(10_000_000), &[vat(false)])?;
/// assert_eq!(added[0].amount_micro_synor.micro(), 1_900_000);
/// let included = tax_lines(MicroSynor::new(11_900_000), &[vat(true)])?;
/// assert_eq!(included[0].amount_micro_synor.micro(), 1_900_000);
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
pub fn tax_lines(net: MicroSynor, rates: &[TaxRate]) -> Result<Vec<TaxLine>, MoneyError> {
    let hundred = Exact::from_integer(100);
    let included = rates
        .iter()
        .filter(|rate| rate.is_inclusive)
        .try_fold(hundred, |sum, rate| sum.checked_add(rate.percent))?;
    let whole = Exact::from_integer(i128::from(net.micro()));
    let base = whole.checked_mul(hundred.checked_div(included)?)?;
    // Roundings must not take more out of a price than it is.
    let mut left = net;
    let mut lines = Vec::with_capacity(rates.len());
    for rate in rates {
        let exact = base.checked_mul(rate.percent.checked_div(hundred)?)?;
        let mut amount = settle(exact)?;
        if rate.is_inclusive {
            amount = amount.min(left);
            left = left.checked_sub(amount)?;
        }
        lines.push(TaxLine {
            tax: rate.clone(),
            taxable_micro_synor: base,
            exact_micro_synor: exact,
            amount_micro_synor: amount,
            returned_micro_synor: MicroSynor::ZERO,
        });
    }
    Ok(lines)
}

/// What taxes add to a price, in µSYNOR: those that it does not include.
pub fn tax_added(lines: &[TaxLine]) -> Result<MicroSynor, MoneyError> {
    let added = lines.iter().filter(|line| !line.tax.is_inclusive);
    MicroSynor::sum(added.map(|line| line.amount_micro_synor))
}

/// All taxes of an invoice, in µSYNOR.
pub fn tax_total(lines: &[TaxLine]) -> Result<MicroSynor, MoneyError> {
    MicroSynor::sum(lines.iter().map(|line| line.amount_micro_synor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(percent: i128, is_inclusive: bool) -> TaxRate {
        TaxRate {
            name: format!("{percent} {is_inclusive}"),
            percent: Exact::from_integer(percent),
            is_inclusive,
            treatment: TaxTreatment::Taxed,
            note: None,
        }
    }

    #[test]
    fn each_line_is_rounded_once_half_to_even() {
        // 5 % of 50 and of 30 µSYNOR are 2.5 and 1.5.
        let amount = |net| tax_lines(MicroSynor::new(net), &[rate(5, false)]).unwrap()[0].clone();
        assert_eq!(amount(50).amount_micro_synor.micro(), 2);
        assert_eq!(amount(30).amount_micro_synor.micro(), 2);
        assert_eq!(amount(50).exact_micro_synor, Exact::new(5, 2).unwrap());
    }

    #[test]
    fn included_and_added_taxes_have_one_base() {
        // 126 with 5 % and 21 % included is 100 and 5 and 21; 10 % more on the 100 is 10.
        let rates = [rate(5, true), rate(21, true), rate(10, false)];
        let lines = tax_lines(MicroSynor::new(126), &rates).unwrap();
        let amounts: Vec<_> = lines.iter().map(|l| l.amount_micro_synor.micro()).collect();
        assert_eq!(amounts, [5, 21, 10]);
        assert_eq!(tax_added(&lines).unwrap().micro(), 10);
        assert_eq!(tax_total(&lines).unwrap().micro(), 36);
    }

    #[test]
    fn what_is_not_charged_says_why() {
        let mut tax = rate(0, false);
        tax.treatment = TaxTreatment::ReverseCharge;
        let change = |tax: TaxRate| TaxChange {
            from: "2026-01".parse().unwrap(),
            taxes: vec![tax],
        };
        assert!(matches!(
            change(tax.clone()).check(),
            Err(TaxError::NotCharged(_))
        ));
        tax.note = Some("reverse charge: the customer accounts for the tax".to_owned());
        assert_eq!(change(tax).check(), Ok(()));
        assert!(matches!(
            change(rate(101, false)).check(),
            Err(TaxError::Percent { .. })
        ));
        assert!(matches!(
            change(rate(0, false)).check(),
            Err(TaxError::Percent { .. })
        ));
    }

    proptest! {
        #[test]
        fn included_taxes_never_exceed_the_price(
            net in 0i64..10_000,
            percents in prop::collection::vec((1i128..=100, any::<bool>()), 0..8),
        ) {
            let rates: Vec<_> = percents.iter().map(|(p, i)| rate(*p, *i)).collect();
            let lines = tax_lines(MicroSynor::new(net), &rates).unwrap();
            let included = tax_total(&lines).unwrap().checked_sub(tax_added(&lines).unwrap()).unwrap();
            prop_assert!(included.micro() <= net);
            prop_assert!(lines.iter().all(|l| !l.amount_micro_synor.is_negative()));
        }
    }
}
