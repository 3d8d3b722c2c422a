//! Accounts: who is billed.

use serde::{Deserialize, Serialize};

use crate::billing::TaxChange;
use crate::id::AccountId;
use crate::period::{Timestamp, Zone};
use crate::plan::PlanChange;

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
    /// The changes of its plan, in order of time; before the first one it is on the free plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan_changes: Vec<PlanChange>,
    /// Who referred it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred_by: Option<AccountId>,
    /// The changes of its taxes, in order of their months; before the first one it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_changes: Vec<TaxChange>,
}
