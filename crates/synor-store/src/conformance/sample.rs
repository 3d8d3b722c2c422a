//! Small things to put into a book, and all that one can see of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;

use crate::change_set::{ChangeSet, Scope};
use crate::document::{Document, Keys, Kind, StoredDocument};
use crate::store::{JournalLine, ListQuery, Store};

/// 2026-01-01T00:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A document that is nothing but its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Note {
    pub id: String,
    pub account: Option<AccountId>,
    pub lookup: Option<String>,
    pub order: i64,
    pub open: bool,
    pub text: String,
}

impl Note {
    /// A note with an id and nothing else.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            account: None,
            lookup: None,
            order: 0,
            open: false,
            text: String::new(),
        }
    }
}

impl Document for Note {
    // A kind whose own document lives in another crate, so that the store knows nothing of it.
    const KIND: Kind = Kind::AutoPayCharge;
    fn keys(&self) -> Keys {
        Keys {
            id: self.id.clone(),
            account: self.account.clone(),
            lookup: self.lookup.clone(),
            sort_key: self.order,
            is_open: self.open,
        }
    }
}

/// An empty set of changes under a name.
pub fn changes(command: &str) -> ChangeSet {
    ChangeSet::new(command, NOW)
}

/// An entry from lines such as `("liabilities:credit:acme", -5)`.
pub fn entry(cause: &str, sides: &[(&str, i64)]) -> JournalEntry {
    let sides = sides.iter().map(|(account, amount)| {
        let account: LedgerAccount = account.parse().expect("an account of the journal");
        (account, MicroSynor::new(*amount))
    });
    JournalEntry::new(&[cause], NOW, cause.to_owned(), sides).expect("a balanced entry")
}

/// A credit given to `acme`.
pub(super) fn gift(cause: &str, amount: i64) -> JournalEntry {
    let sides = [
        ("expenses:credits_granted", amount),
        ("liabilities:credit:acme", -amount),
    ];
    entry(cause, &sides)
}

pub(super) fn acme() -> Scope {
    Scope::Account(account("acme"))
}

pub(super) fn account(name: &str) -> AccountId {
    name.parse().expect("an account id")
}

/// All that can be seen of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct State {
    pub documents: Vec<StoredDocument>,
    pub journal: Vec<JournalLine>,
    pub balances: BTreeMap<LedgerAccount, MicroSynor>,
    pub versions: Vec<u64>,
}

/// Reads all that can be seen of a book, which must be sound.
pub async fn state(store: &dyn Store) -> State {
    let mut documents = Vec::new();
    for kind in Kind::ALL {
        let page = store.documents(ListQuery::all(kind)).await.expect("a list");
        documents.extend(page.items);
    }
    let check = store.check().await.expect("a check");
    assert_eq!(check.problems, [""; 0]);
    assert_eq!(check.documents, documents.len() as u64);
    let mut balances = BTreeMap::new();
    for (account, sum) in check.balances {
        let balance = store.balance(&account).await.expect("a balance");
        assert_eq!(balance, sum, "{account}");
        balances.insert(account, balance);
    }
    let mut versions = Vec::new();
    let others = [Scope::InvoiceNumbers, Scope::Chain, Scope::Settings];
    for scope in [acme(), Scope::Account(account("other"))]
        .iter()
        .chain(&others)
    {
        versions.push(store.version(scope).await.expect("a version"));
    }
    let journal = store.journal(0, usize::MAX).await.expect("the journal");
    assert_eq!(check.entries, journal.len() as u64);
    State {
        documents,
        journal,
        balances,
        versions,
    }
}
