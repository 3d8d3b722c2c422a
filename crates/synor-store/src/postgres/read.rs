//! Reads. What is of more than one statement runs in one snapshot.

use deadpool_postgres::{Client, Transaction};
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::{DatabaseError, signed, unsigned};
use crate::change_set::{Committed, Scope};
use crate::digest;
use crate::document::{Keys, Kind, StoredDocument};
use crate::error::StoreError;
use crate::group;
use crate::store::{AccountRecords, Cursor, JournalLine, ListQuery, Page, RecordsQuery};

/// The columns of a document, in the order that [`stored`] reads.
pub const COLUMNS: &str = "kind, id, account, lookup, sort_key, is_open, body, digest";

/// A read-only view of one moment.
pub async fn snapshot(client: &mut Client) -> Result<Transaction<'_>, DatabaseError> {
    let view = client.build_transaction().read_only(true);
    let view = view.isolation_level(IsolationLevel::RepeatableRead);
    Ok(view.start().await?)
}

/// A row, and whether it is what was written; none if its kind is not known.
pub fn stored(row: &Row) -> Result<Option<(StoredDocument, bool)>, DatabaseError> {
    let Some(kind) = Kind::named(row.try_get(0)?) else {
        return Ok(None);
    };
    let account_text: Option<&str> = row.try_get(2)?;
    let account: Option<AccountId> = account_text.and_then(|a| a.parse().ok());
    let is_account = account_text.is_some() == account.is_some();
    let document = StoredDocument {
        kind,
        keys: Keys {
            id: row.try_get(1)?,
            account,
            lookup: row.try_get(3)?,
            sort_key: row.try_get(4)?,
            is_open: row.try_get(5)?,
        },
        body: row.try_get(6)?,
    };
    let digest: &[u8] = row.try_get(7)?;
    let is_sound = digest == digest::of_document(&document) && is_account;
    Ok(Some((document, is_sound)))
}

pub fn sound(row: &Row) -> Result<StoredDocument, DatabaseError> {
    match stored(row)? {
        Some((document, true)) => Ok(document),
        Some((document, false)) => Err(StoreError::Corrupt {
            kind: document.kind.name(),
            id: document.keys.id,
            problem: "it is not what was written".to_owned(),
        }
        .into()),
        None => Err(DatabaseError::Corrupt("a document of an unknown kind")),
    }
}

pub async fn replay(
    client: &Client,
    command: &str,
    request: &str,
) -> Result<Option<Committed>, DatabaseError> {
    let sql = "SELECT request, reply FROM commands WHERE command = $1";
    let Some(row) = optional(client, sql, &[&command]).await? else {
        return Ok(None);
    };
    let (digest, reply): (&[u8], &str) = (row.try_get(0)?, row.try_get(1)?);
    let asked = digest::of_request(request);
    Ok(Some(group::replayed(command, &asked, digest, reply)?))
}

pub async fn commits(client: &Client) -> Result<u64, DatabaseError> {
    let row = client
        .query_one("SELECT count(*) FROM commands", &[])
        .await?;
    unsigned(row.try_get(0)?)
}

pub async fn version(client: &Client, scope: &str) -> Result<u64, DatabaseError> {
    let sql = "SELECT version FROM scopes WHERE name = $1";
    match optional(client, sql, &[&scope]).await? {
        Some(row) => unsigned(row.try_get(0)?),
        None => Ok(0),
    }
}

pub async fn balance(client: &Client, account: &str) -> Result<MicroSynor, DatabaseError> {
    let sql = "SELECT amount_micro_synor FROM balances WHERE account = $1";
    Ok(match optional(client, sql, &[&account]).await? {
        Some(row) => MicroSynor::new(row.try_get(0)?),
        None => MicroSynor::ZERO,
    })
}

/// A document by one of its unique columns.
pub async fn document(
    client: &Client,
    kind: Kind,
    column: &'static str,
    value: &str,
) -> Result<Option<StoredDocument>, DatabaseError> {
    let sql = format!("SELECT {COLUMNS} FROM documents WHERE kind = $1 AND {column} = $2");
    let row = optional(client, &sql, &[&kind.name(), &value]).await?;
    row.as_ref().map(sound).transpose()
}

pub async fn documents(
    client: &Client,
    query: &ListQuery,
) -> Result<Page<StoredDocument>, DatabaseError> {
    let kind = query.kind.name();
    let account = query.account.as_ref().map(|a| a.as_str());
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&kind];
    let mut sql = format!("SELECT {COLUMNS} FROM documents WHERE kind = $1");
    if let Some(account) = &account {
        parameters.push(account);
        sql.push_str(&format!(" AND account = ${}", parameters.len()));
    }
    if query.open_only {
        sql.push_str(" AND is_open");
    }
    let (beyond, order) = if query.newest_first {
        ("<", "DESC")
    } else {
        (">", "ASC")
    };
    if let Some(after) = &query.after {
        parameters.extend([&after.sort_key as &(dyn ToSql + Sync), &after.id]);
        let place = parameters.len();
        sql.push_str(&format!(
            " AND (sort_key, id) {beyond} (${}, ${place})",
            place.saturating_sub(1)
        ));
    }
    let limit = i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX);
    parameters.push(&limit);
    sql.push_str(&format!(
        " ORDER BY sort_key {order}, id {order} LIMIT ${}",
        parameters.len()
    ));
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &parameters).await?;
    let mut items = rows.iter().map(sound).collect::<Result<Vec<_>, _>>()?;
    let more = items.len() > query.limit;
    items.truncate(query.limit);
    let next = items.last().filter(|_| more).map(|last| Cursor {
        sort_key: last.keys.sort_key,
        id: last.keys.id.clone(),
    });
    Ok(Page { items, next })
}

pub async fn records(
    client: &mut Client,
    query: &RecordsQuery,
) -> Result<Vec<AccountRecords>, DatabaseError> {
    let view = snapshot(client).await?;
    let accounts: Vec<_> = query.accounts.iter().map(|a| a.as_str()).collect();
    let scopes = query.accounts.iter();
    let scopes: Vec<_> = scopes
        .map(|a| Scope::Account(a.clone()).to_string())
        .collect();
    let versions = view
        .prepare_cached(
            "SELECT coalesce(s.version, 0) FROM unnest($1::text[]) WITH ORDINALITY AS asked (name, place)
             LEFT JOIN scopes AS s ON s.name = asked.name ORDER BY asked.place",
        )
        .await?;
    let of_kinds = view
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM documents WHERE account = ANY($1) AND
             (kind = ANY($2) OR (kind = ANY($3) AND is_open)) ORDER BY sort_key, id"
        ))
        .await?;
    let names = |kinds: &[Kind]| kinds.iter().map(|k| k.name()).collect::<Vec<_>>();
    let (kinds, open_kinds) = (names(&query.kinds), names(&query.open_kinds));
    let (versions, rows) =
        tokio::try_join!(async { view.query(&versions, &[&scopes]).await }, async {
            view.query(&of_kinds, &[&accounts, &kinds, &open_kinds])
                .await
        },)?;
    view.commit().await?;

    let mut found: std::collections::HashMap<AccountId, Vec<StoredDocument>> = Default::default();
    for row in &rows {
        let document = sound(row)?;
        if let Some(account) = document.keys.account.clone() {
            found.entry(account).or_default().push(document);
        }
    }
    let records = query
        .accounts
        .iter()
        .zip(&versions)
        .map(|(account, version)| {
            let documents = found.get(account).map(Vec::as_slice).unwrap_or_default();
            // Those of each kind together, in the order asked for.
            let in_order = |kinds: &[Kind], open_only: bool| {
                let of_kind = |kind: Kind| documents.iter().filter(move |d| d.kind == kind);
                let listed = kinds.iter().copied().flat_map(of_kind);
                listed
                    .filter(|d| !open_only || d.keys.is_open)
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let mut listed = in_order(&query.kinds, false);
            listed.extend(in_order(&query.open_kinds, true));
            Ok(AccountRecords {
                version: unsigned(version.try_get(0)?)?,
                documents: listed,
            })
        });
    records.collect()
}

pub async fn journal(
    client: &Client,
    after: u64,
    limit: usize,
) -> Result<Vec<JournalLine>, DatabaseError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let statement = client
        .prepare_cached(
            "SELECT sequence, body FROM journal WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&signed(after)?, &limit]).await?;
    let lines = rows.iter().map(|row| {
        let sequence = unsigned(row.try_get(0)?)?;
        let entry = serde_json::from_str(row.try_get(1)?).map_err(|e| StoreError::Corrupt {
            kind: "journal entry",
            id: sequence.to_string(),
            problem: e.to_string(),
        })?;
        Ok(JournalLine { sequence, entry })
    });
    lines.collect()
}

async fn optional(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Option<Row>, DatabaseError> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_opt(&statement, parameters).await?)
}
