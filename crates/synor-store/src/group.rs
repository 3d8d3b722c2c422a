//! Many change sets decided together: which of them hold, what each answers, and what all of them
//! together write. A backend reads what the group [asks](Asks) of the book, [applies](Group::apply)
//! each set in turn, and writes the [outcome](Writes) in one transaction.
//!
//! A set that does not hold leaves nothing behind and spoils no other. A row that several sets of a
//! group change is written once, as the last of them left it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;

use crate::change_set::{ChangeSet, Committed, Scope};
use crate::digest::{self, Digest};
use crate::document::{Kind, StoredDocument};
use crate::error::StoreError;

/// A document's place: kind and id, or kind and lookup.
pub(crate) type Key = (Kind, String);

/// What must be known of the book to decide a group.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    /// Which of these commands have been committed?
    pub(crate) commands: BTreeSet<String>,
    /// The versions of these scopes?
    pub(crate) scopes: BTreeSet<String>,
    /// Who holds these lookups?
    pub(crate) lookups: BTreeSet<Key>,
    /// Which of these entries are in the journal?
    pub(crate) entries: BTreeSet<String>,
    /// The balances of these accounts?
    pub(crate) accounts: BTreeSet<LedgerAccount>,
}

impl Asks {
    /// What a group asks.
    pub(crate) fn of<'a>(group: impl IntoIterator<Item = &'a ChangeSet>) -> Self {
        let mut asks = Self::default();
        for set in group {
            asks.commands.insert(set.command.clone());
            asks.scopes.extend(set.expects.keys().map(Scope::to_string));
            for document in &set.documents {
                if let Some(lookup) = &document.keys.lookup {
                    asks.lookups.insert((document.kind, lookup.clone()));
                }
            }
            for entry in &set.entries {
                asks.entries.insert(entry.entry_id.to_string());
                let accounts = entry.postings.iter().map(|p| p.account.clone());
                asks.accounts.extend(accounts);
            }
        }
        asks
    }
}

/// What the book answers.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The digest of the request and the reply of each command that was committed.
    pub(crate) commands: HashMap<String, (Vec<u8>, String)>,
    /// The versions of the scopes that have one.
    pub(crate) versions: HashMap<String, u64>,
    /// The id of the document that holds a lookup.
    pub(crate) owners: HashMap<Key, String>,
    /// The entries that are in the journal.
    pub(crate) entries: HashSet<String>,
    /// The balances of the accounts that have one.
    pub(crate) balances: HashMap<LedgerAccount, MicroSynor>,
    /// The end of the journal: the last sequence, and the last link of its chain.
    pub(crate) head: (u64, Vec<u8>),
}

/// An entry on its way into the journal.
#[derive(Debug)]
pub(crate) struct NewEntry {
    pub(crate) sequence: u64,
    pub(crate) entry_id: String,
    pub(crate) body: String,
    pub(crate) chain: Digest,
}

/// A command on its way into the book.
#[derive(Debug)]
pub(crate) struct NewCommand {
    pub(crate) command: String,
    pub(crate) request: Digest,
    pub(crate) reply: String,
    pub(crate) at_secs: i64,
}

/// What a group writes, each row once.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// Lookups that their holder gives up, to be cleared before documents are written.
    pub(crate) released: Vec<Key>,
    pub(crate) documents: Vec<StoredDocument>,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) balances: Vec<(LedgerAccount, MicroSynor)>,
    pub(crate) versions: Vec<(String, u64)>,
    pub(crate) commands: Vec<NewCommand>,
}

impl Writes {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

/// A group being decided: what was known, and what the sets so far have made of it.
#[derive(Debug)]
pub(crate) struct Group {
    known: Known,
    documents: HashMap<Key, StoredDocument>,
    /// The order in which documents were first changed.
    order: Vec<Key>,
    entries: Vec<NewEntry>,
    commands: Vec<NewCommand>,
    changed_versions: BTreeSet<String>,
    changed_balances: BTreeSet<LedgerAccount>,
    lookups: Lookups,
}

/// Which document holds which lookup, and which lookup a document holds.
#[derive(Debug, Default)]
struct Lookups {
    owners: HashMap<Key, Option<String>>,
    holds: HashMap<Key, Option<String>>,
}

impl Group {
    /// Nothing decided yet.
    pub(crate) fn new(known: Known) -> Self {
        let mut lookups = Lookups::default();
        for ((kind, lookup), id) in &known.owners {
            let owner = Some(id.clone());
            lookups.owners.insert((*kind, lookup.clone()), owner);
            lookups
                .holds
                .insert((*kind, id.clone()), Some(lookup.clone()));
        }
        Self {
            lookups,
            known,
            documents: HashMap::new(),
            order: Vec::new(),
            entries: Vec::new(),
            commands: Vec::new(),
            changed_versions: BTreeSet::new(),
            changed_balances: BTreeSet::new(),
        }
    }

    /// Applies all of a set, or nothing of it.
    pub(crate) fn apply(&mut self, set: &ChangeSet) -> Result<Committed, StoreError> {
        if let Some(before) = self.replay(set)? {
            return Ok(before);
        }
        self.expect(set)?;
        let lookups = self.lookups(&set.documents)?;
        let balances = self.balances(&set.entries)?;
        let entries = self.entries(&set.entries)?;
        // From here on nothing fails.
        for scope in set.expects.keys() {
            let scope = scope.to_string();
            let version = self.known.versions.entry(scope.clone()).or_default();
            *version = version.saturating_add(1);
            self.changed_versions.insert(scope);
        }
        self.lookups.owners.extend(lookups.owners);
        self.lookups.holds.extend(lookups.holds);
        for document in &set.documents {
            let key = (document.kind, document.keys.id.clone());
            if self
                .documents
                .insert(key.clone(), document.clone())
                .is_none()
            {
                self.order.push(key);
            }
        }
        for (account, balance) in balances {
            self.known.balances.insert(account.clone(), balance);
            self.changed_balances.insert(account);
        }
        for entry in entries {
            self.known.head = (entry.sequence, entry.chain.to_vec());
            self.known.entries.insert(entry.entry_id.clone());
            self.entries.push(entry);
        }
        self.remember(set);
        Ok(Committed {
            reply: set.reply.clone(),
            replayed: false,
        })
    }

    /// What is to be written now.
    pub(crate) fn into_writes(mut self) -> Writes {
        let known = self.known;
        let is_released = |(lookup, id): &(Key, String)| {
            self.lookups.owners.get(lookup).and_then(Option::as_ref) != Some(id)
        };
        let released = known.owners.into_iter().filter(is_released);
        let versions = self.changed_versions.into_iter().map(|scope| {
            let version = known.versions.get(&scope).copied().unwrap_or_default();
            (scope, version)
        });
        let balances = self.changed_balances.into_iter().map(|account| {
            let balance = known.balances.get(&account).copied();
            (account, balance.unwrap_or(MicroSynor::ZERO))
        });
        let documents = self.order.into_iter();
        Writes {
            released: released.map(|(lookup, _)| lookup).collect(),
            versions: versions.collect(),
            balances: balances.collect(),
            documents: documents
                .filter_map(|key| self.documents.remove(&key))
                .collect(),
            entries: self.entries,
            commands: self.commands,
        }
    }

    fn replay(&self, set: &ChangeSet) -> Result<Option<Committed>, StoreError> {
        match self.known.commands.get(&set.command) {
            None => Ok(None),
            Some((request, reply)) => {
                replayed(&set.command, &set.request, request, reply).map(Some)
            }
        }
    }

    fn remember(&mut self, set: &ChangeSet) {
        let request = digest::of_request(&set.request);
        let reply = set.reply.to_string();
        let before = (request.to_vec(), reply.clone());
        self.known.commands.insert(set.command.clone(), before);
        self.commands.push(NewCommand {
            command: set.command.clone(),
            request,
            reply,
            at_secs: set.at.secs(),
        });
    }

    fn expect(&self, set: &ChangeSet) -> Result<(), StoreError> {
        for (scope, expected) in &set.expects {
            let scope = scope.to_string();
            if self.known.versions.get(&scope).copied().unwrap_or_default() != *expected {
                return Err(StoreError::Conflict { scope });
            }
        }
        Ok(())
    }

    /// Who holds which lookup once the documents are put; none: nobody any more.
    fn lookups(&self, documents: &[StoredDocument]) -> Result<Lookups, StoreError> {
        let mut after = Lookups::default();
        for document in documents {
            let key = (document.kind, document.keys.id.clone());
            // A document that has another lookup gives it up.
            let before = after
                .holds
                .get(&key)
                .or_else(|| self.lookups.holds.get(&key));
            if let Some(Some(lookup)) = before.cloned() {
                after.owners.insert((document.kind, lookup), None);
            }
            if let Some(lookup) = &document.keys.lookup {
                let wanted = (document.kind, lookup.clone());
                let owner = after.owners.get(&wanted);
                if let Some(Some(id)) = owner.or_else(|| self.lookups.owners.get(&wanted))
                    && *id != document.keys.id
                {
                    return Err(StoreError::Exists {
                        kind: document.kind.name(),
                        id: lookup.clone(),
                    });
                }
                after.owners.insert(wanted, Some(document.keys.id.clone()));
            }
            after.holds.insert(key, document.keys.lookup.clone());
        }
        Ok(after)
    }

    /// The balances after the entries. No wallet that they touch may end below zero.
    fn balances(
        &self,
        entries: &[JournalEntry],
    ) -> Result<BTreeMap<LedgerAccount, MicroSynor>, StoreError> {
        let mut balances = BTreeMap::new();
        for posting in entries.iter().flat_map(|e| &e.postings) {
            let account = &posting.account;
            let known = || self.known.balances.get(account).copied();
            let balance = balances
                .entry(account.clone())
                .or_insert_with(|| known().unwrap_or(MicroSynor::ZERO));
            *balance = balance
                .checked_add(posting.amount_micro_synor)
                .map_err(|e| StoreError::Invariant(format!("{account}: {e}")))?;
        }
        for (account, balance) in &balances {
            if account.is_wallet() && balance.is_positive() {
                let problem = format!("{account} would be overdrawn by {balance}");
                return Err(StoreError::Invariant(problem));
            }
        }
        Ok(balances)
    }

    /// The entries in their places of the journal.
    fn entries(&self, entries: &[JournalEntry]) -> Result<Vec<NewEntry>, StoreError> {
        let (mut sequence, mut chain) = self.known.head.clone();
        let mut placed: Vec<NewEntry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let invariant = |problem: String| StoreError::Invariant(problem);
            entry.check().map_err(|e| invariant(e.to_string()))?;
            let body = serde_json::to_string(entry).map_err(|e| invariant(e.to_string()))?;
            let entry_id = entry.entry_id.to_string();
            let is_posted = self.known.entries.contains(&entry_id)
                || placed.iter().any(|before| before.entry_id == entry_id);
            if is_posted {
                return Err(StoreError::Exists {
                    kind: "journal entry",
                    id: entry_id,
                });
            }
            sequence = sequence.saturating_add(1);
            let link = digest::chain_after(&chain, sequence, &body);
            chain = link.to_vec();
            placed.push(NewEntry {
                sequence,
                entry_id,
                body,
                chain: link,
            });
        }
        Ok(placed)
    }
}

/// The reply of a command that was committed before, if it was for this request.
pub(crate) fn replayed(
    command: &str,
    request: &str,
    request_digest: &[u8],
    reply: &str,
) -> Result<Committed, StoreError> {
    if request_digest != digest::of_request(request) {
        return Err(StoreError::CommandReused {
            command: command.to_owned(),
        });
    }
    let reply = serde_json::from_str(reply).map_err(|e| StoreError::Corrupt {
        kind: "command",
        id: command.to_owned(),
        problem: e.to_string(),
    })?;
    Ok(Committed {
        reply,
        replayed: true,
    })
}
