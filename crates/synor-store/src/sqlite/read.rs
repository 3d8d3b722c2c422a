//! Reads, and the digests that prove that what is read is what was written.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;

use crate::change_set::{Committed, Scope};
use crate::digest;
use crate::document::{Keys, Kind, StoredDocument};
use crate::error::StoreError;
use crate::group;
use crate::store::{AccountRecords, Cursor, JournalLine, ListQuery, Page, RecordsQuery};

/// Why a read failed: the database, or what was in it.
pub enum ReadError {
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub fn journal_head(c: &Connection) -> rusqlite::Result<(u64, Vec<u8>)> {
    let head = c
        .prepare_cached("SELECT sequence, chain FROM journal ORDER BY sequence DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(head.unwrap_or_default())
}

pub fn version(c: &Connection, scope: &str) -> rusqlite::Result<u64> {
    let version = c
        .prepare_cached("SELECT version FROM scopes WHERE name = ?")?
        .query_row([scope], |row| row.get(0))
        .optional()?;
    Ok(version.unwrap_or_default())
}

pub fn balance(c: &Connection, account: &str) -> rusqlite::Result<MicroSynor> {
    let amount = c
        .prepare_cached("SELECT amount_micro_synor FROM balances WHERE account = ?")?
        .query_row([account], |row| row.get(0))
        .optional()?;
    Ok(amount.map_or(MicroSynor::ZERO, MicroSynor::new))
}

pub fn replay(
    c: &Connection,
    command: &str,
    request: &str,
) -> Result<Option<Committed>, ReadError> {
    let found: Option<(Vec<u8>, String)> = c
        .prepare_cached("SELECT request, reply FROM commands WHERE command = ?")?
        .query_row([command], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let asked = digest::of_request(request);
    let replayed = found.map(|(digest, reply)| group::replayed(command, &asked, &digest, &reply));
    Ok(replayed.transpose()?)
}

/// The columns of a document, in the order that [`stored`] reads.
const COLUMNS: &str = "id, account, lookup, sort_key, is_open, body, digest";

/// Reads columns that someone may have altered: a value that the book would not have written is
/// read as well as it can be, and noted.
pub struct Columns<'a> {
    row: &'a Row<'a>,
    pub are_as_written: bool,
}

impl<'a> Columns<'a> {
    pub const fn of(row: &'a Row<'a>) -> Self {
        Self {
            row,
            are_as_written: true,
        }
    }

    pub fn text(&mut self, at: usize) -> rusqlite::Result<Option<String>> {
        Ok(match self.row.get_ref(at)? {
            ValueRef::Null => None,
            ValueRef::Text(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                self.are_as_written &= text.as_bytes() == bytes;
                Some(text.into_owned())
            }
            _ => {
                self.are_as_written = false;
                None
            }
        })
    }

    pub fn integer(&mut self, at: usize) -> rusqlite::Result<i64> {
        let value = self.row.get_ref(at)?.as_i64();
        self.are_as_written &= value.is_ok();
        Ok(value.unwrap_or_default())
    }

    pub fn bytes(&mut self, at: usize) -> rusqlite::Result<Vec<u8>> {
        let value = self.row.get_ref(at)?;
        self.are_as_written &= matches!(value, ValueRef::Blob(_));
        Ok(value.as_bytes().unwrap_or_default().to_vec())
    }
}

/// A row, and whether it is what was written.
pub fn stored(kind: Kind, row: &Row<'_>) -> rusqlite::Result<(StoredDocument, bool)> {
    let mut columns = Columns::of(row);
    let id = columns.text(0)?.unwrap_or_default();
    let account_text = columns.text(1)?;
    let account: Option<AccountId> = account_text.as_deref().and_then(|a| a.parse().ok());
    let is_account = account_text.is_some() == account.is_some();
    let lookup = columns.text(2)?;
    let sort_key = columns.integer(3)?;
    let is_open = columns.integer(4)?;
    let document = StoredDocument {
        kind,
        keys: Keys {
            id,
            account,
            lookup,
            sort_key,
            is_open: is_open != 0,
        },
        body: columns.text(5)?.unwrap_or_default(),
    };
    let is_sound = columns.bytes(6)? == digest::of_document(&document)
        && columns.are_as_written
        && is_account
        && matches!(is_open, 0 | 1);
    Ok((document, is_sound))
}

fn sound((document, is_sound): (StoredDocument, bool)) -> Result<StoredDocument, StoreError> {
    if is_sound {
        return Ok(document);
    }
    Err(StoreError::Corrupt {
        kind: document.kind.name(),
        id: document.keys.id,
        problem: "it is not what was written".to_owned(),
    })
}

/// A document by one of its unique columns.
pub fn document(
    c: &Connection,
    kind: Kind,
    column: &'static str,
    value: &str,
) -> Result<Option<StoredDocument>, ReadError> {
    let sql = format!("SELECT {COLUMNS} FROM documents WHERE kind = ? AND {column} = ?");
    let found = c
        .prepare_cached(&sql)?
        .query_row(params![kind.name(), value], |row| stored(kind, row))
        .optional()?;
    Ok(found.map(sound).transpose()?)
}

/// Calls `each` with every document of a kind, and whether it is what was written.
pub fn each_document(
    c: &Connection,
    kind: Kind,
    mut each: impl FnMut(StoredDocument, bool),
) -> rusqlite::Result<()> {
    let sql = format!("SELECT {COLUMNS} FROM documents WHERE kind = ? ORDER BY id");
    let mut statement = c.prepare(&sql)?;
    let mut rows = statement.query([kind.name()])?;
    while let Some(row) = rows.next()? {
        let (document, is_sound) = stored(kind, row)?;
        each(document, is_sound);
    }
    Ok(())
}

/// The documents of a kind that come after an id, in order of id.
pub fn page_by_id(
    c: &Connection,
    kind: Kind,
    after: &str,
    limit: i64,
) -> Result<Vec<StoredDocument>, ReadError> {
    let sql =
        format!("SELECT {COLUMNS} FROM documents WHERE kind = ? AND id > ? ORDER BY id LIMIT ?");
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map(params![kind.name(), after, limit], |row| stored(kind, row))?;
    let mut items = Vec::new();
    for row in rows {
        items.push(sound(row?)?);
    }
    Ok(items)
}

pub fn documents(c: &Connection, query: &ListQuery) -> Result<Page<StoredDocument>, ReadError> {
    let mut sql = format!("SELECT {COLUMNS} FROM documents WHERE kind = ?");
    let mut values: Vec<rusqlite::types::Value> = vec![query.kind.name().to_owned().into()];
    if let Some(account) = &query.account {
        sql.push_str(" AND account = ?");
        values.push(account.to_string().into());
    }
    if query.open_only {
        sql.push_str(" AND is_open = 1");
    }
    let (beyond, order) = if query.newest_first {
        ("<", "DESC")
    } else {
        (">", "ASC")
    };
    if let Some(after) = &query.after {
        sql.push_str(&format!(" AND (sort_key, id) {beyond} (?, ?)"));
        values.push(after.sort_key.into());
        values.push(after.id.clone().into());
    }
    sql.push_str(&format!(" ORDER BY sort_key {order}, id {order} LIMIT ?"));
    let limit = i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX);
    values.push(limit.into());
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| stored(query.kind, row))?;
    let mut items = Vec::new();
    for row in rows {
        items.push(sound(row?)?);
    }
    let more = items.len() > query.limit;
    items.truncate(query.limit);
    let next = items.last().filter(|_| more).map(|last| Cursor {
        sort_key: last.keys.sort_key,
        id: last.keys.id.clone(),
    });
    Ok(Page { items, next })
}

pub fn records(c: &Connection, query: &RecordsQuery) -> Result<Vec<AccountRecords>, ReadError> {
    // One transaction, so that versions and documents are of one moment.
    let c = c.unchecked_transaction()?;
    let of_account = |account: &AccountId| {
        let scope = Scope::Account(account.clone());
        let mut records = AccountRecords {
            version: version(&c, &scope.to_string())?,
            documents: Vec::new(),
        };
        for (kinds, condition) in [(&query.kinds, ""), (&query.open_kinds, " AND is_open = 1")] {
            let mut statement = c.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM documents WHERE kind = ? AND account = ?{condition} \
                 ORDER BY sort_key, id"
            ))?;
            for &kind in kinds {
                let mut rows = statement.query(params![kind.name(), account.as_str()])?;
                while let Some(row) = rows.next()? {
                    records.documents.push(sound(stored(kind, row)?)?);
                }
            }
        }
        Ok(records)
    };
    query.accounts.iter().map(of_account).collect()
}

pub fn journal(c: &Connection, after: u64, limit: usize) -> Result<Vec<JournalLine>, ReadError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = c.prepare_cached(
        "SELECT sequence, body FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?",
    )?;
    let rows = statement.query_map(params![after, limit], |row| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?))
    })?;
    let mut lines = Vec::new();
    for row in rows {
        let (sequence, body) = row?;
        let entry = serde_json::from_str(&body).map_err(|e| StoreError::Corrupt {
            kind: "journal entry",
            id: sequence.to_string(),
            problem: e.to_string(),
        })?;
        lines.push(JournalLine { sequence, entry });
    }
    Ok(lines)
}
