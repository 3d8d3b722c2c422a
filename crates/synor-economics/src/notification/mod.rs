//! What customers are told: an event for each change that somebody would automate, with the facts
//! that a program needs to act on it. What it says in full can be asked of the API by its ids.

mod facts;
mod retry;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use facts::{
    AlertFacts, ChargeFacts, CreditFacts, CreditNoteFacts, InvoiceFacts, PauseFacts, PaymentFacts,
    RefundFacts, ReminderFacts, SuspensionFacts,
};
pub use retry::{RetryPolicy, RetryPolicyError};

/// Why a filter of events was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// There is no such event.
    #[error("`{0}` is not an event; write one such as `invoice.paid`, or `invoice.*`")]
    UnknownEvent(String),
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:literal $event:ident($facts:ident);)*) => {
        /// Something happened. Printed as `{"type": "invoice.paid", "data": {…}}`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "data")]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $name)] $event($facts),)*
        }

        impl Event {
            /// The names of all events.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// What it is called, such as `invoice.paid`.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$event(_) => $name,)*
                }
            }
        }
    };
}

events! {
    /// An invoice was made.
    "invoice.finalized" InvoiceFinalized(InvoiceFacts);
    /// It was made known to its customer.
    "invoice.sent" InvoiceSent(InvoiceFacts);
    /// Nothing is owed on it any more.
    "invoice.paid" InvoicePaid(InvoiceFacts);
    /// It is owed past its due date.
    "invoice.overdue" InvoiceOverdue(InvoiceFacts);
    /// It was cancelled.
    "invoice.voided" InvoiceVoided(InvoiceFacts);
    /// What was owed on it was given up.
    "invoice.written_off" InvoiceWrittenOff(InvoiceFacts);
    /// Something is owed on it again: the chain took its payment back.
    "invoice.reopened" InvoiceReopened(InvoiceFacts);
    /// It is overdue, and its customer is reminded.
    "invoice.reminder" InvoiceReminder(ReminderFacts);
    /// An invoice was corrected, or what was paid on it given back.
    "credit_note.issued" CreditNoteIssued(CreditNoteFacts);
    /// A refund was seen on chain.
    "refund.confirmed" RefundConfirmed(RefundFacts);
    /// A transfer counts.
    "payment.confirmed" PaymentConfirmed(PaymentFacts);
    /// A transfer failed.
    "payment.failed" PaymentFailed(PaymentFacts);
    /// The chain took a transfer back that had counted.
    "payment.reversed" PaymentReversed(PaymentFacts);
    /// A deposit counts, and became prepaid credit.
    "deposit.credited" DepositCredited(PaymentFacts);
    /// A credit was granted.
    "credit.granted" CreditGranted(CreditFacts);
    /// A charge by auto-pay will be made.
    "auto_pay.announced" AutoPayAnnounced(ChargeFacts);
    /// A charge by auto-pay is on the chain.
    "auto_pay.charged" AutoPayCharged(ChargeFacts);
    /// A charge by auto-pay failed.
    "auto_pay.failed" AutoPayFailed(ChargeFacts);
    /// Auto-pay collects nothing until it is resumed.
    "auto_pay.paused" AutoPayPaused(PauseFacts);
    /// A budget crossed one of its thresholds.
    "alert.fired" AlertFired(AlertFacts);
    /// It is below the threshold again.
    "alert.cleared" AlertCleared(AlertFacts);
    /// An account is suspended because it owes for long.
    "account.suspended" AccountSuspended(SuspensionFacts);
    /// It is not any more.
    "account.reinstated" AccountReinstated(SuspensionFacts);
}

/// Which events somebody wants: names, or all of a family as `invoice.*`; none means all.
///
/// ```
/// use synor_economics::notification::EventFilter;
/// let filter = EventFilter::new(vec!["invoice.*".to_owned(), "payment.failed".to_owned()])?;
/// assert!(filter.wants("invoice.paid") && filter.wants("payment.failed"));
/// assert!(!filter.wants("payment.confirmed"));
/// assert!(EventFilter::default().wants("payment.confirmed"));
/// assert!(EventFilter::new(vec!["invoices.paid".to_owned()]).is_err());
/// # Ok::<(), synor_economics::notification::FilterError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventFilter(Vec<String>);

impl EventFilter {
    /// A filter of these names; refuses one that no event has.
    pub fn new(names: Vec<String>) -> Result<Self, FilterError> {
        let is_known = |name: &&String| Event::NAMES.iter().any(|event| matches(name, event));
        match names.iter().find(|name| !is_known(name)) {
            Some(unknown) => Err(FilterError::UnknownEvent(unknown.clone())),
            None => Ok(Self(names)),
        }
    }

    /// Whether an event of this name is wanted.
    pub fn wants(&self, event: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|name| matches(name, event))
    }
}

fn matches(name: &str, event: &str) -> bool {
    match name.strip_suffix('*') {
        Some(family) => family.ends_with('.') && event.starts_with(family),
        None => name == event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_told_apart_and_are_families_of_one_word() {
        let names: BTreeSet<_> = Event::NAMES.iter().collect();
        assert_eq!(names.len(), Event::NAMES.len());
        for name in names {
            let parts: Vec<_> = name.split('.').collect();
            assert_eq!(parts.len(), 2, "{name}");
        }
    }

    #[test]
    fn an_event_is_written_with_its_type_and_data() {
        let event = Event::AutoPayPaused(PauseFacts {
            account_id: "acme".parse().unwrap(),
            reason: "the grant is used up".to_owned(),
        });
        let text = serde_json::to_string(&event).unwrap();
        let wanted = r#"{"type":"auto_pay.paused","data":{"account_id":"acme","reason":"the grant is used up"}}"#;
        assert_eq!(text, wanted);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert_eq!(event.name(), "auto_pay.paused");
    }
}
