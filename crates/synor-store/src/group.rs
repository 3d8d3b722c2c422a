//! Many change sets decided together: which of them hold, what each answers, and what all of them
//! together write. A backend reads what the group [asks](Asks) of the book, [applies](Group::apply)
//! each set in turn, and writes the [outcome](Writes) in one transaction.
//!
//! A set that does not hold leaves nothing behind and spoils no other. A row that several sets of a
//! group change is written once, as the last of them left it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;

use crate::change_set::Committed;
use crate::digest::{self, Digest};
use crate::document::Kind;
use crate::error::StoreError;
use crate::prepared::{Prepared, PreparedDocument, PreparedEntry};

/// A document's place: kind and id, or kind and lookup.
pub(crate) type Key = (Kind, String);

/// What must be known of the book to decide a group.
#[derive(Debug, Default)]
pub(crate) struct Asks<'a> {
    /// Which of these commands have been committed?
    pub(crate) commands: HashSet<&'a str>,
    /// The versions of these scopes?
    pub(crate) scopes: HashSet<&'a str>,
    /// Who holds these lookups?
    pub(crate) lookups: HashSet<(Kind, &'a str)>,
    /// Which of these entries are in the journal?
    pub(crate) entries: HashSet<&'a str>,
    /// The balances of these accounts?
    pub(crate) accounts: HashSet<&'a LedgerAccount>,
}

impl<'a> Asks<'a> {
    /// What a group asks.
    pub(crate) fn of(group: &'a [Prepared]) -> Self {
        let mut asks = Self::default();
        for set in group {
            asks.commands.insert(&set.command);
            let scopes = set.expects.iter().map(|(scope, _)| scope.as_str());
            asks.scopes.extend(scopes);
            for PreparedDocument { document, .. } in &set.documents {
                if let Some(lookup) = &document.keys.lookup {
                    asks.lookups.insert((document.kind, lookup));
                }
            }
            for entry in set.entries.iter().flatten() {
                asks.entries.insert(&entry.entry_id);
                let accounts = entry.postings.iter().map(|(account, _)| account);
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
    pub(crate) chain: Vec<u8>,
}

/// A command on its way into the book.
#[derive(Debug)]
pub(crate) struct NewCommand {
    pub(crate) command: String,
    pub(crate) request: Vec<u8>,
    pub(crate) reply: String,
    pub(crate) at_secs: i64,
}

/// What a group writes, each row once.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// Lookups that their holder gives up, to be cleared before documents are written.
    pub(crate) released: Vec<Key>,
    pub(crate) documents: Vec<PreparedDocument>,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) balances: Vec<(LedgerAccount, MicroSynor)>,
    pub(crate) versions: Vec<(String, u64)>,
    pub(crate) commands: Vec<NewCommand>,
}

impl Writes {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        let parts = [
            self.documents.len(),
            self.entries.len(),
            self.balances.len(),
            self.versions.len(),
            self.commands.len(),
        ];
        parts.into_iter().sum()
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

/// A group being decided: what was known, and what the sets so far have made of it.
#[derive(Debug)]
pub(crate) struct Group {
    known: Known,
    documents: HashMap<Key, PreparedDocument>,
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

    /// Applies all of a set, or nothing of it. A set of a lane that does not come to what it was
    /// decided to be breaks the lane off.
    pub(crate) fn apply(&mut self, set: Prepared) -> Result<Committed, StoreError> {
        let Some(lane) = set.lane.clone() else {
            return self.apply_alone(set);
        };
        if lane.is_broken() {
            let scope = set.expects.into_iter().map(|(scope, _)| scope);
            let scope = scope.collect::<Vec<_>>().join(", ");
            return Err(StoreError::Conflict { scope });
        }
        let result = self.apply_alone(set);
        if !matches!(&result, Ok(committed) if !committed.replayed) {
            lane.break_off();
        }
        result
    }

    fn apply_alone(&mut self, set: Prepared) -> Result<Committed, StoreError> {
        if let Some((request, reply)) = self.known.commands.get(&set.command) {
            return replayed(&set.command, &set.request, request, reply);
        }
        self.expect(&set)?;
        let lookups = self.lookups(&set.documents)?;
        let entries = set.entries.map_err(StoreError::Invariant)?;
        let balances = self.balances(&entries)?;
        let entries = self.placed(entries)?;
        // From here on nothing fails.
        for (scope, version) in set.expects {
            let raised = version.saturating_add(1);
            self.known.versions.insert(scope.clone(), raised);
            self.changed_versions.insert(scope);
        }
        self.lookups.owners.extend(lookups.owners);
        self.lookups.holds.extend(lookups.holds);
        for document in set.documents {
            let key = (document.document.kind, document.document.keys.id.clone());
            if self.documents.insert(key.clone(), document).is_none() {
                self.order.push(key);
            }
        }
        for (account, balance) in balances {
            self.known.balances.insert(account.clone(), balance);
            self.changed_balances.insert(account);
        }
        for entry in entries {
            self.known.head = (entry.sequence, entry.chain.clone());
            self.known.entries.insert(entry.entry_id.clone());
            self.entries.push(entry);
        }
        let before = (set.request.to_vec(), set.reply_text.clone());
        self.known.commands.insert(set.command.clone(), before);
        self.commands.push(NewCommand {
            command: set.command,
            request: set.request.to_vec(),
            reply: set.reply_text,
            at_secs: set.at_secs,
        });
        Ok(Committed {
            reply: set.reply,
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

    fn expect(&self, set: &Prepared) -> Result<(), StoreError> {
        for (scope, expected) in &set.expects {
            let version = self.known.versions.get(scope).copied();
            if version.unwrap_or_default() != *expected {
                let scope = scope.clone();
                return Err(StoreError::Conflict { scope });
            }
        }
        Ok(())
    }

    /// Who holds which lookup once the documents are put; none: nobody any more.
    fn lookups(&self, documents: &[PreparedDocument]) -> Result<Lookups, StoreError> {
        let mut after = Lookups::default();
        for PreparedDocument { document, .. } in documents {
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
        entries: &[PreparedEntry],
    ) -> Result<BTreeMap<LedgerAccount, MicroSynor>, StoreError> {
        let mut balances = BTreeMap::new();
        for (account, amount) in entries.iter().flat_map(|e| &e.postings) {
            let known = || self.known.balances.get(account).copied();
            let balance = balances
                .entry(account.clone())
                .or_insert_with(|| known().unwrap_or(MicroSynor::ZERO));
            *balance = balance
                .checked_add(*amount)
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
    fn placed(&self, entries: Vec<PreparedEntry>) -> Result<Vec<NewEntry>, StoreError> {
        let (mut sequence, mut chain) = self.known.head.clone();
        let mut posted = HashSet::new();
        let mut placed = Vec::with_capacity(entries.len());
        for entry in entries {
            let id = &entry.entry_id;
            if self.known.entries.contains(id) || !posted.insert(id.clone()) {
                return Err(StoreError::Exists {
                    kind: "journal entry",
                    id: entry.entry_id,
                });
            }
            sequence = sequence.saturating_add(1);
            let link = digest::chain_after(&chain, sequence, &entry.body);
            chain = link.to_vec();
            placed.push(NewEntry {
                sequence,
                entry_id: entry.entry_id,
                body: entry.body,
                chain: chain.clone(),
            });
        }
        Ok(placed)
    }
}

/// The reply of a command that was committed before, if it was for this request.
pub(crate) fn replayed(
    command: &str,
    request: &Digest,
    request_before: &[u8],
    reply: &str,
) -> Result<Committed, StoreError> {
    if request_before != request {
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
