//! The book of record in memory: it decides as the others do and keeps nothing. For simulation and
//! for tests that open many books.

mod held;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;

use crate::change_set::{ChangeSet, Committed, Scope};
use crate::digest;
use crate::document::{Kind, StoredDocument};
use crate::error::StoreError;
use crate::group::{self, Asks, Group};
use crate::lane::Landing;
use crate::lease::{Lease, machine_millis, millis};
use crate::prepared::Prepared;
use crate::store::{AccountRecords, BookCheck, JournalLine, ListQuery, Page, RecordsQuery, Store};
use crate::transfer::{self, BookPart, BookRow};
use held::Held;

/// What a book takes for the present, in milliseconds.
type Millis = Box<dyn Fn() -> u64 + Send + Sync>;

/// A book in memory. Everything in it is gone when it is dropped.
pub struct MemoryStore {
    held: Mutex<Held>,
    now: Millis,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_clock(machine_millis)
    }
}

impl MemoryStore {
    /// An empty book whose leases end by this clock, in milliseconds.
    pub fn with_clock(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            held: Mutex::default(),
            now: Box::new(now),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn submit(&self, changes: ChangeSet) -> Result<Landing, StoreError> {
        let set = Prepared::of(changes).await?;
        let mut held = self.held();
        let asks = Asks::of(std::slice::from_ref(&set));
        let mut group = Group::new(held.known(&asks));
        let landed = group.apply(set);
        held.write(group.into_writes());
        Ok(Landing::known(landed))
    }

    async fn replay(&self, command: &str, request: &str) -> Result<Option<Committed>, StoreError> {
        let held = self.held();
        let asked = digest::of_request(request);
        let found = held.commands.get(command);
        found
            .map(|before| group::replayed(command, &asked, &before.request, &before.reply))
            .transpose()
    }

    async fn commits(&self) -> Result<u64, StoreError> {
        Ok(self.held().commands.len() as u64)
    }

    async fn version(&self, scope: &Scope) -> Result<u64, StoreError> {
        let version = self.held().versions.get(&scope.to_string()).copied();
        Ok(version.unwrap_or_default())
    }

    async fn document(&self, kind: Kind, id: &str) -> Result<Option<StoredDocument>, StoreError> {
        Ok(self.held().document(kind, id).cloned())
    }

    async fn lookup(&self, kind: Kind, lookup: &str) -> Result<Option<StoredDocument>, StoreError> {
        let held = self.held();
        let id = held.owners.get(&(kind, lookup.to_owned()));
        Ok(id.and_then(|id| held.document(kind, id)).cloned())
    }

    async fn documents(&self, query: ListQuery) -> Result<Page<StoredDocument>, StoreError> {
        Ok(self.held().list(&query))
    }

    async fn records(&self, query: RecordsQuery) -> Result<Vec<AccountRecords>, StoreError> {
        Ok(self.held().records(&query))
    }

    async fn balance(&self, account: &LedgerAccount) -> Result<MicroSynor, StoreError> {
        let balance = self.held().balances.get(account).copied();
        Ok(balance.unwrap_or_default())
    }

    async fn journal(&self, after: u64, limit: usize) -> Result<Vec<JournalLine>, StoreError> {
        let held = self.held();
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        let rest = held.journal.iter().skip(after).take(limit);
        rest.map(held::line_of).collect()
    }

    async fn rows(
        &self,
        part: BookPart,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<BookRow>, StoreError> {
        Ok(self.held().rows(part, after.as_deref(), limit))
    }

    async fn restore(&self, rows: Vec<BookRow>) -> Result<(), StoreError> {
        let mut held = self.held();
        let mut balances = held.balances.clone();
        transfer::add_balances(&mut balances, &rows)?;
        let writes = transfer::writes(&rows, balances.into_iter().collect());
        held.write(writes);
        Ok(())
    }

    async fn lease(&self, job: &str, holder: &str, time: Duration) -> Result<bool, StoreError> {
        let now = (self.now)();
        let until = now.saturating_add(millis(time));
        Ok(self.held().lease(job, holder, now, until))
    }

    async fn release(&self, job: &str, holder: &str) -> Result<(), StoreError> {
        let mut held = self.held();
        held.leases.retain(|of, (by, _)| of != job || by != holder);
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let now = (self.now)();
        let held = self.held();
        let live = held.leases.iter().filter(|(_, (_, until))| *until > now);
        let leases = live.map(|(job, (holder, until))| Lease {
            job: job.clone(),
            holder: holder.clone(),
            left: Duration::from_millis(until.saturating_sub(now)),
        });
        Ok(leases.collect())
    }

    async fn check(&self) -> Result<BookCheck, StoreError> {
        Ok(self.held().check())
    }
}
