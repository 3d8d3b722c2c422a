//! Documents of what happens to an invoice after it was finalized: credit notes, reminders, and
//! accounts that are suspended because of it.

use serde::{Deserialize, Serialize};
use synor_economics::billing::{CreditNote, Reminder};
use synor_economics::id::{AccountId, InvoiceId};
use synor_economics::period::Timestamp;

use crate::document::{Document, Keys, Kind};

/// An account is marked as suspended: it owes for long. Its usage still counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Which account.
    pub account_id: AccountId,
    /// For which invoice.
    pub invoice_id: InvoiceId,
    /// Since when.
    pub since: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lifted_at: Option<Timestamp>,
}

impl Document for CreditNote {
    const KIND: Kind = Kind::CreditNote;
    fn keys(&self) -> Keys {
        Keys {
            id: self.credit_note_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: Some(self.number.to_string()),
            sort_key: i64::try_from(self.number.get()).unwrap_or(i64::MAX),
            is_open: false,
        }
    }
    fn check(&self) -> Result<(), String> {
        Self::check(self)
    }
}

impl Document for Reminder {
    const KIND: Kind = Kind::Reminder;
    fn keys(&self) -> Keys {
        Keys {
            id: format!("{}/{}", self.invoice_id, self.step),
            account: Some(self.account_id.clone()),
            sort_key: self.created_at.secs(),
            ..Keys::default()
        }
    }
}

impl Document for Suspension {
    const KIND: Kind = Kind::Suspension;
    fn keys(&self) -> Keys {
        Keys {
            id: self.account_id.to_string(),
            account: Some(self.account_id.clone()),
            sort_key: self.since.secs(),
            is_open: self.lifted_at.is_none(),
            ..Keys::default()
        }
    }
}
