//! One group of change sets, decided and written in one transaction of two round trips.
//!
//! The row that holds the end of the journal is locked first. So one group is decided at a time,
//! whichever node decides it, what was read cannot change before it is written, and no two
//! transactions ever wait for each other. What that costs is bounded by the size of a group: all
//! that waits while one transaction is synced lands in the next.

use synor_economics::money::MicroSynor;
use tokio::try_join;
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;

use super::{Database, DatabaseError, signed, unsigned};
use crate::change_set::Committed;
use crate::document::Kind;
use crate::error::StoreError;
use crate::group::{Asks, Group, Known, Writes};
use crate::prepared::Prepared;

/// Decides the group and lands what holds of it.
pub async fn group(
    database: &Database,
    sets: Vec<Prepared>,
) -> Result<Vec<Result<Committed, StoreError>>, DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await?;
    let known = known(&transaction, &Asks::of(&sets)).await?;
    let mut group = Group::new(known);
    let results = sets.into_iter().map(|set| group.apply(set)).collect();
    let writes = group.into_writes();
    if writes.is_empty() {
        transaction.rollback().await?;
    } else {
        write(&transaction, &writes).await?;
        transaction.commit().await?;
    }
    Ok(results)
}

/// What the book answers to a group. The queries are sent together and run in this order, so all
/// but the first see what is there once the lock is held.
async fn known(
    transaction: &deadpool_postgres::Transaction<'_>,
    asks: &Asks<'_>,
) -> Result<Known, DatabaseError> {
    let [head, commands, scopes, lookups, entries, balances] = [
        "SELECT sequence, chain FROM journal_head FOR UPDATE",
        "SELECT command, request, reply FROM commands WHERE command = ANY($1)",
        "SELECT name, version FROM scopes WHERE name = ANY($1)",
        "SELECT d.kind, d.lookup, d.id FROM documents AS d
         JOIN unnest($1::text[], $2::text[]) AS asked (kind, lookup)
         ON d.kind = asked.kind AND d.lookup = asked.lookup",
        "SELECT entry_id FROM journal WHERE entry_id = ANY($1)",
        "SELECT account, amount_micro_synor FROM balances WHERE account = ANY($1)",
    ]
    .map(|sql| transaction.prepare_cached(sql));
    let (head, commands, scopes, lookups, entries, balances) =
        try_join!(head, commands, scopes, lookups, entries, balances)?;

    let asked_commands: Vec<_> = asks.commands.iter().collect();
    let asked_scopes: Vec<_> = asks.scopes.iter().collect();
    let (kinds, names): (Vec<&str>, Vec<&str>) = asks
        .lookups
        .iter()
        .map(|(kind, l)| (kind.name(), *l))
        .unzip();
    let asked_entries: Vec<_> = asks.entries.iter().collect();
    let accounts: Vec<_> = asks.accounts.iter().map(|a| a.to_string()).collect();
    // Biased: sent in this order, the lock first.
    let (head, commands, scopes, lookups, entries, balances) = try_join!(
        biased;
        async { transaction.query(&head, &[]).await },
        async { transaction.query(&commands, &[&asked_commands]).await },
        async { transaction.query(&scopes, &[&asked_scopes]).await },
        async { transaction.query(&lookups, &[&kinds, &names]).await },
        async { transaction.query(&entries, &[&asked_entries]).await },
        async { transaction.query(&balances, &[&accounts]).await },
    )?;

    let mut known = Known::default();
    let end = head
        .first()
        .ok_or(DatabaseError::Corrupt("the end of the journal is missing"))?;
    known.head = (unsigned(end.try_get(0)?)?, end.try_get(1)?);
    for row in commands {
        known
            .commands
            .insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
    }
    for row in scopes {
        known
            .versions
            .insert(row.try_get(0)?, unsigned(row.try_get(1)?)?);
    }
    for row in lookups {
        let kind = Kind::named(row.try_get(0)?).ok_or(DatabaseError::Corrupt("an unknown kind"))?;
        known
            .owners
            .insert((kind, row.try_get(1)?), row.try_get(2)?);
    }
    for row in entries {
        known.entries.insert(row.try_get(0)?);
    }
    for row in balances {
        let account: &str = row.try_get(0)?;
        let account = account
            .parse()
            .map_err(|_| DatabaseError::Corrupt("a balance of an unknown account"))?;
        known
            .balances
            .insert(account, MicroSynor::new(row.try_get(1)?));
    }
    Ok(known)
}

/// Writes what a group came to, all statements on their way at once.
pub async fn write(
    transaction: &deadpool_postgres::Transaction<'_>,
    writes: &Writes,
) -> Result<(), DatabaseError> {
    // A lookup changes hands only after its holder has given it up.
    release(transaction, writes).await?;
    try_join!(
        biased;
        put(transaction, writes),
        post(transaction, writes),
        keep_balances(transaction, writes),
        raise_versions(transaction, writes),
        remember(transaction, writes),
    )?;
    Ok(())
}

async fn release(
    transaction: &deadpool_postgres::Transaction<'_>,
    writes: &Writes,
) -> Result<(), DatabaseError> {
    let released = writes.released.iter();
    let (kinds, lookups): (Vec<_>, Vec<_>) = released.map(|(kind, l)| (kind.name(), l)).unzip();
    run(
        transaction,
        "UPDATE documents AS d SET lookup = NULL
         FROM unnest($1::text[], $2::text[]) AS released (kind, lookup)
         WHERE d.kind = released.kind AND d.lookup = released.lookup",
        kinds.len(),
        &[&kinds, &lookups],
    )
    .await
}

async fn put(
    transaction: &deadpool_postgres::Transaction<'_>,
    writes: &Writes,
) -> Result<(), DatabaseError> {
    let documents = || writes.documents.iter().map(|put| &put.document);
    let kinds: Vec<_> = documents().map(|d| d.kind.name()).collect();
    let ids: Vec<_> = documents().map(|d| &d.keys.id).collect();
    let accounts: Vec<_> = documents()
        .map(|d| d.keys.account.as_ref().map(|a| a.as_str()))
        .collect();
    let lookups: Vec<_> = documents().map(|d| &d.keys.lookup).collect();
    let sort_keys: Vec<_> = documents().map(|d| d.keys.sort_key).collect();
    let are_open: Vec<_> = documents().map(|d| d.keys.is_open).collect();
    let bodies: Vec<_> = documents().map(|d| &d.body).collect();
    let digests: Vec<_> = writes.documents.iter().map(|d| d.digest.to_vec()).collect();
    run(
        transaction,
        "INSERT INTO documents (kind, id, account, lookup, sort_key, is_open, body, digest)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[],
                              $6::boolean[], $7::text[], $8::bytea[])
         ON CONFLICT (kind, id) DO UPDATE SET
            account = excluded.account, lookup = excluded.lookup, sort_key = excluded.sort_key,
            is_open = excluded.is_open, body = excluded.body, digest = excluded.digest",
        kinds.len(),
        &[
            &kinds, &ids, &accounts, &lookups, &sort_keys, &are_open, &bodies, &digests,
        ],
    )
    .await
}

async fn post(
    transaction: &deadpool_postgres::Transaction<'_>,
    writes: &Writes,
) -> Result<(), DatabaseError> {
    let Some(last) = writes.entries.last() else {
        return Ok(());
    };
    let entries = || writes.entries.iter();
    let sequences = entries()
        .map(|e| signed(e.sequence))
        .collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<_> = entries().map(|e| &e.entry_id).collect();
    let bodies: Vec<_> = entries().map(|e| &e.body).collect();
    let links: Vec<_> = entries().map(|e| &e.chain).collect();
    run(
        transaction,
        "INSERT INTO journal (sequence, entry_id, body, chain)
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[])",
        sequences.len(),
        &[&sequences, &ids, &bodies, &links],
    )
    .await?;
    run(
        transaction,
        "UPDATE journal_head SET sequence = $1, chain = $2",
        1,
        &[&signed(last.sequence)?, &last.chain],
    )
    .await
}

async fn keep_balances(
    transaction: &deadpool_postgres::Transaction<'_>,
    writes: &Writes,
) -> Result<(), DatabaseError> {
    let balances = writes.balances.iter();
    let (accounts, amounts): (Vec<_>, Vec<_>) = balances
        .map(|(account, balance)| (account.to_string(), balance.micro()))
        .unzip();
    run(
        transaction,
        "INSERT INTO balances (account, amount_micro_synor)
         SELECT * FROM unnest($1::text[], $2::bigint[])
         ON CONFLICT (account) DO UPDATE SET amount_micro_synor = excluded.amount_micro_synor",
        accounts.len(),
        &[&accounts, &amounts],
    )
    .await
}

async fn raise_versions(
    transaction: &deadpool_postgres::Transaction<'_>,
    writes: &Writes,
) -> Result<(), DatabaseError> {
    let scopes: Vec<_> = writes.versions.iter().map(|(scope, _)| scope).collect();
    let versions = writes.versions.iter().map(|(_, version)| signed(*version));
    let versions = versions.collect::<Result<Vec<_>, _>>()?;
    run(
        transaction,
        "INSERT INTO scopes (name, version) SELECT * FROM unnest($1::text[], $2::bigint[])
         ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        scopes.len(),
        &[&scopes, &versions],
    )
    .await
}

async fn remember(
    transaction: &deadpool_postgres::Transaction<'_>,
    writes: &Writes,
) -> Result<(), DatabaseError> {
    let commands = || writes.commands.iter();
    let names: Vec<_> = commands().map(|c| &c.command).collect();
    let requests: Vec<_> = commands().map(|c| &c.request).collect();
    let replies: Vec<_> = commands().map(|c| &c.reply).collect();
    let times: Vec<_> = commands().map(|c| c.at_secs).collect();
    run(
        transaction,
        "INSERT INTO commands (command, request, reply, at)
         SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::bigint[])",
        names.len(),
        &[&names, &requests, &replies, &times],
    )
    .await
}

/// Runs a statement over rows, if there are any.
async fn run(
    transaction: &deadpool_postgres::Transaction<'_>,
    sql: &str,
    rows: usize,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<(), DatabaseError> {
    if rows > 0 {
        let statement = transaction.prepare_cached(sql).await?;
        transaction.execute(&statement, parameters).await?;
    }
    Ok(())
}
