//! Moving a book from one backend to another, row by row, without loss: documents, journal,
//! versions, and the commands with their replies, so that what was answered before is answered the
//! same ever after.

use std::collections::BTreeMap;

use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;

use crate::digest;
use crate::document::{Kind, StoredDocument};
use crate::error::StoreError;
use crate::group::{NewCommand, NewEntry, Writes};
use crate::prepared::PreparedDocument;
use crate::store::{BookCheck, Store};

/// Rows that are moved at once.
const ROWS: usize = 2_000;

/// What a book consists of. Balances are not part of it: they are sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookRow {
    /// A document.
    Document(StoredDocument),
    /// An entry of the journal as it was written, with its link of the chain.
    Entry {
        /// Its place, from 1.
        sequence: u64,
        /// Its id.
        entry_id: String,
        /// Its JSON.
        body: String,
        /// The link of the chain.
        chain: Vec<u8>,
    },
    /// A scope.
    Scope {
        /// Its name.
        name: String,
        /// Its version.
        version: u64,
    },
    /// A command that was carried out.
    Command {
        /// Its name.
        command: String,
        /// The digest of what was asked.
        request: Vec<u8>,
        /// What was answered, as JSON.
        reply: String,
        /// When, in Unix seconds.
        at_secs: i64,
    },
}

/// The parts of a book, each in its own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookPart {
    /// The documents of a kind, by id.
    Documents(Kind),
    /// The journal, by sequence.
    Journal,
    /// The scopes, by name.
    Scopes,
    /// The commands, by name.
    Commands,
}

impl BookPart {
    fn all() -> impl Iterator<Item = Self> {
        let documents = Kind::ALL.into_iter().map(Self::Documents);
        documents.chain([Self::Journal, Self::Scopes, Self::Commands])
    }
}

impl BookRow {
    /// What the next page of its part comes after.
    fn place(&self) -> String {
        match self {
            Self::Document(document) => document.keys.id.clone(),
            Self::Entry { sequence, .. } => sequence.to_string(),
            Self::Scope { name, .. } => name.clone(),
            Self::Command { command, .. } => command.clone(),
        }
    }
}

/// The balances that journal rows add up to, added to those before.
pub(crate) fn add_balances(
    balances: &mut BTreeMap<LedgerAccount, MicroSynor>,
    rows: &[BookRow],
) -> Result<(), StoreError> {
    for row in rows {
        let BookRow::Entry { sequence, body, .. } = row else {
            continue;
        };
        let corrupt = |problem: String| StoreError::Corrupt {
            kind: "journal entry",
            id: sequence.to_string(),
            problem,
        };
        let entry: JournalEntry = serde_json::from_str(body).map_err(|e| corrupt(e.to_string()))?;
        for posting in entry.postings {
            let sum = balances.entry(posting.account).or_default();
            *sum = sum
                .checked_add(posting.amount_micro_synor)
                .map_err(|e| corrupt(e.to_string()))?;
        }
    }
    Ok(())
}

/// The same rows, as a commit would write them.
pub(crate) fn writes(rows: &[BookRow], balances: Vec<(LedgerAccount, MicroSynor)>) -> Writes {
    let mut writes = Writes {
        balances,
        ..Writes::default()
    };
    for row in rows {
        match row.clone() {
            BookRow::Document(document) => writes.documents.push(PreparedDocument {
                digest: digest::of_document(&document),
                document,
            }),
            BookRow::Entry {
                sequence,
                entry_id,
                body,
                chain,
            } => writes.entries.push(NewEntry {
                sequence,
                entry_id,
                body,
                chain,
            }),
            BookRow::Scope { name, version } => writes.versions.push((name, version)),
            BookRow::Command {
                command,
                request,
                reply,
                at_secs,
            } => writes.commands.push(NewCommand {
                command,
                request,
                reply,
                at_secs,
            }),
        }
    }
    writes
}

/// Copies a book into an empty one and proves the copy: both checks must agree. Nothing may write
/// to either meanwhile. `moved` is told how many rows are done. If it fails, the target holds part
/// of a book and is to be thrown away; the source is untouched.
pub async fn copy_book(
    from: &dyn Store,
    to: &dyn Store,
    moved: &(dyn Fn(u64) + Send + Sync),
) -> Result<BookCheck, StoreError> {
    if to.commits().await? > 0 || to.check().await?.documents > 0 {
        let problem = "the book to copy into is not empty".to_owned();
        return Err(StoreError::Invariant(problem));
    }
    let before = from.check().await?;
    if let Some(problem) = before.problems.first() {
        let problem = format!("the book to copy is not sound: {problem}");
        return Err(StoreError::Invariant(problem));
    }
    let mut done = 0_u64;
    for part in BookPart::all() {
        let mut after = None;
        loop {
            let rows = from.rows(part, after, ROWS).await?;
            let Some(last) = rows.last() else {
                break;
            };
            after = Some(last.place());
            done = done.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
            to.restore(rows).await?;
            moved(done);
        }
    }
    let copied = to.check().await?;
    let is_whole = copied.problems.is_empty()
        && copied.documents == before.documents
        && copied.entries == before.entries
        && copied.balances == before.balances
        && to.commits().await? == from.commits().await?;
    if !is_whole {
        let problem = format!(
            "the copy holds {} documents and {} entries, the book {} and {}; first problem: {}",
            copied.documents,
            copied.entries,
            before.documents,
            before.entries,
            copied.problems.first().map_or("none", String::as_str)
        );
        return Err(StoreError::Invariant(problem));
    }
    Ok(copied)
}
