//! What a book in memory holds, and how it is looked up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use synor_economics::billing::LedgerAccount;
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;

use crate::audit::{Audit, JournalRow};
use crate::change_set::Scope;
use crate::digest::{self, Digest};
use crate::document::{Kind, StoredDocument};
use crate::error::StoreError;
use crate::group::{Asks, Key, Known, NewCommand, NewEntry, Writes};
use crate::prepared::PreparedDocument;
use crate::store::{AccountRecords, BookCheck, Cursor, JournalLine, ListQuery, Page, RecordsQuery};
use crate::transfer::{BookPart, BookRow};

/// Everything in a book.
#[derive(Debug, Default)]
pub struct Held {
    documents: BTreeMap<Kind, BTreeMap<String, (StoredDocument, Digest)>>,
    /// Which document holds a lookup.
    pub owners: HashMap<Key, String>,
    pub journal: Vec<NewEntry>,
    entries: HashSet<String>,
    pub balances: BTreeMap<LedgerAccount, MicroSynor>,
    pub versions: BTreeMap<String, u64>,
    pub commands: BTreeMap<String, NewCommand>,
    /// Holder and end of the lease of each job.
    pub leases: BTreeMap<String, (String, u64)>,
}

impl Held {
    pub fn document(&self, kind: Kind, id: &str) -> Option<&StoredDocument> {
        let of_kind = self.documents.get(&kind)?;
        of_kind.get(id).map(|(document, _)| document)
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &StoredDocument> {
        let documents = self.documents.get(&kind).into_iter();
        documents
            .flat_map(BTreeMap::values)
            .map(|(document, _)| document)
    }

    /// What the book answers to a group.
    pub fn known(&self, asks: &Asks) -> Known {
        let mut known = Known::default();
        if let Some(last) = self.journal.last() {
            known.head = (last.sequence, last.chain.clone());
        }
        for command in &asks.commands {
            if let Some(before) = self.commands.get(*command) {
                let answered = (before.request.clone(), before.reply.clone());
                known.commands.insert((*command).to_owned(), answered);
            }
        }
        for scope in &asks.scopes {
            let version = self.versions.get(*scope).copied();
            known
                .versions
                .insert((*scope).to_owned(), version.unwrap_or_default());
        }
        for (kind, lookup) in &asks.lookups {
            let key = (*kind, (*lookup).to_owned());
            if let Some(id) = self.owners.get(&key) {
                known.owners.insert(key, id.clone());
            }
        }
        let there = asks
            .entries
            .iter()
            .filter(|entry| self.entries.contains(**entry));
        known.entries = there.map(|entry| (*entry).to_owned()).collect();
        for account in &asks.accounts {
            let balance = self.balances.get(*account).copied();
            known
                .balances
                .insert((*account).clone(), balance.unwrap_or_default());
        }
        known
    }

    pub fn write(&mut self, writes: Writes) {
        for lookup in &writes.released {
            self.owners.remove(lookup);
        }
        for PreparedDocument { document, digest } in writes.documents {
            let of_kind = self.documents.entry(document.kind).or_default();
            let id = document.keys.id.clone();
            let before = of_kind.get(&id).and_then(|(d, _)| d.keys.lookup.clone());
            if let Some(lookup) = before {
                let key = (document.kind, lookup);
                if self.owners.get(&key) == Some(&id) {
                    self.owners.remove(&key);
                }
            }
            if let Some(lookup) = &document.keys.lookup {
                self.owners
                    .insert((document.kind, lookup.clone()), id.clone());
            }
            of_kind.insert(id, (document, digest));
        }
        for entry in writes.entries {
            self.entries.insert(entry.entry_id.clone());
            self.journal.push(entry);
        }
        self.balances.extend(writes.balances);
        self.versions.extend(writes.versions);
        for command in writes.commands {
            self.commands.insert(command.command.clone(), command);
        }
    }

    pub fn list(&self, query: &ListQuery) -> Page<StoredDocument> {
        let place = |d: &StoredDocument| (d.keys.sort_key, d.keys.id.clone());
        let after = query.after.as_ref().map(|c| (c.sort_key, c.id.clone()));
        let mut items: Vec<_> = self
            .of_kind(query.kind)
            .filter(|d| query.account.is_none() || d.keys.account == query.account)
            .filter(|d| d.keys.is_open || !query.open_only)
            .filter(|d| match &after {
                Some(after) if query.newest_first => place(d) < *after,
                Some(after) => place(d) > *after,
                None => true,
            })
            .collect();
        if query.newest_first {
            items.sort_by_cached_key(|d| Reverse(place(d)));
        } else {
            items.sort_by_cached_key(|d| place(d));
        }
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let next = items.last().filter(|_| more).map(|last| Cursor {
            sort_key: last.keys.sort_key,
            id: last.keys.id.clone(),
        });
        Page {
            items: items.into_iter().cloned().collect(),
            next,
        }
    }

    pub fn records(&self, query: &RecordsQuery) -> Vec<AccountRecords> {
        let of_account = |account: &AccountId| {
            let scope = Scope::Account(account.clone()).to_string();
            let mut records = AccountRecords {
                version: self.versions.get(&scope).copied().unwrap_or_default(),
                documents: Vec::new(),
            };
            let whole = query.kinds.iter().map(|kind| ListQuery::of(*kind, account));
            let open = query.open_kinds.iter();
            let open = open.map(|kind| ListQuery::of(*kind, account).open());
            for list in whole.chain(open) {
                records.documents.extend(self.list(&list).items);
            }
            records
        };
        query.accounts.iter().map(of_account).collect()
    }

    pub fn lease(&mut self, job: &str, holder: &str, now: u64, until: u64) -> bool {
        let is_free = self
            .leases
            .get(job)
            .is_none_or(|(by, end)| by == holder || *end <= now);
        if is_free {
            self.leases
                .insert(job.to_owned(), (holder.to_owned(), until));
        }
        is_free
    }

    pub fn rows(&self, part: BookPart, after: Option<&str>, limit: usize) -> Vec<BookRow> {
        let beyond = |place: &str| after.is_none_or(|after| place > after);
        match part {
            BookPart::Documents(kind) => self
                .of_kind(kind)
                .filter(|d| beyond(&d.keys.id))
                .take(limit)
                .map(|d| BookRow::Document(d.clone()))
                .collect(),
            BookPart::Journal => {
                let after = after.and_then(|a| a.parse().ok()).unwrap_or_default();
                let rest = self.journal.iter().skip(after).take(limit);
                rest.map(row_of).collect()
            }
            BookPart::Scopes => self
                .versions
                .iter()
                .filter(|(name, _)| beyond(name))
                .take(limit)
                .map(|(name, version)| BookRow::Scope {
                    name: name.clone(),
                    version: *version,
                })
                .collect(),
            BookPart::Commands => self
                .commands
                .values()
                .filter(|c| beyond(&c.command))
                .take(limit)
                .map(|c| BookRow::Command {
                    command: c.command.clone(),
                    request: c.request.clone(),
                    reply: c.reply.clone(),
                    at_secs: c.at_secs,
                })
                .collect(),
        }
    }

    pub fn check(&self) -> BookCheck {
        let mut audit = Audit::default();
        for (document, digest) in self.documents.values().flat_map(BTreeMap::values) {
            audit.document(document, *digest == digest::of_document(document));
        }
        for entry in &self.journal {
            audit.entry(JournalRow {
                sequence: entry.sequence,
                entry_id: entry.entry_id.clone(),
                body: entry.body.clone(),
                chain: entry.chain.clone(),
                is_as_written: true,
            });
        }
        let kept = self.balances.iter();
        audit.balances(kept.map(|(a, b)| (a.to_string(), *b)).collect());
        audit.found
    }
}

fn row_of(entry: &NewEntry) -> BookRow {
    BookRow::Entry {
        sequence: entry.sequence,
        entry_id: entry.entry_id.clone(),
        body: entry.body.clone(),
        chain: entry.chain.clone(),
    }
}

/// An entry as it is read.
pub fn line_of(entry: &NewEntry) -> Result<JournalLine, StoreError> {
    let sequence = entry.sequence;
    let entry = serde_json::from_str(&entry.body).map_err(|e| StoreError::Corrupt {
        kind: "journal entry",
        id: sequence.to_string(),
        problem: e.to_string(),
    })?;
    Ok(JournalLine { sequence, entry })
}
