//! The states of an invoice, and which may follow which.
//!
//! ```text
//!            ┌──────────────────────────────┐ nothing is due
//!            │                              ▼
//! Draft ──► Finalized ──► Sent ─────────► Paid ◄────┐ paid after all
//!               │  │      │  │              ▲       │
//!               │  └──────┼──┴─► Overdue ───┤       │
//!               │         │         │  │    │       │
//!               ├─────────┼─────────┘  │    │       │
//!               ▼         ▼            ▼    │       │
//!             Voided    Voided      WrittenOff ─────┘
//! ```
//!
//! A reorganization of the chain that takes a payment back leads from Paid to where the invoice was.
//! `docs/invoices.md` says what moves it from state to state.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Given up as not collectable; what is paid on it after all is still taken.
    WrittenOff,
}

use InvoiceStatus::{Draft, Finalized, Overdue, Paid, Sent, Voided, WrittenOff};

impl InvoiceStatus {
    /// All states, in the order of a life.
    pub const ALL: [Self; 7] = [Draft, Finalized, Sent, Paid, Overdue, Voided, WrittenOff];

    /// The states that may follow this one.
    ///
    /// ```
    /// use synor_economics::billing::InvoiceStatus;
    /// assert!(InvoiceStatus::Overdue.next().contains(&InvoiceStatus::Paid));
    /// assert!(InvoiceStatus::Voided.next().is_empty());
    /// ```
    pub const fn next(self) -> &'static [Self] {
        match self {
            Draft => &[Finalized, Paid],
            Finalized => &[Sent, Paid, Overdue, Voided, WrittenOff],
            Sent => &[Paid, Overdue, Voided, WrittenOff],
            Overdue => &[Paid, Voided, WrittenOff],
            // Where the chain takes a payment back.
            Paid => &[Finalized, Sent, Overdue, WrittenOff],
            WrittenOff => &[Paid],
            Voided => &[],
        }
    }

    /// Whether a payment is asked for.
    pub const fn is_payable(self) -> bool {
        matches!(self, Finalized | Sent | Overdue)
    }

    /// The state in the past participle that people read.
    pub const fn name(self) -> &'static str {
        match self {
            Draft => "draft",
            Finalized => "finalized",
            Sent => "sent",
            Paid => "paid",
            Overdue => "overdue",
            Voided => "voided",
            WrittenOff => "written off",
        }
    }
}

impl fmt::Display for InvoiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_but_the_first_is_reached_and_every_but_the_void_is_left() {
        for state in InvoiceStatus::ALL {
            let reached = InvoiceStatus::ALL.iter().any(|s| s.next().contains(&state));
            assert_eq!(reached, state != Draft, "{state}");
            assert_eq!(state.next().is_empty(), state == Voided, "{state}");
            assert!(!state.next().contains(&state), "{state}");
        }
    }
}
