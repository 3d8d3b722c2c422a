//! The invoice: a draft collects, finalization numbers and freezes it, and from then on only its
//! state moves.
//!
//! ```text
//! Draft ──► Finalized ──► Sent ──► Paid
//!               │  │        │       ▲ │
//!               │  └──► Overdue ────┘ │ a reorganization takes a payment back
//!               ▼          ▼          ▼
//!             Voided     Voided    Finalized | Sent | Overdue
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::credit::{CreditError, CreditManager, CreditUse};
use super::line_item::LineItem;
use crate::id::{AccountId, CommitmentId, InvoiceId, TxId};
use crate::money::{MicroSynor, MoneyError};
use crate::oracle::UsdRate;
use crate::period::{DAY_SECS, Month, Period, Timestamp, Zone};
use crate::plan::Plan;

/// How long after the period's end an invoice is due.
pub const DUE_AFTER_SECS: i64 = 30 * DAY_SECS;

/// Why an invoice refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvoiceError {
    /// The invoice's state does not allow it.
    #[error("invoice {number} is {status} and cannot become {wanted}")]
    Transition {
        /// Which invoice.
        number: InvoiceNumber,
        /// Its state.
        status: InvoiceStatus,
        /// The state asked for.
        wanted: InvoiceStatus,
    },
    /// A voided invoice must not have been paid.
    #[error("invoice {number} has {paid} paid on it and cannot be voided")]
    HasPayments {
        /// Which invoice.
        number: InvoiceNumber,
        /// What was paid.
        paid: MicroSynor,
    },
    /// The sums of the invoice do not hold.
    #[error("invoice {number}: {problem}")]
    Corrupt {
        /// Which invoice.
        number: InvoiceNumber,
        /// What does not hold.
        problem: String,
    },
    /// A credit refused.
    #[error(transparent)]
    Credit(#[from] CreditError),
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// The state of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Still collecting; nothing is owed yet.
    Draft,
    /// Numbered and frozen.
    Finalized,
    /// Made known to the customer.
    Sent,
    /// Nothing is owed any more.
    Paid,
    /// Owed past its due date.
    Overdue,
    /// Cancelled; what it used was given back.
    Voided,
}

impl InvoiceStatus {
    /// Whether a payment may settle it.
    pub const fn is_payable(self) -> bool {
        matches!(self, Self::Finalized | Self::Sent | Self::Overdue)
    }

    /// The state in the past participle that people read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Finalized => "finalized",
            Self::Sent => "sent",
            Self::Paid => "paid",
            Self::Overdue => "overdue",
            Self::Voided => "voided",
        }
    }
}

impl fmt::Display for InvoiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An invoice's number in the gapless sequence, printed as `INV-000001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvoiceNumber(u64);

impl InvoiceNumber {
    /// The number at this place of the sequence, from 1.
    pub const fn new(sequence: u64) -> Self {
        Self(sequence)
    }

    /// The place in the sequence.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for InvoiceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("INV-{:06}", self.0))
    }
}

impl FromStr for InvoiceNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("INV-")
            .and_then(|n| n.parse().ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not an invoice number such as INV-000001"))
    }
}

crate::wire::as_text!(InvoiceNumber);

/// What a discount was given for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum DiscountType {
    /// The account's plan.
    Plan {
        /// Which.
        plan: Plan,
    },
    /// Much usage.
    Volume {
        /// The tier reached.
        tier: u8,
    },
    /// Reserved capacity.
    Commitment {
        /// The commitment.
        commitment_id: CommitmentId,
    },
    /// A promotion.
    Promotional {
        /// The code that was given.
        promo_code: String,
    },
    /// A referral.
    Referral {
        /// Who referred the account.
        referrer_id: AccountId,
    },
}

/// A discount on an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedDiscount {
    /// What for.
    pub discount_type: DiscountType,
    /// What people read.
    pub description: String,
    /// How much is taken off.
    pub amount_micro_synor: MicroSynor,
}

/// A charge that does not follow usage: what a commitment was not used for. The treasury earns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// The commitment.
    pub commitment_id: CommitmentId,
    /// What people read.
    pub description: String,
    /// How much.
    pub amount_micro_synor: MicroSynor,
}

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

    /// Whether there is nothing to bill.
    pub fn is_empty(&self) -> bool {
        self.line_items.is_empty() && self.fees.is_empty()
    }

    /// What is owed before credits: subtotal less discounts, never below zero.
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
        let net = self.net()?;
        let uses = credits.apply(net, now)?;
        let applied = MicroSynor::sum(uses.iter().map(|u| u.amount_micro_synor))?;
        let total = net.checked_sub(applied)?;
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
            credits: uses,
            credits_applied_micro_synor: applied,
            total_due_micro_synor: total,
            paid_micro_synor: MicroSynor::ZERO,
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
        };
        invoice.check()?;
        Ok(invoice)
    }
}

/// A finalized invoice. Its lines and sums never change; its state does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Which invoice: derived from account and period.
    pub invoice_id: InvoiceId,
    /// Its place in the gapless sequence.
    pub number: InvoiceNumber,
    /// Who is billed.
    pub account_id: AccountId,
    /// The calendar month.
    pub month: Month,
    /// In whose days the month is counted.
    pub time_zone: Zone,
    /// The month's period: `period_start` inclusive, `period_end` exclusive.
    #[serde(flatten, with = "crate::period::fields")]
    pub period: Period,
    /// What was used, and corrections of earlier months.
    pub line_items: Vec<LineItem>,
    /// Charges that do not follow usage.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fees: Vec<Fee>,
    /// The sum of the lines and fees.
    pub subtotal_micro_synor: MicroSynor,
    /// What was taken off.
    pub discounts: Vec<AppliedDiscount>,
    /// Which credits were used.
    pub credits: Vec<CreditUse>,
    /// How much credit was used.
    pub credits_applied_micro_synor: MicroSynor,
    /// subtotal − discounts − credits.
    pub total_due_micro_synor: MicroSynor,
    /// What confirmed payments have settled of it.
    pub paid_micro_synor: MicroSynor,
    /// Its state.
    pub status: InvoiceStatus,
    /// When it is due.
    pub due_date: Timestamp,
    /// The transfer that completed the payment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_tx: Option<TxId>,
    /// What a SYNOR counted at, where prices were in USD at the period's rate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usd_rate: Option<UsdRate>,
    /// How far the usage log had been read when it was made.
    pub usage_log_position: u64,
    /// When it was finalized.
    pub created_at: Timestamp,
    /// When it was sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sent_at: Option<Timestamp>,
    /// When nothing was owed any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paid_at: Option<Timestamp>,
    /// When it was voided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub voided_at: Option<Timestamp>,
}

impl Invoice {
    /// What is still owed, in µSYNOR; zero for paid and voided invoices.
    pub fn outstanding(&self) -> Result<MicroSynor, MoneyError> {
        if self.status.is_payable() {
            self.total_due_micro_synor
                .checked_sub(self.paid_micro_synor)
        } else {
            Ok(MicroSynor::ZERO)
        }
    }

    /// What was collected for it in coins: payments, and credits that had been prepaid.
    pub fn collected(&self) -> Result<MicroSynor, MoneyError> {
        let prepaid = self
            .credits
            .iter()
            .filter(|u| u.is_prepaid)
            .map(|u| u.amount_micro_synor);
        MicroSynor::sum(prepaid.chain([self.paid_micro_synor]))
    }

    /// The amounts of its lines, then of its fees.
    pub fn charges(&self) -> impl Iterator<Item = MicroSynor> {
        let lines = self.line_items.iter().map(|line| line.amount_micro_synor);
        lines.chain(self.fees.iter().map(|fee| fee.amount_micro_synor))
    }

    /// What lines below zero give back as credit.
    pub fn carried_over(&self) -> Result<MicroSynor, MoneyError> {
        MicroSynor::sum(self.line_items.iter().map(|l| l.credit_micro_synor))
    }

    /// Marks it as made known to the customer.
    pub fn send(mut self, now: Timestamp) -> Result<Self, InvoiceError> {
        match self.status {
            InvoiceStatus::Finalized => self.status = InvoiceStatus::Sent,
            InvoiceStatus::Sent => return Ok(self),
            _ => return Err(self.refuse(InvoiceStatus::Sent)),
        }
        self.sent_at = Some(now);
        Ok(self)
    }

    /// Marks it as owed past its due date, if it is.
    pub fn overdue_at(mut self, now: Timestamp) -> Self {
        let open = matches!(self.status, InvoiceStatus::Finalized | InvoiceStatus::Sent);
        if open && now >= self.due_date {
            self.status = InvoiceStatus::Overdue;
        }
        self
    }

    /// Settles up to what is owed with a confirmed payment; returns the invoice and how much of the
    /// amount it took. What it did not take stays with the payer.
    pub fn settle(
        mut self,
        amount: MicroSynor,
        tx_id: &TxId,
        now: Timestamp,
    ) -> Result<(Self, MicroSynor), InvoiceError> {
        let taken = self.outstanding()?.min(amount);
        self.paid_micro_synor = self.paid_micro_synor.checked_add(taken)?;
        if taken.is_positive() && self.paid_micro_synor == self.total_due_micro_synor {
            self.status = InvoiceStatus::Paid;
            self.payment_tx = Some(tx_id.clone());
            self.paid_at = Some(now);
        }
        self.check()?;
        Ok((self, taken))
    }

    /// Takes back a payment that the chain took back.
    pub fn unsettle(mut self, taken: MicroSynor, now: Timestamp) -> Result<Self, InvoiceError> {
        self.paid_micro_synor = self.paid_micro_synor.checked_sub(taken)?;
        if self.status == InvoiceStatus::Paid && taken.is_positive() {
            self.status = match self.sent_at {
                Some(_) => InvoiceStatus::Sent,
                None => InvoiceStatus::Finalized,
            };
            self.payment_tx = None;
            self.paid_at = None;
        }
        let invoice = self.overdue_at(now);
        invoice.check()?;
        Ok(invoice)
    }

    /// Cancels the invoice; the caller gives its credits back.
    pub fn void(mut self, now: Timestamp) -> Result<Self, InvoiceError> {
        if !self.status.is_payable() {
            return Err(self.refuse(InvoiceStatus::Voided));
        }
        if self.paid_micro_synor.is_positive() {
            let paid = self.paid_micro_synor;
            return Err(InvoiceError::HasPayments {
                number: self.number,
                paid,
            });
        }
        self.status = InvoiceStatus::Voided;
        self.voided_at = Some(now);
        Ok(self)
    }

    fn refuse(&self, wanted: InvoiceStatus) -> InvoiceError {
        InvoiceError::Transition {
            number: self.number,
            status: self.status,
            wanted,
        }
    }

    /// The invariants of an invoice: asserted before it is stored and after it is read.
    pub fn check(&self) -> Result<(), InvoiceError> {
        let sums = [
            (
                "its lines and fees do not add up to its subtotal",
                MicroSynor::sum(self.charges())? == self.subtotal_micro_synor,
            ),
            (
                "its credits do not add up to what was applied",
                MicroSynor::sum(self.credits.iter().map(|u| u.amount_micro_synor))?
                    == self.credits_applied_micro_synor,
            ),
            ("its total is not subtotal less discounts and credits", {
                let off = MicroSynor::sum(self.discounts.iter().map(|d| d.amount_micro_synor))?;
                let net = self.subtotal_micro_synor.checked_sub(off)?;
                net.checked_sub(self.credits_applied_micro_synor)? == self.total_due_micro_synor
            }),
            (
                "its total is below zero",
                !self.total_due_micro_synor.is_negative(),
            ),
            (
                "more is paid on it than was owed",
                !self.paid_micro_synor.is_negative()
                    && self.paid_micro_synor <= self.total_due_micro_synor,
            ),
            (
                "it is paid in state or amount, but not in both",
                self.status == InvoiceStatus::Voided
                    || (self.status == InvoiceStatus::Paid)
                        == (self.paid_micro_synor == self.total_due_micro_synor),
            ),
        ];
        match sums.into_iter().find(|(_, holds)| !holds) {
            None => Ok(()),
            Some((problem, _)) => Err(InvoiceError::Corrupt {
                number: self.number,
                problem: problem.to_owned(),
            }),
        }
    }
}
