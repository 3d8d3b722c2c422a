//! The seam: what a book of record can do.

use std::time::Duration;

use async_trait::async_trait;
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;

use crate::change_set::{ChangeSet, Committed, Scope};
use crate::document::{Document, Kind, StoredDocument};
use crate::error::StoreError;
use crate::lane::Landing;
use crate::lease::Lease;
use crate::transfer::{BookPart, BookRow};

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The sort key of the last document of the page before.
    pub sort_key: i64,
    /// Its id.
    pub id: String,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The documents.
    pub items: Vec<T>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor>,
}

/// Which documents to list.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Of which kind.
    pub kind: Kind,
    /// Of which account; of all if absent.
    pub account: Option<AccountId>,
    /// Only those on which work remains.
    pub open_only: bool,
    /// Highest sort key first.
    pub newest_first: bool,
    /// Where to go on.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: usize,
}

impl ListQuery {
    /// All documents of a kind, in order.
    pub const fn all(kind: Kind) -> Self {
        let limit = usize::MAX;
        Self {
            kind,
            account: None,
            open_only: false,
            newest_first: false,
            after: None,
            limit,
        }
    }

    /// All documents of a kind that belong to an account, in order.
    pub fn of(kind: Kind, account: &AccountId) -> Self {
        Self {
            account: Some(account.clone()),
            ..Self::all(kind)
        }
    }

    /// The same, but only those on which work remains.
    pub fn open(self) -> Self {
        Self {
            open_only: true,
            ..self
        }
    }
}

/// What to read of many accounts at once.
#[derive(Debug, Clone, Default)]
pub struct RecordsQuery {
    /// Of which accounts.
    pub accounts: Vec<AccountId>,
    /// All documents of these kinds.
    pub kinds: Vec<Kind>,
    /// Of these kinds only the documents on which work remains.
    pub open_kinds: Vec<Kind>,
}

/// What the book holds of one account, all of one moment, so that a decision can be made on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountRecords {
    /// The version of the account's scope.
    pub version: u64,
    /// Its documents of the kinds that were asked for, those of each kind in order.
    pub documents: Vec<StoredDocument>,
}

impl AccountRecords {
    /// The documents of one of the kinds, in order.
    pub fn of<D: Document>(&self) -> Result<Vec<D>, StoreError> {
        let of_kind = self.documents.iter().filter(|d| d.kind == D::KIND);
        of_kind.map(StoredDocument::unpack).collect()
    }
}

/// A journal entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLine {
    /// Its place, from 1.
    pub sequence: u64,
    /// The entry.
    pub entry: JournalEntry,
}

/// What checking the book found.
#[derive(Debug, Clone, Default)]
pub struct BookCheck {
    /// How many documents were read.
    pub documents: u64,
    /// How many journal entries were read.
    pub entries: u64,
    /// Every balance as the sum of its postings.
    pub balances: std::collections::BTreeMap<LedgerAccount, MicroSynor>,
    /// What does not hold; empty if the book is whole.
    pub problems: Vec<String>,
}

/// The book of record. A decision reads the version of its scope first, then what it needs; the
/// commit fails if that version is not the current one.
#[async_trait]
pub trait Store: Send + Sync {
    /// Lands all of the changes in one durable transaction, or none of them. The second commit of a
    /// command returns the first one's reply.
    async fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        self.submit(changes).await?.landed().await
    }

    /// The same in two steps: once this has returned, the changes have their place behind all that
    /// were submitted before, and what is decided on them may be submitted.
    async fn submit(&self, changes: ChangeSet) -> Result<Landing, StoreError>;

    /// The reply of a command, if it was committed for this request.
    async fn replay(&self, command: &str, request: &str) -> Result<Option<Committed>, StoreError>;

    /// How many commands have been committed.
    async fn commits(&self) -> Result<u64, StoreError>;

    /// The version of a scope, 0 before the first decision about it.
    async fn version(&self, scope: &Scope) -> Result<u64, StoreError>;

    /// A document by its id.
    async fn document(&self, kind: Kind, id: &str) -> Result<Option<StoredDocument>, StoreError>;

    /// A document by its other unique key.
    async fn lookup(&self, kind: Kind, lookup: &str) -> Result<Option<StoredDocument>, StoreError>;

    /// A page of documents.
    async fn documents(&self, query: ListQuery) -> Result<Page<StoredDocument>, StoreError>;

    /// What many accounts have, in the order of the accounts, all of one moment.
    async fn records(&self, query: RecordsQuery) -> Result<Vec<AccountRecords>, StoreError>;

    /// The balance of an account of the journal.
    async fn balance(&self, account: &LedgerAccount) -> Result<MicroSynor, StoreError>;

    /// Journal entries after a place, in order.
    async fn journal(&self, after: u64, limit: usize) -> Result<Vec<JournalLine>, StoreError>;

    /// Rows of a part of the book as they lie there, after the place of the row before; for
    /// [`copy_book`](crate::copy_book).
    async fn rows(
        &self,
        part: BookPart,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<BookRow>, StoreError>;

    /// Puts rows of another book into this one, which holds nothing else; for
    /// [`copy_book`](crate::copy_book).
    async fn restore(&self, rows: Vec<BookRow>) -> Result<(), StoreError>;

    /// Takes the lease of a job for a holder, or renews it, for so long from now; false if another
    /// holds it. Times are by the book's own clock, whatever the holders' clocks say.
    async fn lease(&self, job: &str, holder: &str, time: Duration) -> Result<bool, StoreError>;

    /// Gives a lease up, if this holder has it.
    async fn release(&self, job: &str, holder: &str) -> Result<(), StoreError>;

    /// The leases that are held, by job.
    async fn leases(&self) -> Result<Vec<Lease>, StoreError>;

    /// Reads everything again: digests, the chain over the journal, sums, the file's structure.
    async fn check(&self) -> Result<BookCheck, StoreError>;
}

impl dyn Store + '_ {
    /// A document by its id.
    pub async fn get<D: Document>(&self, id: &str) -> Result<Option<D>, StoreError> {
        self.document(D::KIND, id)
            .await?
            .map(|stored| stored.unpack())
            .transpose()
    }

    /// A document by its other unique key.
    pub async fn find<D: Document>(&self, lookup: &str) -> Result<Option<D>, StoreError> {
        self.lookup(D::KIND, lookup)
            .await?
            .map(|stored| stored.unpack())
            .transpose()
    }

    /// A page of documents.
    pub async fn list<D: Document>(&self, query: ListQuery) -> Result<Page<D>, StoreError> {
        let page = self.documents(query).await?;
        let items = page
            .items
            .iter()
            .map(StoredDocument::unpack)
            .collect::<Result<_, _>>()?;
        Ok(Page {
            items,
            next: page.next,
        })
    }
}
