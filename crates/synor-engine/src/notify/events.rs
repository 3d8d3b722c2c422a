//! Which event a changed document is. Looking at documents, not at use cases, means that a new use
//! case cannot forget to tell.

use synor_economics::billing::{
    AutoPayConfig, CreditEntry, CreditNote, Invoice, InvoiceStatus, Payment, PaymentStatus,
    PaymentTarget, Reminder,
};
use synor_economics::budget::Alert;
use synor_economics::notification::{
    AlertFacts, ChargeFacts, CreditFacts, CreditNoteFacts, Event, InvoiceFacts, PauseFacts,
    PaymentFacts, RefundFacts, ReminderFacts, SuspensionFacts,
};
use synor_store::{Kind, StoreError, StoredDocument, Suspension};

use crate::auto_pay::{AutoPayCharge, ChargeState};
use crate::error::EngineError;
use crate::refunds::{RefundStatus, RefundTransfer};

/// Whether changes of these documents are told of.
pub(super) const fn is_told(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Alert
            | Kind::AutoPay
            | Kind::AutoPayCharge
            | Kind::Credit
            | Kind::CreditNote
            | Kind::Invoice
            | Kind::Payment
            | Kind::Refund
            | Kind::Reminder
            | Kind::Suspension
    )
}

/// What a document's change is, if somebody would automate it.
pub(super) fn event_of(
    before: Option<&StoredDocument>,
    after: &StoredDocument,
) -> Result<Option<Event>, EngineError> {
    Ok(match after.kind {
        Kind::Invoice => invoice(read(before)?, &after.unpack()?)?,
        Kind::Payment => payment(read(before)?.as_ref(), &after.unpack()?),
        Kind::Credit if before.is_none() => credit(&after.unpack()?),
        Kind::CreditNote if before.is_none() => {
            let note: CreditNote = after.unpack()?;
            Some(Event::CreditNoteIssued(CreditNoteFacts::from(&note)))
        }
        Kind::Reminder if before.is_none() => {
            let reminder: Reminder = after.unpack()?;
            Some(Event::InvoiceReminder(ReminderFacts::from(&reminder)))
        }
        Kind::Refund => refund(read(before)?.as_ref(), &after.unpack()?),
        Kind::AutoPayCharge => charge(read(before)?.as_ref(), &after.unpack()?),
        Kind::AutoPay => pause(read(before)?.as_ref(), &after.unpack()?),
        Kind::Alert => alert(read(before)?.as_ref(), &after.unpack()?),
        Kind::Suspension => suspension(read(before)?.as_ref(), &after.unpack()?),
        _ => None,
    })
}

fn read<D: synor_store::Document>(
    before: Option<&StoredDocument>,
) -> Result<Option<D>, StoreError> {
    before.map(StoredDocument::unpack).transpose()
}

fn invoice(before: Option<Invoice>, after: &Invoice) -> Result<Option<Event>, EngineError> {
    let facts = InvoiceFacts::of(after)?;
    let Some(before) = before else {
        return Ok(Some(Event::InvoiceFinalized(facts)));
    };
    if before.status == after.status {
        return Ok(None);
    }
    Ok(match after.status {
        _ if before.status == InvoiceStatus::Paid => Some(Event::InvoiceReopened(facts)),
        InvoiceStatus::Sent => Some(Event::InvoiceSent(facts)),
        InvoiceStatus::Paid => Some(Event::InvoicePaid(facts)),
        InvoiceStatus::Overdue => Some(Event::InvoiceOverdue(facts)),
        InvoiceStatus::Voided => Some(Event::InvoiceVoided(facts)),
        InvoiceStatus::WrittenOff => Some(Event::InvoiceWrittenOff(facts)),
        InvoiceStatus::Draft | InvoiceStatus::Finalized => None,
    })
}

fn payment(before: Option<&Payment>, after: &Payment) -> Option<Event> {
    let counted = |payment: &Payment| payment.status == PaymentStatus::Confirmed;
    let was_counted = before.is_some_and(counted);
    let had_failed = before.is_some_and(|b| matches!(b.status, PaymentStatus::Failed { .. }));
    let facts = PaymentFacts::of(after)?;
    match (&after.status, was_counted) {
        (PaymentStatus::Confirmed, false) => Some(match after.target {
            PaymentTarget::Deposit(_) => Event::DepositCredited(facts),
            _ => Event::PaymentConfirmed(facts),
        }),
        (PaymentStatus::Pending | PaymentStatus::Failed { .. }, true) => {
            Some(Event::PaymentReversed(facts))
        }
        (PaymentStatus::Failed { .. }, false) if !had_failed => Some(Event::PaymentFailed(facts)),
        _ => None,
    }
}

/// What is prepaid is told of as the payment or deposit that it is.
fn credit(after: &CreditEntry) -> Option<Event> {
    let is_own = matches!(
        after.source,
        synor_economics::billing::CreditSource::Prepaid { .. }
    );
    (!is_own).then(|| Event::CreditGranted(CreditFacts::from(after)))
}

fn refund(before: Option<&RefundTransfer>, after: &RefundTransfer) -> Option<Event> {
    let is_new = after.status == RefundStatus::Confirmed
        && before.is_none_or(|b| b.status != RefundStatus::Confirmed);
    is_new.then(|| {
        Event::RefundConfirmed(RefundFacts {
            credit_note_id: after.credit_note_id,
            invoice_id: after.invoice_id,
            account_id: after.account_id.clone(),
            to: after.to.clone(),
            amount_micro_synor: after.amount_micro_synor,
        })
    })
}

fn charge(before: Option<&AutoPayCharge>, after: &AutoPayCharge) -> Option<Event> {
    let facts = ChargeFacts {
        invoice_id: after.invoice_id,
        account_id: after.account_id.clone(),
        amount_micro_synor: after.amount_micro_synor,
        charge_at: after.charge_at,
        reason: after.failures.last().map(|failure| failure.reason.clone()),
        will_retry: after.refused.is_none(),
    };
    let failed_more = |b: &AutoPayCharge| after.failures.len() > b.failures.len();
    let became = |state| after.state() == state && before.is_none_or(|b| b.state() != state);
    if before.is_some_and(failed_more) || became(ChargeState::GivenUp) {
        Some(Event::AutoPayFailed(facts))
    } else if became(ChargeState::Sent) {
        Some(Event::AutoPayCharged(facts))
    } else if before.is_none() {
        Some(Event::AutoPayAnnounced(facts))
    } else {
        None
    }
}

fn pause(before: Option<&AutoPayConfig>, after: &AutoPayConfig) -> Option<Event> {
    let was_paused = before.is_some_and(|b| b.paused.is_some());
    let paused = after.paused.as_ref().filter(|_| !was_paused)?;
    Some(Event::AutoPayPaused(PauseFacts {
        account_id: after.account_id.clone(),
        reason: paused.reason.clone(),
    }))
}

fn alert(before: Option<&Alert>, after: &Alert) -> Option<Event> {
    let facts = AlertFacts::from(after);
    match (before, after.is_firing()) {
        (None, true) => Some(Event::AlertFired(facts)),
        (Some(before), false) if before.is_firing() => Some(Event::AlertCleared(facts)),
        _ => None,
    }
}

fn suspension(before: Option<&Suspension>, after: &Suspension) -> Option<Event> {
    let facts = SuspensionFacts {
        account_id: after.account_id.clone(),
        invoice_id: after.invoice_id,
    };
    let was_suspended = before.is_some_and(|b| b.lifted_at.is_none());
    match (was_suspended, after.lifted_at.is_none()) {
        (false, true) => Some(Event::AccountSuspended(facts)),
        (true, false) => Some(Event::AccountReinstated(facts)),
        _ => None,
    }
}
