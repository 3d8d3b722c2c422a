//! A decision on its way into the book.

use std::collections::BTreeMap;

use synor_economics::billing::JournalEntry;
use synor_economics::id::{AccountId, ApiKeyId};
use synor_economics::period::Timestamp;

use crate::actor::Actor;
use crate::document::{Document, StoredDocument};
use crate::error::StoreError;
use crate::lane::Lane;

/// Something that decisions are made on, with a version that every decision about it raises.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// An account, with everything that belongs to it.
    Account(AccountId),
    /// The sequence of invoice numbers.
    InvoiceNumbers,
    /// The sequence of credit note numbers.
    CreditNoteNumbers,
    /// How far the chain has been followed.
    Chain,
    /// A promo code, with how often it was redeemed.
    Promotion(String),
    /// Who referred whom.
    Referrals,
    /// A spot market's book, with what was decided on it.
    SpotMarket(String),
    /// The price oracle, with its history and the rates of periods.
    Oracle,
    /// All quotas.
    Quotas,
    /// An API key, with the sessions that were opened with it.
    ApiKey(ApiKeyId),
    /// All budgets.
    Budgets,
    /// An account's alerts.
    Alerts(AccountId),
    /// Who is told of what: endpoints of webhooks and billing e-mail addresses.
    Subscribers,
    /// An account's outbox, with what was delivered of it.
    Outbox(AccountId),
    /// Keys, price lists and the like.
    Settings,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account {id}"),
            Self::InvoiceNumbers => f.write_str("invoice numbers"),
            Self::CreditNoteNumbers => f.write_str("credit note numbers"),
            Self::Chain => f.write_str("chain"),
            Self::Promotion(code) => write!(f, "promotion {code}"),
            Self::SpotMarket(id) => write!(f, "spot market {id}"),
            Self::Referrals => f.write_str("referrals"),
            Self::Oracle => f.write_str("oracle"),
            Self::Quotas => f.write_str("quotas"),
            Self::ApiKey(id) => write!(f, "API key {id}"),
            Self::Budgets => f.write_str("budgets"),
            Self::Alerts(id) => write!(f, "alerts of {id}"),
            Self::Subscribers => f.write_str("subscribers"),
            Self::Outbox(id) => write!(f, "outbox of {id}"),
            Self::Settings => f.write_str("settings"),
        }
    }
}

/// All that one command changes: it lands in one transaction or not at all.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// Names the command for ever: a second commit of it returns the first one's reply.
    pub command: String,
    /// What was asked, so that one name cannot stand for two requests.
    pub request: String,
    /// The versions that the decision was made on.
    pub expects: BTreeMap<Scope, u64>,
    /// What it was decided behind, if that had not landed yet.
    pub lane: Option<Lane>,
    /// New and changed documents.
    pub documents: Vec<StoredDocument>,
    /// Movements of value.
    pub entries: Vec<JournalEntry>,
    /// What to answer, now and to every repetition.
    pub reply: serde_json::Value,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked for it, for the audit log; nobody, if the platform did it by itself.
    pub actor: Option<Actor>,
}

impl ChangeSet {
    /// An empty set of changes.
    pub fn new(command: impl Into<String>, at: Timestamp) -> Self {
        Self {
            command: command.into(),
            request: String::new(),
            expects: BTreeMap::new(),
            lane: None,
            documents: Vec::new(),
            entries: Vec::new(),
            reply: serde_json::Value::Null,
            at,
            actor: Actor::current(),
        }
    }

    /// Makes the commit fail if the scope has changed since this version of it.
    pub fn expect(&mut self, scope: Scope, version: u64) -> &mut Self {
        self.expects.insert(scope, version);
        self
    }

    /// Stores a document, new or changed.
    pub fn put<D: Document>(&mut self, document: &D) -> Result<&mut Self, StoreError> {
        self.documents.push(StoredDocument::pack(document)?);
        Ok(self)
    }
}

/// What a commit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The reply of the first commit of the command.
    pub reply: serde_json::Value,
    /// Whether the command had been committed before, so that nothing was changed now.
    pub replayed: bool,
}
