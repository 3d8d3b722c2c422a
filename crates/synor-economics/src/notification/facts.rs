//! The facts that events carry. Amounts are in µSYNOR, times are those of the change.

use serde::{Deserialize, Serialize};

use crate::billing::{
    CreditEntry, CreditNote, CreditNoteNumber, CreditSource, Invoice, InvoiceNumber, InvoiceStatus,
    Payment, PaymentTarget, Reminder,
};
use crate::budget::{Alert, Threshold};
use crate::id::{AccountId, Address, CreditId, CreditNoteId, InvoiceId, PaymentId, TxId};
use crate::money::{MicroSynor, MoneyError};
use crate::period::{Month, Timestamp};
use crate::quantity::Quantity;

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

facts! {
    /// An invoice as it stands then.
    InvoiceFacts {
        /// Which invoice.
        invoice_id: InvoiceId,
        /// Its number.
        number: InvoiceNumber,
        /// Whose.
        account_id: AccountId,
        /// Of which month.
        month: Month,
        /// Its state.
        status: InvoiceStatus,
        /// What it comes to after credits.
        total_due_micro_synor: MicroSynor,
        /// What is still owed.
        amount_due_micro_synor: MicroSynor,
        /// When it is due.
        due_date: Timestamp,
    }
    /// A reminder.
    ReminderFacts {
        /// Of which invoice.
        invoice_id: InvoiceId,
        /// Its number.
        number: InvoiceNumber,
        /// Who owes.
        account_id: AccountId,
        /// Which step of the schedule, from 1.
        step: u16,
        /// What is owed.
        amount_due_micro_synor: MicroSynor,
        /// How many whole days it is overdue.
        days_overdue: i64,
    }
    /// A credit note.
    CreditNoteFacts {
        /// Which.
        credit_note_id: CreditNoteId,
        /// Its number.
        number: CreditNoteNumber,
        /// Which invoice it corrects.
        invoice_id: InvoiceId,
        /// Whose.
        account_id: AccountId,
        /// Over how much.
        amount_micro_synor: MicroSynor,
        /// Why.
        reason: String,
    }
    /// A refund.
    RefundFacts {
        /// The credit note that it carries out.
        credit_note_id: CreditNoteId,
        /// Of which invoice.
        invoice_id: InvoiceId,
        /// Whose.
        account_id: AccountId,
        /// Where to.
        to: Address,
        /// How much.
        amount_micro_synor: MicroSynor,
    }
    /// A transfer and what it is for.
    PaymentFacts {
        /// Which payment.
        payment_id: PaymentId,
        /// Whose.
        account_id: AccountId,
        /// What for.
        target: PaymentTarget,
        /// The transfer.
        tx_id: TxId,
        /// How much.
        amount_micro_synor: MicroSynor,
        /// What of it settled the invoice.
        settled_micro_synor: MicroSynor,
        /// What of it became prepaid credit.
        credited_micro_synor: MicroSynor,
    }
    /// A credit.
    CreditFacts {
        /// Which.
        credit_id: CreditId,
        /// Whose.
        account_id: AccountId,
        /// How much.
        amount_micro_synor: MicroSynor,
        /// From where.
        source: CreditSource,
        /// Until when it can be used; null if for ever.
        expires_at: Option<Timestamp>,
    }
    /// A charge by auto-pay.
    ChargeFacts {
        /// For which invoice.
        invoice_id: InvoiceId,
        /// Whose.
        account_id: AccountId,
        /// How much at most.
        amount_micro_synor: MicroSynor,
        /// When it is made, or made again.
        charge_at: Timestamp,
        /// Why it failed; null if it did not.
        reason: Option<String>,
        /// Whether it will be tried again, or was given up.
        will_retry: bool,
    }
    /// Auto-pay that is paused.
    PauseFacts {
        /// Whose.
        account_id: AccountId,
        /// Why.
        reason: String,
    }
    /// A budget's alert.
    AlertFacts {
        /// Whose.
        account_id: AccountId,
        /// Which budget.
        budget: String,
        /// What the budget is about.
        subject: String,
        /// Which threshold.
        threshold: Threshold,
        /// In which month.
        month: Month,
        /// What the budget read when it fired.
        value: Quantity,
        /// Its limit then.
        limit: Quantity,
        /// The unit of both.
        unit: String,
    }
    /// A suspension.
    SuspensionFacts {
        /// Whose.
        account_id: AccountId,
        /// For which invoice.
        invoice_id: InvoiceId,
    }
}

impl InvoiceFacts {
    /// The facts of an invoice; refuses one whose sums do not fit.
    pub fn of(invoice: &Invoice) -> Result<Self, MoneyError> {
        Ok(Self {
            invoice_id: invoice.invoice_id,
            number: invoice.number,
            account_id: invoice.account_id.clone(),
            month: invoice.month,
            status: invoice.status,
            total_due_micro_synor: invoice.total_due_micro_synor,
            amount_due_micro_synor: invoice.outstanding()?,
            due_date: invoice.due_date,
        })
    }
}

impl From<&Reminder> for ReminderFacts {
    fn from(reminder: &Reminder) -> Self {
        Self {
            invoice_id: reminder.invoice_id,
            number: reminder.number,
            account_id: reminder.account_id.clone(),
            step: reminder.step,
            amount_due_micro_synor: reminder.amount_due_micro_synor,
            days_overdue: reminder.days_overdue,
        }
    }
}

impl From<&CreditNote> for CreditNoteFacts {
    fn from(note: &CreditNote) -> Self {
        Self {
            credit_note_id: note.credit_note_id,
            number: note.number,
            invoice_id: note.invoice_id,
            account_id: note.account_id.clone(),
            amount_micro_synor: note.amount_micro_synor,
            reason: note.reason.clone(),
        }
    }
}

impl PaymentFacts {
    /// The facts of a payment, if it is known whose it is.
    pub fn of(payment: &Payment) -> Option<Self> {
        Some(Self {
            payment_id: payment.payment_id,
            account_id: payment.account_id.clone()?,
            target: payment.target,
            tx_id: payment.tx_id.clone(),
            amount_micro_synor: payment.amount_micro_synor,
            settled_micro_synor: payment.settled_micro_synor,
            credited_micro_synor: payment.credited_micro_synor,
        })
    }
}

impl From<&CreditEntry> for CreditFacts {
    fn from(credit: &CreditEntry) -> Self {
        Self {
            credit_id: credit.credit_id,
            account_id: credit.account_id.clone(),
            amount_micro_synor: credit.amount_micro_synor,
            source: credit.source.clone(),
            expires_at: credit.expires_at,
        }
    }
}

impl From<&Alert> for AlertFacts {
    fn from(alert: &Alert) -> Self {
        Self {
            account_id: alert.account_id.clone(),
            budget: alert.budget.clone(),
            subject: alert.subject.clone(),
            threshold: alert.threshold,
            month: alert.month,
            value: alert.value,
            limit: alert.limit,
            unit: alert.unit.clone(),
        }
    }
}
