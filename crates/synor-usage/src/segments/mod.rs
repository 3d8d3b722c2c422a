//! The usage log of one machine that owns its files: a write-ahead file, segments that are written
//! once, and what is needed to answer quickly in memory.
//!
//! One thread writes (`writer`). What a segment's worth of events leaves behind is sealed in the
//! background. `docs/usage-log.md` describes the files.

mod active;
#[allow(
    dead_code,
    unused_imports,
    reason = "what it offers beyond the log's needs is used by its tests"
)]
pub(crate) mod archive;
mod background;
mod check;
mod closed;
mod copy;
mod decide;
mod fault;
mod files;
mod frame;
#[allow(
    dead_code,
    unused_imports,
    reason = "what it offers beyond the log's needs is used by its tests"
)]
mod identities;
mod ids;
mod ledger;
mod manifest;
mod meters;
mod meters_file;
mod open;
mod options;
mod prepared;
mod proof;
mod publish;
mod read;
mod rotate;
#[allow(
    dead_code,
    unused_imports,
    reason = "what it offers beyond the log's needs is used by its tests"
)]
pub(crate) mod row;
mod seal;
mod sealed;
mod sorted;
mod spare;
mod state;
mod storage;
mod totals;
mod usage;
mod view;
mod wal;
mod withdrawn;
mod writer;

use std::fs::File;
use std::panic;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use synor_economics::id::AccountId;
use synor_economics::metering::{EventId, UsageSummary};
use synor_economics::period::{Period, Timestamp};
use tokio::task::spawn_blocking;

pub use self::options::{Clock, Forgetting, SegmentOptions};

use self::background::Background;
use self::fault::Fault;
use self::prepared::{Preparation, PreparedBatch};
use self::state::Shared;
use self::writer::Writer;
use crate::error::UsageLogError;
use crate::log::{
    Appended, Batch, ChangeQuery, EventQuery, LogCheck, LogPosition, LoggedEvent, Page,
    StreamPosition, SummaryQuery, UsageLog,
};
use crate::series::{Series, SeriesQuery};

/// The last position that a log may have: the sum of so many events of the greatest size, 10^27
/// each, still fits 128 bits.
pub(crate) const POSITION_MAX: LogPosition = 100_000_000_000;

/// Events up to which a batch is prepared where it was given: not worth another thread.
const SMALL_BATCH: usize = 64;

/// Ids that are looked for at once: batches that are to be written do not wait long behind them.
const HOLDS_AT_ONCE: usize = 1_000;

/// A usage log in a folder of its own. Dropping it waits until what is being appended is appended.
pub struct SegmentedUsageLog {
    // Dropped in this order: what is waiting is written before the background ends.
    writer: Writer,
    background: Background,
    shared: Arc<Shared>,
    /// Held for as long as the log is open.
    _lock: File,
}

impl SegmentedUsageLog {
    /// Opens the log in this folder and creates it if it is not there. A folder can be open once.
    pub fn open(folder: impl AsRef<Path>, options: SegmentOptions) -> Result<Self, UsageLogError> {
        let folder = folder.as_ref();
        let named = |fault: Fault| fault.named(&folder.display().to_string(), "being opened");
        let opened = open::open(folder, options).map_err(named)?;
        Ok(Self {
            writer: opened.writer,
            background: opened.background,
            shared: opened.shared,
            _lock: opened.lock,
        })
    }

    fn prepare(shared: &Shared, batch: Batch) -> Result<PreparedBatch, UsageLogError> {
        let preparation = Preparation {
            key: &shared.key,
            hasher: &shared.hasher,
            not_before: shared.takes_from(),
        };
        preparation.prepare(batch, shared)
    }

    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Shared) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, UsageLogError> {
        let shared = Arc::clone(&self.shared);
        blocking(&self.shared.log, move || {
            work(&shared).map_err(|fault| fault.named(&shared.log, doing))
        })
        .await
    }
}

#[async_trait]
impl UsageLog for SegmentedUsageLog {
    async fn commit(&self, batch: Batch) -> Result<Appended, UsageLogError> {
        let prepared = if batch.events.len() <= SMALL_BATCH {
            Self::prepare(&self.shared, batch)?
        } else {
            let shared = Arc::clone(&self.shared);
            blocking(&self.shared.log, move || Self::prepare(&shared, batch)).await?
        };
        self.writer.commit(prepared).await
    }

    fn takes_from(&self) -> Option<Timestamp> {
        self.shared.takes_from()
    }

    async fn stream_positions(&self, stream: &str) -> Result<Vec<StreamPosition>, UsageLogError> {
        Ok(read::stream_positions(&self.shared, stream))
    }

    async fn summary(
        &self,
        account: &AccountId,
        period: Period,
        through: Option<LogPosition>,
    ) -> Result<UsageSummary, UsageLogError> {
        let account = account.clone();
        self.read("reading a summary", move |shared| {
            read::summary(shared, &account, period, through)
        })
        .await
    }

    async fn changed_since(
        &self,
        account: &AccountId,
        position: LogPosition,
        before: Timestamp,
    ) -> Result<bool, UsageLogError> {
        let account = account.clone();
        self.read("looking for late events", move |shared| {
            read::changed_since(shared, &account, position, before)
        })
        .await
    }

    async fn summaries(
        &self,
        queries: Vec<SummaryQuery>,
    ) -> Result<Vec<UsageSummary>, UsageLogError> {
        self.read("reading summaries", move |shared| {
            let now = shared.visible().head();
            let answers = queries.into_iter().map(|query| {
                let through = Some(query.through.unwrap_or(now));
                read::summary(shared, &query.account, query.period, through)
            });
            answers.collect()
        })
        .await
    }

    async fn changes_since(&self, queries: Vec<ChangeQuery>) -> Result<Vec<bool>, UsageLogError> {
        self.read("looking for late events", move |shared| {
            let answers = queries.into_iter();
            answers
                .map(|q| read::changed_since(shared, &q.account, q.position, q.before))
                .collect()
        })
        .await
    }

    async fn series(&self, query: SeriesQuery) -> Result<Series, UsageLogError> {
        self.read("reading a series", move |shared| {
            read::series(shared, &query)
        })
        .await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<LoggedEvent>, UsageLogError> {
        self.read("listing events", move |shared| read::events(shared, &query))
            .await
    }

    async fn holds(&self, ids: Vec<EventId>) -> Result<Vec<bool>, UsageLogError> {
        let mut held = Vec::with_capacity(ids.len());
        for some in ids.chunks(HOLDS_AT_ONCE) {
            let hashes = some.iter();
            let hashes = hashes.map(|id| {
                let key = &self.shared.key;
                key.hash(id.account.as_str(), &id.source, &id.id)
            });
            held.extend(self.writer.find(hashes.collect()).await?);
        }
        Ok(held)
    }

    async fn accounts(&self) -> Result<Vec<AccountId>, UsageLogError> {
        self.read("listing accounts", |shared| Ok(read::accounts(shared)))
            .await
    }

    async fn position(&self) -> Result<LogPosition, UsageLogError> {
        Ok(self.shared.visible().head())
    }

    async fn check(&self) -> Result<LogCheck, UsageLogError> {
        let files = self.background.files.clone();
        self.read("being checked", move |shared| {
            Ok(check::check(shared, &files))
        })
        .await
    }
}

/// Runs work that may wait for the disk where waiting does no harm.
async fn blocking<T: Send + 'static>(
    log: &str,
    work: impl FnOnce() -> Result<T, UsageLogError> + Send + 'static,
) -> Result<T, UsageLogError> {
    match spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
        Err(_) => Err(UsageLogError::Closed {
            log: log.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
