//! One change set, applied inside the writer's transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;

use super::read::{self, ReadError};
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

pub fn apply(c: &Connection, changes: &ChangeSet) -> Result<Committed, Refused> {
    if let Some(before) = read::replay(c, &changes.command, &changes.request)? {
        return Ok(before);
    }
    raise_versions(c, changes)?;
    for document in &changes.documents {
        put(c, document)?;
    }
    for entry in &changes.entries {
        post(c, entry)?;
    }
    hold_wallets(c, &changes.entries)?;
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
        if read::version(c, &name)? != *expected {
            return Err(StoreError::Conflict { scope: name }.into());
        }
        c.prepare_cached(
            "INSERT INTO scopes (name, version) VALUES (?, 1)
             ON CONFLICT (name) DO UPDATE SET version = version + 1",
        )?
        .execute([name])?;
    }
    Ok(())
}

fn put(c: &Connection, document: &StoredDocument) -> Result<(), Refused> {
    let keys = &document.keys;
    let account = keys.account.as_ref().map(|a| a.as_str());
    if let Some(lookup) = &keys.lookup {
        let owner: Option<String> = c
            .prepare_cached("SELECT id FROM documents WHERE kind = ? AND lookup = ?")?
            .query_row(params![document.kind.name(), lookup], |row| row.get(0))
            .optional()?;
        if owner.is_some_and(|id| id != keys.id) {
            let kind = document.kind.name();
            return Err(StoreError::Exists {
                kind,
                id: lookup.clone(),
            }
            .into());
        }
    }
    c.prepare_cached(
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
        read::document_digest(document),
    ])?;
    Ok(())
}

fn post(c: &Connection, entry: &JournalEntry) -> Result<(), Refused> {
    let invariant = |problem: String| StoreError::Invariant(problem);
    entry.check().map_err(|e| invariant(e.to_string()))?;
    let body = serde_json::to_string(entry).map_err(|e| invariant(e.to_string()))?;
    let (last, chain) = read::journal_head(c)?;
    let sequence = last + 1;
    let inserted = c
        .prepare_cached(
            "INSERT INTO journal (sequence, entry_id, body, chain) VALUES (?, ?, ?, ?)
             ON CONFLICT (entry_id) DO NOTHING",
        )?
        .execute(params![
            sequence,
            entry.entry_id.to_string(),
            body,
            read::chain_after(&chain, sequence, &body)
        ])?;
    if inserted == 0 {
        let id = entry.entry_id.to_string();
        return Err(StoreError::Exists {
            kind: "journal entry",
            id,
        }
        .into());
    }
    for posting in &entry.postings {
        let account = posting.account.to_string();
        let before = read::balance(c, &account)?;
        let after = before
            .checked_add(posting.amount_micro_synor)
            .map_err(|e| invariant(format!("{account}: {e}")))?;
        c.prepare_cached(
            "INSERT INTO balances (account, amount_micro_synor) VALUES (?, ?)
             ON CONFLICT (account) DO UPDATE SET amount_micro_synor = excluded.amount_micro_synor",
        )?
        .execute(params![account, after.micro()])?;
    }
    Ok(())
}

/// No wallet that the entries touched may end below zero.
fn hold_wallets(c: &Connection, entries: &[JournalEntry]) -> Result<(), Refused> {
    let touched: BTreeMap<&LedgerAccount, ()> = entries
        .iter()
        .flat_map(|e| &e.postings)
        .map(|p| (&p.account, ()))
        .filter(|(account, ())| account.is_wallet())
        .collect();
    for account in touched.into_keys() {
        let balance = read::balance(c, &account.to_string())?;
        if balance > MicroSynor::ZERO {
            let problem = format!("{account} would be overdrawn by {balance}");
            return Err(StoreError::Invariant(problem).into());
        }
    }
    Ok(())
}
