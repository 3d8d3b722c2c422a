//! The book, whose commits crash, conflict, and lose and repeat their replies.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::id::EntryId;
use synor_economics::money::MicroSynor;
use synor_store::{
    AccountRecords, BookCheck, BookPart, BookRow, ChangeSet, Committed, Counter, JournalLine, Kind,
    Landing, Lease, ListQuery, MemoryStore, Page, RecordsQuery, Scope, Store, StoreError,
    StoredDocument,
};

use crate::bug::Bug;
use crate::faults::{Fault, Faults};

/// A book in memory behind faults.
pub struct SimBook {
    book: Arc<MemoryStore>,
    faults: Faults,
    bug: Option<Bug>,
}

impl SimBook {
    /// Faults before a book.
    pub const fn new(book: Arc<MemoryStore>, faults: Faults, bug: Option<Bug>) -> Self {
        Self { book, faults, bug }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Fails if the process is dead; otherwise another node may go first.
    async fn turn(&self) -> Result<(), StoreError> {
        for _ in 0..self.faults.yields() {
            tokio::task::yield_now().await;
        }
        if self.faults.is_down() {
            return Err(StoreError::Closed);
        }
        Ok(())
    }

    async fn land(&self, mut changes: ChangeSet) -> Result<Committed, StoreError> {
        if self.has(Bug::LostUpdate) {
            changes.expects.clear();
        }
        if self.has(Bug::DroppedEntry) && self.faults.percent(10) {
            changes.entries.clear();
        }
        if self.has(Bug::CreditNotUsedUp) && changes.command.starts_with("deduct/") {
            changes.documents.retain(|d| d.kind != Kind::Credit);
        }
        if self.has(Bug::NumberGap) && self.faults.percent(50) {
            skip_a_number(&mut changes)?;
        }
        let is_known = self
            .book
            .replay(&changes.command, &changes.request)
            .await?
            .is_some();
        if is_known && self.has(Bug::DoubleApply) {
            return self.again(changes).await;
        }
        self.book.commit(changes).await
    }

    /// Carries a command out a second time, as a book would that remembers no commands.
    async fn again(&self, mut changes: ChangeSet) -> Result<Committed, StoreError> {
        let commits = self.book.commits().await?.to_string();
        changes.command = format!("{}/{commits}", changes.command);
        changes.expects.clear();
        for entry in &mut changes.entries {
            let id = entry.entry_id.to_string();
            let entry_id = EntryId::derived(&[&id, &commits]);
            *entry = JournalEntry {
                entry_id,
                ..entry.clone()
            };
        }
        self.book.commit(changes).await
    }
}

/// Counts one invoice number more than is used.
fn skip_a_number(changes: &mut ChangeSet) -> Result<(), StoreError> {
    for document in &mut changes.documents {
        if document.kind == Kind::Counter && document.keys.id.contains("invoice") {
            let mut counter: Counter = document.unpack()?;
            counter.last = counter.last.saturating_add(1);
            *document = StoredDocument::pack(&counter)?;
        }
    }
    Ok(())
}

impl SimBook {
    /// Lands the changes, or meets with a fault.
    async fn attempt(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        self.turn().await?;
        let lost = || StoreError::Database {
            database: "simulated".to_owned(),
            source: "the connection broke".into(),
        };
        match self.faults.draw() {
            Fault::None => self.land(changes).await,
            Fault::CrashBefore => Err(StoreError::Closed),
            Fault::CrashAfter => {
                // A refusal that nobody hears of is nothing.
                let _ = self.land(changes).await;
                Err(StoreError::Closed)
            }
            Fault::LostReply => {
                let _ = self.land(changes).await;
                Err(lost())
            }
            Fault::Repeated => {
                let first = self.land(changes.clone()).await?;
                // The second delivery answers nobody.
                let _ = self.land(changes).await;
                Ok(first)
            }
            Fault::Conflict => Err(StoreError::Conflict {
                scope: "simulated".to_owned(),
            }),
        }
    }
}

#[async_trait]
impl Store for SimBook {
    async fn submit(&self, changes: ChangeSet) -> Result<Landing, StoreError> {
        let lane = changes.lane.clone();
        let landed = self.attempt(changes).await;
        if let Some(lane) = lane
            && !matches!(&landed, Ok(committed) if !committed.replayed)
        {
            lane.break_off();
        }
        Ok(Landing::known(landed))
    }

    async fn replay(&self, command: &str, request: &str) -> Result<Option<Committed>, StoreError> {
        self.turn().await?;
        if self.has(Bug::DoubleApply) {
            return Ok(None);
        }
        self.book.replay(command, request).await
    }

    async fn commits(&self) -> Result<u64, StoreError> {
        self.turn().await?;
        self.book.commits().await
    }

    async fn version(&self, scope: &Scope) -> Result<u64, StoreError> {
        self.turn().await?;
        self.book.version(scope).await
    }

    async fn document(&self, kind: Kind, id: &str) -> Result<Option<StoredDocument>, StoreError> {
        self.turn().await?;
        self.book.document(kind, id).await
    }

    async fn lookup(&self, kind: Kind, lookup: &str) -> Result<Option<StoredDocument>, StoreError> {
        self.turn().await?;
        self.book.lookup(kind, lookup).await
    }

    async fn documents(&self, query: ListQuery) -> Result<Page<StoredDocument>, StoreError> {
        self.turn().await?;
        self.book.documents(query).await
    }

    async fn records(&self, query: RecordsQuery) -> Result<Vec<AccountRecords>, StoreError> {
        self.turn().await?;
        self.book.records(query).await
    }

    async fn balance(&self, account: &LedgerAccount) -> Result<MicroSynor, StoreError> {
        self.turn().await?;
        self.book.balance(account).await
    }

    async fn journal(&self, after: u64, limit: usize) -> Result<Vec<JournalLine>, StoreError> {
        self.turn().await?;
        self.book.journal(after, limit).await
    }

    async fn rows(
        &self,
        part: BookPart,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<BookRow>, StoreError> {
        self.book.rows(part, after, limit).await
    }

    async fn restore(&self, rows: Vec<BookRow>) -> Result<(), StoreError> {
        self.book.restore(rows).await
    }

    async fn lease(&self, job: &str, holder: &str, time: Duration) -> Result<bool, StoreError> {
        self.turn().await?;
        self.book.lease(job, holder, time).await
    }

    async fn release(&self, job: &str, holder: &str) -> Result<(), StoreError> {
        self.turn().await?;
        self.book.release(job, holder).await
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.turn().await?;
        self.book.leases().await
    }

    async fn check(&self) -> Result<BookCheck, StoreError> {
        self.turn().await?;
        self.book.check().await
    }
}
