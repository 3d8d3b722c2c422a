//! Rows of the book as they lie in the file, out and in.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::commit;
use super::read::{self, ReadError};
use crate::transfer::{BookPart, BookRow, add_balances, writes};

pub fn rows(
    c: &Connection,
    part: BookPart,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<BookRow>, ReadError> {
    let after = after.unwrap_or_default();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let collect = |sql: &str, read: fn(&Row<'_>) -> rusqlite::Result<BookRow>| {
        let mut statement = c.prepare_cached(sql)?;
        let rows = statement.query_map(params![after, limit], read)?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    Ok(match part {
        BookPart::Documents(kind) => {
            let page = read::page_by_id(c, kind, after, limit)?;
            page.into_iter().map(BookRow::Document).collect()
        }
        BookPart::Journal => collect(
            "SELECT sequence, entry_id, body, chain FROM journal \
             WHERE sequence > CAST(?1 AS INTEGER) ORDER BY sequence LIMIT ?2",
            |row| {
                Ok(BookRow::Entry {
                    sequence: row.get(0)?,
                    entry_id: row.get(1)?,
                    body: row.get(2)?,
                    chain: row.get(3)?,
                })
            },
        )?,
        BookPart::Scopes => collect(
            "SELECT name, version FROM scopes WHERE name > ?1 ORDER BY name LIMIT ?2",
            |row| {
                Ok(BookRow::Scope {
                    name: row.get(0)?,
                    version: row.get(1)?,
                })
            },
        )?,
        BookPart::Commands => collect(
            "SELECT command, request, reply, at FROM commands \
             WHERE command > ?1 ORDER BY command LIMIT ?2",
            |row| {
                Ok(BookRow::Command {
                    command: row.get(0)?,
                    request: row.get(1)?,
                    reply: row.get(2)?,
                    at_secs: row.get(3)?,
                })
            },
        )?,
    })
}

pub fn restore(connection: &mut Connection, rows: &[BookRow]) -> Result<(), ReadError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut balances = BTreeMap::new();
    add_balances(&mut balances, rows)?;
    for (account, sum) in &mut balances {
        let before = read::balance(&transaction, &account.to_string())?;
        *sum = before
            .checked_add(*sum)
            .map_err(|e| crate::StoreError::Invariant(format!("{account}: {e}")))?;
    }
    commit::write(&transaction, &writes(rows, balances.into_iter().collect()))?;
    transaction.commit()?;
    Ok(())
}
