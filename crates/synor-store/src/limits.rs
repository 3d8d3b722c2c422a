//! The documents of credits, budgets and top-ups: expiries, budgets, alerts, what was deducted in a
//! month, incidents and what they came to, and how a balance is to be filled up.

use serde::{Deserialize, Serialize};
use synor_economics::billing::{CreditExpiry, TopUpConfig};
use synor_economics::budget::{Alert, Budget};
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;
use synor_economics::period::Month;
use synor_economics::sla::{Incident, SlaOutcome};

use crate::document::{Document, Keys, Kind};

/// What an account spent in real time in a month, kept with each deduction of an account whose
/// budget stops, so that a decision need not add up all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendTally {
    /// Whose.
    pub account_id: AccountId,
    /// In which month.
    pub month: Month,
    /// How much.
    pub deducted_micro_synor: MicroSynor,
    /// The version of the account's scope that it holds at. At another one something has happened
    /// that it may not know of.
    pub version: u64,
}

impl Document for CreditExpiry {
    const KIND: Kind = Kind::CreditExpiry;
    fn keys(&self) -> Keys {
        Keys {
            id: format!("{}/{}", self.credit_id, self.round),
            account: Some(self.account_id.clone()),
            sort_key: self.posted_at.secs(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        (self.amount_micro_synor.is_positive() && self.expired_at <= self.posted_at)
            .then_some(())
            .ok_or_else(|| "it expired nothing, or before its time".to_owned())
    }
}

impl Document for Budget {
    const KIND: Kind = Kind::Budget;
    fn keys(&self) -> Keys {
        Keys {
            id: self.id(),
            account: Some(self.account_id.clone()),
            sort_key: self.set_at.secs(),
            is_open: self.removed_at.is_none(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        Budget::check(self).map_err(|e| e.to_string())
    }
}

impl Document for Alert {
    const KIND: Kind = Kind::Alert;
    fn keys(&self) -> Keys {
        Keys {
            id: self.id(),
            account: Some(self.account_id.clone()),
            sort_key: self.fired_at.secs(),
            is_open: self.is_firing(),
            ..Keys::default()
        }
    }
}

impl Document for SpendTally {
    const KIND: Kind = Kind::SpendTally;
    fn keys(&self) -> Keys {
        Keys {
            id: self.account_id.to_string(),
            account: Some(self.account_id.clone()),
            ..Keys::default()
        }
    }
}

impl Document for Incident {
    const KIND: Kind = Kind::Incident;
    fn keys(&self) -> Keys {
        Keys {
            id: self.incident_id.clone(),
            sort_key: self.reported_at.secs(),
            is_open: self.settled_at.is_none(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        Incident::check(self).map_err(|e| e.to_string())
    }
}

impl Document for SlaOutcome {
    const KIND: Kind = Kind::SlaOutcome;
    fn keys(&self) -> Keys {
        Keys {
            id: self.id(),
            account: Some(self.account_id.clone()),
            sort_key: self.settled_at.secs(),
            ..Keys::default()
        }
    }
}

impl Document for TopUpConfig {
    const KIND: Kind = Kind::TopUpConfig;
    fn keys(&self) -> Keys {
        Keys {
            id: self.account_id.to_string(),
            account: Some(self.account_id.clone()),
            sort_key: self.set_at.secs(),
            is_open: self.enabled,
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        TopUpConfig::check(self).map_err(|e| e.to_string())
    }
}
