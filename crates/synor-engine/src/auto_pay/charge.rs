//! A charge for an invoice, from its announcement to its coins: written down before each step, so
//! that it is announced, made and counted once.

use serde::{Deserialize, Serialize};
use synor_chain::Instruction;
use synor_economics::billing::AutoPayPolicy;
use synor_economics::id::{AccountId, InvoiceId, TxId};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_store::{Document, Keys, Kind};

/// A try that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeFailure {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// How far a charge has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// It will be made at `charge_at`.
    Announced,
    /// It failed, and will be made again at `charge_at`.
    Retrying,
    /// It is on the chain and not counted yet.
    Sent,
    /// Its coins were counted.
    Collected,
    /// It will not be made.
    GivenUp,
}

/// A charge for an invoice. It is announced with its amount and date, and not made before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoPayCharge {
    /// For which invoice.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub account_id: AccountId,
    /// How much at most; less, if less is owed by then.
    pub amount_micro_synor: MicroSynor,
    /// When it was announced.
    pub created_at: Timestamp,
    /// It is not made before this instant.
    #[serde(default = "the_beginning")]
    pub charge_at: Timestamp,
    /// The transaction's id, once it is signed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tx_id: Option<TxId>,
    /// What the chain is handed: signed by the billing wallet, or to be signed by the chain's key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed: Option<Instruction>,
    /// Whether the chain has taken it.
    pub submitted: bool,
    /// Whether the chain has taken it and it has not been counted.
    #[serde(default)]
    pub is_under_way: bool,
    /// The tries that failed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failures: Vec<ChargeFailure>,
    /// Why it will not be made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<String>,
}

const fn the_beginning() -> Timestamp {
    Timestamp::from_secs(0)
}

impl AutoPayCharge {
    /// A charge as it is announced.
    pub(super) const fn announced(
        invoice_id: InvoiceId,
        account_id: AccountId,
        amount_micro_synor: MicroSynor,
        policy: &AutoPayPolicy,
        now: Timestamp,
    ) -> Self {
        Self {
            invoice_id,
            account_id,
            amount_micro_synor,
            created_at: now,
            charge_at: policy.charge_at(now),
            tx_id: None,
            signed: None,
            submitted: false,
            is_under_way: false,
            failures: Vec::new(),
            refused: None,
        }
    }

    /// How far it has come.
    pub const fn state(&self) -> ChargeState {
        if self.refused.is_some() {
            ChargeState::GivenUp
        } else if self.is_under_way {
            ChargeState::Sent
        } else if self.submitted {
            ChargeState::Collected
        } else if self.failures.is_empty() {
            ChargeState::Announced
        } else {
            ChargeState::Retrying
        }
    }

    /// The same after a try that failed; given up when the schedule has no further one.
    pub(super) fn failed(&self, reason: String, policy: &AutoPayPolicy, now: Timestamp) -> Self {
        let mut after = self.unsigned();
        after.failures.push(ChargeFailure {
            at: now,
            reason: reason.clone(),
        });
        let first = after.failures.first().map_or(now, |failure| failure.at);
        match policy.retry_at(first, after.failures.len()) {
            Some(retry_at) => after.charge_at = retry_at.max(now),
            None => after.refused = Some(reason),
        }
        after
    }

    /// The same without its transaction, which can never count any more.
    pub(super) fn unsigned(&self) -> Self {
        Self {
            tx_id: None,
            signed: None,
            submitted: false,
            is_under_way: false,
            ..self.clone()
        }
    }

    /// The same from the start, to be made now.
    pub(super) fn resumed(&self, now: Timestamp) -> Self {
        Self {
            failures: Vec::new(),
            refused: None,
            charge_at: now,
            ..self.unsigned()
        }
    }
}

impl Document for AutoPayCharge {
    const KIND: Kind = Kind::AutoPayCharge;
    fn keys(&self) -> Keys {
        Keys {
            id: self.invoice_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: self.tx_id.as_ref().map(ToString::to_string),
            sort_key: self.created_at.secs(),
            is_open: (!self.submitted && self.refused.is_none()) || self.is_under_way,
        }
    }
}
