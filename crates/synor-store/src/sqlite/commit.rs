//! One group of change sets, decided and written inside the writer's transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::kept::Kept;
use crate::group::{Asks, Known, NewCommand, NewEntry, Writes};
use crate::prepared::PreparedDocument;

/// What the book answers to a group.
pub fn known(c: &Connection, kept: &mut Kept, asks: &Asks<'_>) -> rusqlite::Result<Known> {
    let mut known = Known {
        head: kept.head(c)?,
        ..Known::default()
    };
    let mut commands = c.prepare_cached("SELECT request, reply FROM commands WHERE command = ?")?;
    for command in &asks.commands {
        let found = commands.query_row([command], |row| Ok((row.get(0)?, row.get(1)?)));
        if let Some(before) = found.optional()? {
            known.commands.insert((*command).to_owned(), before);
        }
    }
    for scope in &asks.scopes {
        let version = kept.version(c, scope)?;
        known.versions.insert((*scope).to_owned(), version);
    }
    let mut owners = c.prepare_cached("SELECT id FROM documents WHERE kind = ? AND lookup = ?")?;
    for (kind, lookup) in &asks.lookups {
        let found = owners.query_row(params![kind.name(), lookup], |row| row.get(0));
        if let Some(id) = found.optional()? {
            known.owners.insert((*kind, (*lookup).to_owned()), id);
        }
    }
    let mut entries = c.prepare_cached("SELECT 1 FROM journal WHERE entry_id = ?")?;
    for entry in &asks.entries {
        if entries.exists([entry])? {
            known.entries.insert((*entry).to_owned());
        }
    }
    for account in &asks.accounts {
        let balance = kept.balance(c, account)?;
        known.balances.insert((*account).clone(), balance);
    }
    Ok(known)
}

/// Writes what a group came to.
pub fn write(c: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    for (kind, lookup) in &writes.released {
        c.prepare_cached("UPDATE documents SET lookup = NULL WHERE kind = ? AND lookup = ?")?
            .execute(params![kind.name(), lookup])?;
    }
    for document in &writes.documents {
        put(c, document)?;
    }
    let mut posted = c.prepare_cached(
        "INSERT INTO journal (sequence, entry_id, body, chain) VALUES (?, ?, ?, ?)",
    )?;
    for entry in &writes.entries {
        let NewEntry {
            sequence,
            entry_id,
            body,
            chain,
        } = entry;
        posted.execute(params![sequence, entry_id, body, chain])?;
    }
    let mut kept = c.prepare_cached(
        "INSERT INTO balances (account, amount_micro_synor) VALUES (?, ?)
         ON CONFLICT (account) DO UPDATE SET amount_micro_synor = excluded.amount_micro_synor",
    )?;
    for (account, balance) in &writes.balances {
        kept.execute(params![account.to_string(), balance.micro()])?;
    }
    let mut raised = c.prepare_cached(
        "INSERT INTO scopes (name, version) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET version = excluded.version",
    )?;
    for (scope, version) in &writes.versions {
        raised.execute(params![scope, version])?;
    }
    let mut remembered =
        c.prepare_cached("INSERT INTO commands (command, request, reply, at) VALUES (?, ?, ?, ?)")?;
    for command in &writes.commands {
        let NewCommand {
            command,
            request,
            reply,
            at_secs,
        } = command;
        remembered.execute(params![command, request, reply, at_secs])?;
    }
    Ok(())
}

fn put(c: &Connection, put: &PreparedDocument) -> rusqlite::Result<()> {
    let document = &put.document;
    let keys = &document.keys;
    let account = keys.account.as_ref().map(|a| a.as_str());
    if document.kind.changes_often() {
        // What it is found by has hardly ever changed; then no index is touched.
        let changed = c
            .prepare_cached(
                "UPDATE documents SET body = ?, digest = ? WHERE kind = ? AND id = ? AND
                 account IS ? AND lookup IS ? AND sort_key = ? AND is_open = ?",
            )?
            .execute(params![
                document.body,
                put.digest,
                document.kind.name(),
                keys.id,
                account,
                keys.lookup,
                keys.sort_key,
                keys.is_open,
            ])?;
        if changed > 0 {
            return Ok(());
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
        put.digest,
    ])?;
    Ok(())
}
