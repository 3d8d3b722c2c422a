//! Accounts: who is billed.

use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::period::{Timestamp, Zone};

/// A customer's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name the operator gave it.
    pub account_id: AccountId,
    /// What people call it.
    pub name: String,
    /// In whose days its months are counted.
    pub time_zone: Zone,
    /// Since when.
    pub created_at: Timestamp,
}
