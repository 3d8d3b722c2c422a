//! The draft of an invoice: it collects, and nothing of it is owed until it is finalized.

use serde::Serialize;

use super::credit::CreditManager;
use super::invoice::{
    AppliedDiscount, DUE_AFTER_SECS, DiscountType, Fee, Invoice, InvoiceError, corrections_of,
};
use super::line_item::LineItem;
use super::number::InvoiceNumber;
use super::status::InvoiceStatus;
use super::tax::{TaxLine, TaxRate, tax_added, tax_lines};
use crate::id::{AccountId, InvoiceId};
use crate::money::{MicroSynor, MoneyError};
use crate::oracle::UsdRate;
use crate::period::{Month, Period, Timestamp, Zone};

/// What an account will be billed for a period, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// The id that the invoice will have: derived, so that generating twice gives the same one.
    pub invoice_id: InvoiceId,
    /// Who is billed.
    pub account_id: AccountId,
    /// The calendar month.
    pub month: Month,
    /// In whose days the month is counted.
    pub time_zone: Zone,
    /// The month's period.
    #[serde(flatten, with = "crate::period::fields")]
    pub period: Period,
    /// What was used, and corrections of earlier months.
    pub line_items: Vec<LineItem>,
    /// Charges that do not follow usage.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fees: Vec<Fee>,
    /// The sum of the lines and fees.
    pub subtotal_micro_synor: MicroSynor,
    /// What is taken off.
    pub discounts: Vec<AppliedDiscount>,
    /// What is due besides the price, or is contained in it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub taxes: Vec<TaxLine>,
    /// What a SYNOR counts at, where prices are in USD at the period's rate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usd_rate: Option<UsdRate>,
    /// How far the usage log had been read.
    pub usage_log_position: u64,
}

impl Draft {
    /// The draft for an account's month from rated lines.
    pub fn new(
        account_id: AccountId,
        month: Month,
        time_zone: Zone,
        period: Period,
        line_items: Vec<LineItem>,
        usage_log_position: u64,
    ) -> Result<Self, InvoiceError> {
        let start = period.start().secs().to_string();
        let invoice_id = InvoiceId::derived(&[account_id.as_str(), &start]);
        let subtotal_micro_synor =
            MicroSynor::sum(line_items.iter().map(|l| l.amount_micro_synor))?;
        Ok(Self {
            invoice_id,
            account_id,
            month,
            time_zone,
            period,
            line_items,
            fees: Vec::new(),
            subtotal_micro_synor,
            discounts: Vec::new(),
            taxes: Vec::new(),
            usd_rate: None,
            usage_log_position,
        })
    }

    /// The same, with the rate that its prices in USD were taken at.
    pub fn with_usd_rate(mut self, usd_rate: Option<UsdRate>) -> Self {
        self.usd_rate = usd_rate;
        self
    }

    /// The same with these discounts.
    pub fn with_discounts(mut self, discounts: Vec<AppliedDiscount>) -> Result<Self, InvoiceError> {
        self.discounts = discounts;
        self.hold_discounts()?;
        Ok(self)
    }

    /// The same with these fees, which no discount touches.
    pub fn with_fees(mut self, fees: Vec<Fee>) -> Result<Self, InvoiceError> {
        for fee in &fees {
            self.subtotal_micro_synor = self
                .subtotal_micro_synor
                .checked_add(fee.amount_micro_synor)?;
        }
        self.fees = fees;
        Ok(self)
    }

    /// The same with corrections of earlier months taken off, as far as there is anything to take
    /// them off. What is left of them is carried over.
    pub fn with_corrections(mut self) -> Result<Self, MoneyError> {
        let late = self.line_items.iter().filter(|line| line.adjusts.is_some());
        let back = MicroSynor::sum(late.map(|line| line.credit_micro_synor))?;
        let amount_micro_synor = back.min(self.net()?);
        if amount_micro_synor.is_positive() {
            self.discounts.push(AppliedDiscount {
                discount_type: DiscountType::Correction,
                description: "Corrections of earlier months".to_owned(),
                amount_micro_synor,
            });
        }
        Ok(self)
    }

    /// The same with these taxes on what it comes to.
    pub fn with_taxes(mut self, taxes: &[TaxRate]) -> Result<Self, MoneyError> {
        self.taxes = tax_lines(self.net()?, taxes)?;
        Ok(self)
    }

    /// What lines below zero give back as credit, beyond what was taken off here.
    pub fn carried_over(&self) -> Result<MicroSynor, MoneyError> {
        corrections_of(&self.line_items, &self.discounts)
    }

    /// What is owed before credits: the net and the taxes that are added to it.
    pub fn gross(&self) -> Result<MicroSynor, MoneyError> {
        self.net()?.checked_add(tax_added(&self.taxes)?)
    }

    /// Whether there is nothing to bill.
    pub fn is_empty(&self) -> bool {
        self.line_items.is_empty() && self.fees.is_empty()
    }

    /// The price: subtotal less discounts, never below zero.
    pub fn net(&self) -> Result<MicroSynor, MoneyError> {
        let off = MicroSynor::sum(self.discounts.iter().map(|d| d.amount_micro_synor))?;
        Ok(self
            .subtotal_micro_synor
            .checked_sub(off)?
            .max(MicroSynor::ZERO))
    }

    /// Holds the discounts to the subtotal: what goes beyond it is cut off the later ones, so that
    /// an invoice never says that more was taken off than there was.
    fn hold_discounts(&mut self) -> Result<(), MoneyError> {
        let mut left = self.subtotal_micro_synor;
        for discount in &mut self.discounts {
            discount.amount_micro_synor = discount.amount_micro_synor.min(left);
            left = left.checked_sub(discount.amount_micro_synor)?;
        }
        Ok(())
    }

    /// Numbers and freezes the invoice, using the account's credits. An invoice of nothing is paid
    /// at once.
    pub fn finalize(
        mut self,
        number: InvoiceNumber,
        credits: &mut CreditManager,
        now: Timestamp,
    ) -> Result<Invoice, InvoiceError> {
        self.hold_discounts()?;
        let gross = self.gross()?;
        let uses = credits.apply(gross, now)?;
        let applied = MicroSynor::sum(uses.iter().map(|u| u.amount_micro_synor))?;
        let total = gross.checked_sub(applied)?;
        let paid = total.is_zero();
        let invoice = Invoice {
            invoice_id: self.invoice_id,
            number,
            account_id: self.account_id,
            month: self.month,
            time_zone: self.time_zone,
            period: self.period,
            line_items: self.line_items,
            fees: self.fees,
            subtotal_micro_synor: self.subtotal_micro_synor,
            discounts: self.discounts,
            taxes: self.taxes,
            credits: uses,
            credits_applied_micro_synor: applied,
            total_due_micro_synor: total,
            paid_micro_synor: MicroSynor::ZERO,
            credited_micro_synor: MicroSynor::ZERO,
            returned_micro_synor: MicroSynor::ZERO,
            returned_credit_micro_synor: MicroSynor::ZERO,
            status: if paid {
                InvoiceStatus::Paid
            } else {
                InvoiceStatus::Finalized
            },
            due_date: self.period.end().plus_secs(DUE_AFTER_SECS),
            payment_tx: None,
            usd_rate: self.usd_rate,
            usage_log_position: self.usage_log_position,
            created_at: now,
            sent_at: None,
            paid_at: paid.then_some(now),
            voided_at: None,
            written_off_at: None,
            dunned: None,
        };
        invoice.check()?;
        Ok(invoice)
    }
}
