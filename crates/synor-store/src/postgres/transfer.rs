//! Rows of the book as they lie in the tables, out and in.

use std::collections::BTreeMap;

use deadpool_postgres::Client;
use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;

use super::read::{COLUMNS, sound};
use super::{Database, DatabaseError, commit, signed, unsigned};
use crate::error::StoreError;
use crate::transfer::{BookPart, BookRow, add_balances, writes};

pub async fn rows(
    client: &Client,
    part: BookPart,
    after: &str,
    limit: usize,
) -> Result<Vec<BookRow>, DatabaseError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match part {
        BookPart::Documents(kind) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM documents WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3"
            );
            let rows = client.query(&sql, &[&kind.name(), &after, &limit]).await?;
            let documents = rows.iter().map(|row| sound(row).map(BookRow::Document));
            documents.collect()
        }
        BookPart::Journal => {
            let sql = "SELECT sequence, entry_id, body, chain FROM journal
                       WHERE sequence > $1 ORDER BY sequence LIMIT $2";
            let after = signed(after.parse().unwrap_or(0))?;
            let rows = client.query(sql, &[&after, &limit]).await?;
            let entries = rows.iter().map(|row| {
                Ok(BookRow::Entry {
                    sequence: unsigned(row.try_get(0)?)?,
                    entry_id: row.try_get(1)?,
                    body: row.try_get(2)?,
                    chain: row.try_get(3)?,
                })
            });
            entries.collect()
        }
        BookPart::Scopes => {
            let sql = "SELECT name, version FROM scopes WHERE name > $1 ORDER BY name LIMIT $2";
            let rows = client.query(sql, &[&after, &limit]).await?;
            let scopes = rows.iter().map(|row| {
                Ok(BookRow::Scope {
                    name: row.try_get(0)?,
                    version: unsigned(row.try_get(1)?)?,
                })
            });
            scopes.collect()
        }
        BookPart::Commands => {
            let sql = "SELECT command, request, reply, at FROM commands
                       WHERE command > $1 ORDER BY command LIMIT $2";
            let rows = client.query(sql, &[&after, &limit]).await?;
            let commands = rows.iter().map(|row| {
                Ok(BookRow::Command {
                    command: row.try_get(0)?,
                    request: row.try_get(1)?,
                    reply: row.try_get(2)?,
                    at_secs: row.try_get(3)?,
                })
            });
            commands.collect()
        }
    }
}

pub async fn restore(database: &Database, rows: &[BookRow]) -> Result<(), DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    let mut balances: BTreeMap<LedgerAccount, MicroSynor> = BTreeMap::new();
    add_balances(&mut balances, rows)?;
    let names: Vec<_> = balances.keys().map(LedgerAccount::to_string).collect();
    let sql = "SELECT account, amount_micro_synor FROM balances WHERE account = ANY($1)";
    for row in transaction.query(sql, &[&names]).await? {
        let name: &str = row.try_get(0)?;
        let before = MicroSynor::new(row.try_get(1)?);
        if let Some(sum) = name
            .parse()
            .ok()
            .and_then(|a: LedgerAccount| balances.get_mut(&a))
        {
            *sum = before
                .checked_add(*sum)
                .map_err(|e| StoreError::Invariant(format!("{name}: {e}")))?;
        }
    }
    let writes = writes(rows, balances.into_iter().collect());
    commit::write(&transaction, &writes).await?;
    transaction.commit().await?;
    Ok(())
}
