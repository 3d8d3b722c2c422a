//! One group of change sets, decided and written inside the writer's transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::read;
use crate::group::{Asks, Known, NewCommand, NewEntry, Writes};
use crate::prepared::PreparedDocument;

/// What the book answers to a group.
pub fn known(c: &Connection, asks: &Asks) -> rusqlite::Result<Known> {
    let mut known = Known {
        head: read::journal_head(c)?,
        ..Known::default()
    };
    let mut commands = c.prepare_cached("SELECT request, reply FROM commands WHERE command = ?")?;
    for command in &asks.commands {
        let found = commands.query_row([command], |row| Ok((row.get(0)?, row.get(1)?)));
        if let Some(before) = found.optional()? {
            known.commands.insert(command.clone(), before);
        }
    }
    for scope in &asks.scopes {
        let version = read::version(c, scope)?;
        known.versions.insert(scope.clone(), version);
    }
    let mut owners = c.prepare_cached("SELECT id FROM documents WHERE kind = ? AND lookup = ?")?;
    for key in &asks.lookups {
        let (kind, lookup) = key;
        let found = owners.query_row(params![kind.name(), lookup], |row| row.get(0));
        if let Some(id) = found.optional()? {
            known.owners.insert(key.clone(), id);
        }
    }
    let mut entries = c.prepare_cached("SELECT 1 FROM journal WHERE entry_id = ?")?;
    for entry in &asks.entries {
        if entries.exists([entry])? {
            known.entries.insert(entry.clone());
        }
    }
    let mut documents = c.prepare_cached("SELECT body FROM documents WHERE kind = ? AND id = ?")?;
    for key in &asks.documents {
        let (kind, id) = key;
        let found = documents.query_row(params![kind.name(), id], |row| row.get(0));
        if let Some(body) = found.optional()? {
            known.documents.insert(key.clone(), body);
        }
    }
    for account in &asks.accounts {
        let balance = read::balance(c, &account.to_string())?;
        known.balances.insert(account.clone(), balance);
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
    for entry in &writes.entries {
        post(c, entry)?;
    }
    for (account, balance) in &writes.balances {
        c.prepare_cached(
            "INSERT INTO balances (account, amount_micro_synor) VALUES (?, ?)
             ON CONFLICT (account) DO UPDATE SET amount_micro_synor = excluded.amount_micro_synor",
        )?
        .execute(params![account.to_string(), balance.micro()])?;
    }
    for (scope, version) in &writes.versions {
        c.prepare_cached(
            "INSERT INTO scopes (name, version) VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        )?
        .execute(params![scope, version])?;
    }
    for command in &writes.commands {
        remember(c, command)?;
    }
    Ok(())
}

fn put(c: &Connection, put: &PreparedDocument) -> rusqlite::Result<()> {
    let document = &put.document;
    let keys = &document.keys;
    let account = keys.account.as_ref().map(|a| a.as_str());
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

fn post(c: &Connection, entry: &NewEntry) -> rusqlite::Result<()> {
    c.prepare_cached("INSERT INTO journal (sequence, entry_id, body, chain) VALUES (?, ?, ?, ?)")?
        .execute(params![
            entry.sequence,
            entry.entry_id,
            entry.body,
            entry.chain
        ])?;
    Ok(())
}

fn remember(c: &Connection, command: &NewCommand) -> rusqlite::Result<()> {
    c.prepare_cached("INSERT INTO commands (command, request, reply, at) VALUES (?, ?, ?, ?)")?
        .execute(params![
            command.command,
            command.request,
            command.reply,
            command.at_secs
        ])?;
    Ok(())
}
