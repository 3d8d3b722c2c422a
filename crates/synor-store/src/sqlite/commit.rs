//! One change set, prepared beside the writer and applied inside its transaction.

use std::collections::BTreeMap;

use rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE;
use rusqlite::{Connection, params};
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;

use super::read::{self, Digest, ReadError};
use crate::change_set::{ChangeSet, Committed};
use crate::document::StoredDocument;
use crate::error::StoreError;

/// Why a change set was refused.
pub enum Refused {
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sql(error) => Self::Sql(error),
            ReadError::Store(error) => Self::Store(error),
        }
    }
}

/// A change set with what its rows need, worked out before the one writer has to wait for it.
pub struct Prepared {
    changes: ChangeSet,
    /// Of the documents, in their order.
    digests: Vec<Digest>,
    /// The entries as they are written.
    bodies: Vec<String>,
    /// What the entries move together.
    moved: BTreeMap<LedgerAccount, MicroSynor>,
    /// Why the entries cannot be posted; only said if it comes to posting them.
    problem: Option<String>,
}

impl Prepared {
    pub fn new(changes: ChangeSet) -> Self {
        let digests = changes.documents.iter().map(read::document_digest);
        let mut prepared = Self {
            digests: digests.collect(),
            bodies: Vec::with_capacity(changes.entries.len()),
            moved: BTreeMap::new(),
            problem: None,
            changes,
        };
        for entry in &prepared.changes.entries {
            match written(entry).and_then(|body| {
                moves(entry, &mut prepared.moved)?;
                Ok(body)
            }) {
                Ok(body) => prepared.bodies.push(body),
                Err(problem) => {
                    prepared.problem = Some(problem);
                    break;
                }
            }
        }
        prepared
    }

    /// How much there is to work out.
    pub const fn size_of(changes: &ChangeSet) -> usize {
        changes
            .documents
            .len()
            .saturating_add(changes.entries.len())
    }
}

fn written(entry: &JournalEntry) -> Result<String, String> {
    entry.check().map_err(|e| e.to_string())?;
    serde_json::to_string(entry).map_err(|e| e.to_string())
}

fn moves(
    entry: &JournalEntry,
    moved: &mut BTreeMap<LedgerAccount, MicroSynor>,
) -> Result<(), String> {
    for posting in &entry.postings {
        let sum = moved.entry(posting.account.clone()).or_default();
        *sum = sum
            .checked_add(posting.amount_micro_synor)
            .map_err(|e| format!("{}: {e}", posting.account))?;
    }
    Ok(())
}

pub fn apply(c: &Connection, prepared: &Prepared) -> Result<Committed, Refused> {
    let changes = &prepared.changes;
    if let Some(before) = read::replay(c, &changes.command, &changes.request)? {
        return Ok(before);
    }
    raise_versions(c, changes)?;
    for (document, digest) in changes.documents.iter().zip(&prepared.digests) {
        put(c, document, digest)?;
    }
    if let Some(problem) = &prepared.problem {
        return Err(StoreError::Invariant(problem.clone()).into());
    }
    post(c, prepared)?;
    move_balances(c, &prepared.moved)?;
    let reply = changes.reply.to_string();
    c.prepare_cached("INSERT INTO commands (command, request, reply, at) VALUES (?, ?, ?, ?)")?
        .execute(params![
            changes.command,
            read::request_digest(&changes.request),
            reply,
            changes.at.secs()
        ])?;
    Ok(Committed {
        reply: changes.reply.clone(),
        replayed: false,
    })
}

fn raise_versions(c: &Connection, changes: &ChangeSet) -> Result<(), Refused> {
    for (scope, expected) in &changes.expects {
        let name = scope.to_string();
        let raised: u64 = c
            .prepare_cached(
                "INSERT INTO scopes (name, version) VALUES (?, 1)
                 ON CONFLICT (name) DO UPDATE SET version = version + 1
                 RETURNING version",
            )?
            .query_row([&name], |row| row.get(0))?;
        if raised.checked_sub(1) != Some(*expected) {
            return Err(StoreError::Conflict { scope: name }.into());
        }
    }
    Ok(())
}

fn put(c: &Connection, document: &StoredDocument, digest: &Digest) -> Result<(), Refused> {
    let keys = &document.keys;
    let account = keys.account.as_ref().map(|a| a.as_str());
    let done = c
        .prepare_cached(
            "INSERT INTO documents (kind, id, account, lookup, sort_key, is_open, body, digest)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (kind, id) DO UPDATE SET
                account = excluded.account, lookup = excluded.lookup, sort_key = excluded.sort_key,
                is_open = excluded.is_open, body = excluded.body, digest = excluded.digest",
        )?
        .execute(params![
            document.kind.name(),
            keys.id,
            account,
            keys.lookup,
            keys.sort_key,
            keys.is_open,
            document.body,
            digest,
        ]);
    match done {
        Ok(_) => Ok(()),
        // Its id may be there already; only its lookup may not be another's.
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.extended_code == SQLITE_CONSTRAINT_UNIQUE =>
        {
            Err(StoreError::Exists {
                kind: document.kind.name(),
                id: keys.lookup.clone().unwrap_or_default(),
            }
            .into())
        }
        Err(error) => Err(error.into()),
    }
}

fn post(c: &Connection, prepared: &Prepared) -> Result<(), Refused> {
    let entries = prepared.changes.entries.iter().zip(&prepared.bodies);
    if entries.len() == 0 {
        return Ok(());
    }
    let (mut sequence, mut chain) = read::journal_head(c)?;
    let mut insert = c.prepare_cached(
        "INSERT INTO journal (sequence, entry_id, body, chain) VALUES (?, ?, ?, ?)
         ON CONFLICT (entry_id) DO NOTHING",
    )?;
    for (entry, body) in entries {
        sequence += 1;
        let id = entry.entry_id.to_string();
        let link = read::chain_after(&chain, sequence, body);
        if insert.execute(params![sequence, id, body, link])? == 0 {
            let kind = "journal entry";
            return Err(StoreError::Exists { kind, id }.into());
        }
        chain = link.to_vec();
    }
    Ok(())
}

/// Moves balances; no wallet may end below zero.
fn move_balances(
    c: &Connection,
    moved: &BTreeMap<LedgerAccount, MicroSynor>,
) -> Result<(), Refused> {
    let invariant = |problem: String| Refused::Store(StoreError::Invariant(problem));
    for (account, amount) in moved {
        let name = account.to_string();
        let before = read::balance(c, &name)?;
        let after = before
            .checked_add(*amount)
            .map_err(|e| invariant(format!("{name}: {e}")))?;
        if account.is_wallet() && after > MicroSynor::ZERO {
            return Err(invariant(format!("{name} would be overdrawn by {after}")));
        }
        c.prepare_cached(
            "INSERT INTO balances (account, amount_micro_synor) VALUES (?, ?)
             ON CONFLICT (account) DO UPDATE SET amount_micro_synor = excluded.amount_micro_synor",
        )?
        .execute(params![name, after.micro()])?;
    }
    Ok(())
}
