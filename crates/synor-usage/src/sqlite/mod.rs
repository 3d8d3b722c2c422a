//! A usage log in one SQLite file: nothing to install, and several tens of thousands of events a
//! second.
//!
//! One thread writes (`writer`); reads run beside it on a few connections of their own, each in
//! one transaction (`read`). What is stored can be audited (`check`).

mod check;
mod fault;
mod read;
mod row;
mod schema;
mod withdrawals;
mod writer;

use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, Transaction};
use synor_economics::id::AccountId;
use synor_economics::metering::EventId;
use synor_economics::metering::UsageSummary;
use synor_economics::period::{Period, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::fault::Fault;
use self::row::Head;
use self::writer::Writer;
use crate::error::UsageLogError;
use crate::log::{
    Appended, Batch, ChangeQuery, EventQuery, LogCheck, LogPosition, LoggedEvent, Page,
    StreamPosition, SummaryQuery, UsageLog,
};
use crate::prepared::PreparedBatch;
use crate::series::{Series, SeriesQuery};

/// Reads that run at once; more wait.
const READERS_MAX: usize = 4;

/// A usage log in one SQLite file (and its write-ahead file beside it). Dropping it waits until what
/// is being appended is appended.
pub struct SqliteUsageLog {
    // Dropped before the writer: the last connection to close tidies the write-ahead file away, and
    // only the writer's may.
    readers: Arc<Readers>,
    writer: Writer,
}

impl SqliteUsageLog {
    /// Opens the log in this file and creates it if it is not there. Other processes may have it
    /// open too.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, UsageLogError> {
        let path = path.as_ref();
        let log: Arc<str> = path.display().to_string().into();
        let doing = "being opened";
        let connection = schema::open_writer(path, &log).map_err(|f| f.named(&log, doing))?;
        let writer = Writer::start(Arc::clone(&log), connection).map_err(|error| {
            UsageLogError::Backend {
                log: log.to_string(),
                doing,
                source: Arc::new(error),
            }
        })?;
        let readers = Arc::new(Readers {
            path: path.to_owned(),
            log,
            idle: Mutex::default(),
            permits: Semaphore::new(READERS_MAX),
        });
        Ok(Self { readers, writer })
    }
}

#[async_trait]
impl UsageLog for SqliteUsageLog {
    async fn commit(&self, batch: Batch) -> Result<Appended, UsageLogError> {
        // Digests are worked out here and not by the writer, so that batches share the processors.
        let prepared = self
            .readers
            .blocking(move || PreparedBatch::new(batch))
            .await?;
        self.writer.commit(prepared).await
    }

    async fn stream_positions(&self, stream: &str) -> Result<Vec<StreamPosition>, UsageLogError> {
        let stream = stream.to_owned();
        self.read("reading the position of a stream", move |tx| {
            read::stream_positions(tx, &stream)
        })
        .await
    }

    async fn summary(
        &self,
        account: &AccountId,
        period: Period,
        through: Option<LogPosition>,
    ) -> Result<UsageSummary, UsageLogError> {
        let account = account.clone();
        self.read("reading a summary", move |tx| {
            read::summary(tx, &account, period, through)
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
        self.read("looking for late events", move |tx| {
            read::changed_since(tx, &account, position, before)
        })
        .await
    }

    async fn summaries(
        &self,
        queries: Vec<SummaryQuery>,
    ) -> Result<Vec<UsageSummary>, UsageLogError> {
        self.read("reading summaries", move |tx| {
            let answers = queries.iter().map(|query| {
                let SummaryQuery {
                    account,
                    period,
                    through,
                } = query;
                read::summary(tx, account, *period, *through)
            });
            answers.collect()
        })
        .await
    }

    async fn changes_since(&self, queries: Vec<ChangeQuery>) -> Result<Vec<bool>, UsageLogError> {
        self.read("looking for late events", move |tx| {
            let answers = queries
                .iter()
                .map(|query| read::changed_since(tx, &query.account, query.position, query.before));
            answers.collect()
        })
        .await
    }

    async fn series(&self, query: SeriesQuery) -> Result<Series, UsageLogError> {
        self.read("reading a series", move |tx| read::series(tx, &query))
            .await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<LoggedEvent>, UsageLogError> {
        self.read("listing events", move |tx| read::events(tx, &query))
            .await
    }

    async fn holds(&self, ids: Vec<EventId>) -> Result<Vec<bool>, UsageLogError> {
        self.read("looking for events", move |tx| {
            let held = ids
                .iter()
                .map(|id| Ok(withdrawals::find(tx, id)?.is_some()));
            held.collect()
        })
        .await
    }

    async fn accounts(&self) -> Result<Vec<AccountId>, UsageLogError> {
        self.read("listing accounts", read::accounts).await
    }

    async fn position(&self) -> Result<LogPosition, UsageLogError> {
        self.read("reading its end", |tx| Ok(Head::read(tx)?.position))
            .await
    }

    async fn check(&self) -> Result<LogCheck, UsageLogError> {
        let log = Arc::clone(&self.readers.log);
        self.read("being checked", move |tx| Ok(check::check(tx, &log)))
            .await
    }
}

impl SqliteUsageLog {
    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, UsageLogError> {
        let readers = Arc::clone(&self.readers);
        let _permit = readers.permits.acquire().await;
        let reading = Arc::clone(&readers);
        readers
            .blocking(move || reading.read(work).map_err(|f| f.named(&reading.log, doing)))
            .await
    }
}

/// Connections for reading, opened when needed and kept.
struct Readers {
    path: PathBuf,
    log: Arc<str>,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        // A connection is whole whoever panicked while holding the list.
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => schema::open_reader(&self.path)?,
        };
        let tx = connection.transaction()?;
        let answer = work(&tx);
        if tx.finish().is_ok() {
            idle().push(connection);
        }
        answer
    }

    /// Runs work that blocks where it does not hold up others.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, UsageLogError> + Send + 'static,
    ) -> Result<T, UsageLogError> {
        match spawn_blocking(work).await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panicked) => panic::resume_unwind(panicked),
                // The runtime is being shut down.
                Err(_) => Err(UsageLogError::Closed {
                    log: self.log.to_string(),
                }),
            },
        }
    }
}
