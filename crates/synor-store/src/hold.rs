//! Holds as documents, in the order in which they expire.

use synor_economics::billing::{Hold, HoldStatus};

use crate::document::{Document, Keys, Kind};

impl Document for Hold {
    const KIND: Kind = Kind::Hold;
    fn keys(&self) -> Keys {
        Keys {
            id: self.hold_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: None,
            sort_key: self.expires_at.secs(),
            is_open: self.status == HoldStatus::Open,
        }
    }
    fn check(&self) -> Result<(), String> {
        Hold::check(self).map_err(|e| e.to_string())
    }
}
