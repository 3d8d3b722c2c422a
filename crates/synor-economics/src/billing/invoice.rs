//! The invoice: its lines and sums are frozen when it is finalized, and from then on only its state
//! moves, and what is paid, given back and credited on it. `status.rs` says which state may follow.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::credit::{CreditError, CreditUse};
use super::dunning::Dunned;
use super::ledger::LedgerAccount;
use super::line_item::LineItem;
use super::number::InvoiceNumber;
use super::status::InvoiceStatus;
use super::tax::{TaxLine, tax_added, tax_total};
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
    /// A voided invoice must not have been corrected already.
    #[error("invoice {number} has credit notes and cannot be voided")]
    HasCreditNotes {
        /// Which invoice.
        number: InvoiceNumber,
    },
    /// A credit note over more than is left.
    #[error("{asked} are more than the {left} that credit notes may still take of {number}")]
    MoreThanRemains {
        /// Which invoice.
        number: InvoiceNumber,
        /// What was asked for.
        asked: MicroSynor,
        /// What no credit note has taken.
        left: MicroSynor,
    },
    /// A refund of more than was paid.
    #[error(
        "{asked} are more than the {left} that were paid in coins on {number} and not given back"
    )]
    MoreThanPaid {
        /// Which invoice.
        number: InvoiceNumber,
        /// What was asked for.
        asked: MicroSynor,
        /// What can be refunded.
        left: MicroSynor,
    },
    /// A refund of what is not paid.
    #[error("invoice {number} is {status}; only what is paid can be refunded")]
    NotPaid {
        /// Which invoice.
        number: InvoiceNumber,
        /// Its state.
        status: InvoiceStatus,
    },
    /// A credit note over nothing.
    #[error("a line of a credit note must be above zero, not {0}")]
    NotPositive(MicroSynor),
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
    /// What corrections of earlier months give back, as far as this invoice takes it in.
    Correction,
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
    /// What is due besides the price, or is contained in it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub taxes: Vec<TaxLine>,
    /// Which credits were used.
    pub credits: Vec<CreditUse>,
    /// How much credit was used.
    pub credits_applied_micro_synor: MicroSynor,
    /// subtotal − discounts + taxes that prices do not include − credits.
    pub total_due_micro_synor: MicroSynor,
    /// What confirmed payments have settled of it.
    pub paid_micro_synor: MicroSynor,
    /// What credit notes took off what was owed.
    #[serde(skip_serializing_if = "MicroSynor::is_zero_ref", default)]
    pub credited_micro_synor: MicroSynor,
    /// What credit notes gave back of what had been paid in coins: as prepaid credit, or refunded.
    #[serde(skip_serializing_if = "MicroSynor::is_zero_ref", default)]
    pub returned_micro_synor: MicroSynor,
    /// What credit notes gave back of granted credit that it had used.
    #[serde(skip_serializing_if = "MicroSynor::is_zero_ref", default)]
    pub returned_credit_micro_synor: MicroSynor,
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
    /// When it was given up. It may have been paid after all since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub written_off_at: Option<Timestamp>,
    /// How far it has been dunned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dunned: Option<Dunned>,
}

impl Invoice {
    /// What is still owed, in µSYNOR; zero for invoices that are paid, voided or written off.
    pub fn outstanding(&self) -> Result<MicroSynor, MoneyError> {
        if self.status.is_payable() {
            self.unsettled()
        } else {
            Ok(MicroSynor::ZERO)
        }
    }

    /// What neither payments nor credit notes have settled, in µSYNOR, also if it was given up;
    /// zero for a voided invoice.
    pub fn unsettled(&self) -> Result<MicroSynor, MoneyError> {
        if self.status == InvoiceStatus::Voided {
            return Ok(MicroSynor::ZERO);
        }
        self.total_due_micro_synor
            .checked_sub(self.paid_micro_synor)?
            .checked_sub(self.credited_micro_synor)
    }

    /// Where what is not settled stands in the journal.
    pub fn unsettled_account(&self) -> LedgerAccount {
        if self.written_off_at.is_some() {
            LedgerAccount::WriteOffs
        } else {
            LedgerAccount::Receivable(self.account_id.clone())
        }
    }

    /// What was collected for it in coins and not given back: payments, and credits that had been
    /// prepaid. Below zero after a reorganization took a payment that had been refunded.
    pub fn collected(&self) -> Result<MicroSynor, MoneyError> {
        let prepaid = self
            .credits
            .iter()
            .filter(|u| u.is_prepaid)
            .map(|u| u.amount_micro_synor);
        MicroSynor::sum(prepaid.chain([self.paid_micro_synor]))?
            .checked_sub(self.returned_micro_synor)
    }

    /// What of the coins goes to those who earned it: all but the taxes, which come first.
    pub fn distributable(&self) -> Result<MicroSynor, MoneyError> {
        let taxes = self.taxes.iter().map(TaxLine::left);
        let taxes = MicroSynor::sum(taxes.collect::<Result<Vec<_>, _>>()?)?;
        Ok(self.collected()?.checked_sub(taxes)?.max(MicroSynor::ZERO))
    }

    /// All that it came to before credits, in µSYNOR: what credit notes may take back at most.
    pub fn gross(&self) -> Result<MicroSynor, MoneyError> {
        self.total_due_micro_synor
            .checked_add(self.credits_applied_micro_synor)
    }

    /// What credit notes have taken back of it, in µSYNOR.
    pub fn noted(&self) -> Result<MicroSynor, MoneyError> {
        MicroSynor::sum([
            self.credited_micro_synor,
            self.returned_micro_synor,
            self.returned_credit_micro_synor,
        ])
    }

    /// The service fees in it, in µSYNOR: the price without taxes that it includes.
    pub fn fees_total(&self) -> Result<MicroSynor, MoneyError> {
        self.gross()?.checked_sub(tax_total(&self.taxes)?)
    }

    /// The amounts of its lines, then of its fees.
    pub fn charges(&self) -> impl Iterator<Item = MicroSynor> {
        let lines = self.line_items.iter().map(|line| line.amount_micro_synor);
        lines.chain(self.fees.iter().map(|fee| fee.amount_micro_synor))
    }

    /// What lines below zero give back as credit, beyond what was taken off here; without tax.
    pub fn carried_over(&self) -> Result<MicroSynor, MoneyError> {
        corrections_of(&self.line_items, &self.discounts)
    }

    /// Marks it as made known to the customer.
    pub fn send(mut self, now: Timestamp) -> Result<Self, InvoiceError> {
        match self.status {
            InvoiceStatus::Sent => return Ok(self),
            InvoiceStatus::Finalized => self.enter(InvoiceStatus::Sent)?,
            // A paid one becomes `Sent` only where the chain takes its payment back.
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
    /// amount it took. What it did not take stays with the payer. One that was written off still
    /// takes what it lacks.
    pub fn settle(
        mut self,
        amount: MicroSynor,
        tx_id: &TxId,
        now: Timestamp,
    ) -> Result<(Self, MicroSynor), InvoiceError> {
        let taken = self.unsettled()?.min(amount);
        self.paid_micro_synor = self.paid_micro_synor.checked_add(taken)?;
        if taken.is_positive() && self.unsettled()?.is_zero() {
            self.enter(InvoiceStatus::Paid)?;
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
            self.enter(match (self.written_off_at, self.sent_at) {
                (Some(_), _) => InvoiceStatus::WrittenOff,
                (None, Some(_)) => InvoiceStatus::Sent,
                (None, None) => InvoiceStatus::Finalized,
            })?;
            self.payment_tx = None;
            self.paid_at = None;
        }
        let invoice = self.overdue_at(now);
        invoice.check()?;
        Ok(invoice)
    }

    /// Cancels the invoice; the caller gives its credits back.
    pub fn void(mut self, now: Timestamp) -> Result<Self, InvoiceError> {
        let number = self.number;
        if !self.status.is_payable() {
            return Err(self.refuse(InvoiceStatus::Voided));
        }
        if self.paid_micro_synor.is_positive() {
            let paid = self.paid_micro_synor;
            return Err(InvoiceError::HasPayments { number, paid });
        }
        if self.noted()?.is_positive() {
            return Err(InvoiceError::HasCreditNotes { number });
        }
        self.enter(InvoiceStatus::Voided)?;
        self.voided_at = Some(now);
        Ok(self)
    }

    /// Gives up what is still owed. It can be paid after all.
    pub fn write_off(mut self, now: Timestamp) -> Result<Self, InvoiceError> {
        if !self.status.is_payable() {
            return Err(self.refuse(InvoiceStatus::WrittenOff));
        }
        self.enter(InvoiceStatus::WrittenOff)?;
        self.written_off_at = Some(now);
        self.check()?;
        Ok(self)
    }

    /// Notes a step of dunning.
    pub fn dun(mut self, step: u16, now: Timestamp) -> Self {
        self.dunned = Some(Dunned { step, at: now });
        self
    }

    /// Marks it as paid if payments and credit notes have settled all of it.
    pub(super) fn paid_if_settled(&mut self, now: Timestamp) -> Result<(), InvoiceError> {
        if self.status != InvoiceStatus::Paid && self.unsettled()?.is_zero() {
            self.enter(InvoiceStatus::Paid)?;
            self.paid_at = Some(now);
        }
        Ok(())
    }

    /// The one door to another state.
    fn enter(&mut self, wanted: InvoiceStatus) -> Result<(), InvoiceError> {
        if !self.status.next().contains(&wanted) {
            return Err(self.refuse(wanted));
        }
        self.status = wanted;
        Ok(())
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
            (
                "its total is not subtotal less discounts and credits, with taxes",
                {
                    let off = MicroSynor::sum(self.discounts.iter().map(|d| d.amount_micro_synor))?;
                    let net = self.subtotal_micro_synor.checked_sub(off)?;
                    let gross = net.checked_add(tax_added(&self.taxes)?)?;
                    gross.checked_sub(self.credits_applied_micro_synor)?
                        == self.total_due_micro_synor
                },
            ),
            (
                "its total is below zero",
                !self.total_due_micro_synor.is_negative(),
            ),
            (
                "more of a tax was given back than there was",
                self.taxes.iter().all(|tax| {
                    !tax.returned_micro_synor.is_negative()
                        && tax.returned_micro_synor <= tax.amount_micro_synor
                }),
            ),
            (
                "its taxes are more than what it comes to",
                !self.fees_total()?.is_negative(),
            ),
            (
                "more is settled on it than was owed",
                !self.paid_micro_synor.is_negative() && !self.is_oversettled()?,
            ),
            (
                "credit notes took back more than it came to",
                self.noted()? <= self.gross()?,
            ),
            (
                "it is paid in state or amount, but not in both",
                self.status == InvoiceStatus::Voided
                    || (self.status == InvoiceStatus::Paid) == self.unsettled()?.is_zero(),
            ),
            (
                "it is written off in state, but not in time",
                self.status != InvoiceStatus::WrittenOff || self.written_off_at.is_some(),
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

    fn is_oversettled(&self) -> Result<bool, MoneyError> {
        let parts = [
            self.credited_micro_synor,
            self.returned_micro_synor,
            self.returned_credit_micro_synor,
        ];
        let settled = self
            .paid_micro_synor
            .checked_add(self.credited_micro_synor)?;
        Ok(parts.iter().any(|part| part.is_negative()) || settled > self.total_due_micro_synor)
    }
}

/// What lines below zero give back, beyond what was taken off as corrections.
pub(super) fn corrections_of(
    lines: &[LineItem],
    discounts: &[AppliedDiscount],
) -> Result<MicroSynor, MoneyError> {
    let taken_off = discounts
        .iter()
        .filter(|d| d.discount_type == DiscountType::Correction)
        .map(|d| d.amount_micro_synor);
    MicroSynor::sum(lines.iter().map(|line| line.credit_micro_synor))?
        .checked_sub(MicroSynor::sum(taken_off)?)
}
