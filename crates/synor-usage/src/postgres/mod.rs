//! A usage log in a PostgreSQL database, for more than one machine: any number of processes append
//! to it and read from it at once.
//!
//! Batches that wait share a transaction (`writer`). What it has to write is decided without I/O
//! (`plan`) and written under locks that are taken in one order (`write`). Reads run beside it, each
//! in a transaction of its own (`read`, `amounts`). What is stored can be audited (`check`).

mod address;
mod amounts;
mod check;
mod connection;
mod fault;
mod known;
mod numeric;
mod plan;
mod read;
mod row;
mod schema;
mod write;
mod writer;

use std::panic;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::{Client, Pool, Transaction};
use synor_economics::id::AccountId;
use synor_economics::metering::UsageSummary;
use synor_economics::period::{Period, Timestamp};
use tokio::task::spawn_blocking;
use tokio_postgres::IsolationLevel;

use self::address::Address;
use self::connection::{connection, keep_unless_lost};
use self::fault::Fault;
use self::writer::Writer;
use crate::error::UsageLogError;
use crate::log::{
    Appended, Batch, ChangeQuery, EventQuery, LogCheck, LogPosition, LoggedEvent, Page,
    StreamPosition, SummaryQuery, UsageLog,
};
use crate::prepared::PreparedBatch;
use crate::series::{Series, SeriesQuery};

/// The schema that holds the log unless another one is named.
pub const DEFAULT_SCHEMA: &str = "synor_usage";

/// A usage log in a PostgreSQL database. What is being appended when it is dropped is appended.
pub struct PostgresUsageLog {
    log: Arc<str>,
    pool: Pool,
    writer: Writer,
}

impl PostgresUsageLog {
    /// Opens the log in the schema [`DEFAULT_SCHEMA`] of this database
    /// (`postgres://user:password@host:port/database`, or `host=… user=… dbname=…`), and creates it
    /// if it is not there.
    ///
    /// # Errors
    /// If the database cannot be reached, if the connection string asks for TLS, if the schema holds
    /// something else or the log of a later version.
    pub async fn connect(url: &str) -> Result<Self, UsageLogError> {
        Self::connect_in(url, DEFAULT_SCHEMA).await
    }

    /// Opens the log in another schema: a to z, 0 to 9 and `_`, in at most 63 bytes.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn connect_in(url: &str, schema: &str) -> Result<Self, UsageLogError> {
        let address = Address::new(url, schema)?;
        let pool = address.pool()?;
        let opened = async {
            let mut client = pool.get().await?;
            schema::migrate(&mut client, &address.log, &address.schema).await
        };
        let named = |fault: Fault| fault.named(&address.log, "being opened");
        opened.await.map_err(named)?;
        let log: Arc<str> = address.log.as_str().into();
        let writer = Writer::start(Arc::clone(&log), pool.clone());
        Ok(Self { log, pool, writer })
    }

    /// Runs reads in one transaction, so that together they see one moment.
    async fn read<T>(
        &self,
        doing: &'static str,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, UsageLogError> {
        let answer = async {
            let mut client = connection(&self.pool).await?;
            let outcome = in_one_moment(&mut client, work).await;
            keep_unless_lost(client, &outcome);
            outcome
        };
        let named = |fault: Fault| fault.named(&self.log, doing);
        answer.await.map_err(named)
    }
}

async fn in_one_moment<T>(
    client: &mut Client,
    work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let tx = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let answer = work(&tx).await?;
    tx.commit().await?;
    Ok(answer)
}

#[async_trait]
impl UsageLog for PostgresUsageLog {
    async fn commit(&self, batch: Batch) -> Result<Appended, UsageLogError> {
        // Digests are worked out where they hold up nobody.
        let prepared = match spawn_blocking(move || PreparedBatch::new(batch)).await {
            Ok(prepared) => prepared?,
            Err(error) => match error.try_into_panic() {
                Ok(panicked) => panic::resume_unwind(panicked),
                // The runtime is being shut down.
                Err(_) => {
                    let log = self.log.to_string();
                    return Err(UsageLogError::Closed { log });
                }
            },
        };
        self.writer.commit(prepared).await
    }

    async fn stream_positions(&self, stream: &str) -> Result<Vec<StreamPosition>, UsageLogError> {
        self.read("reading the position of a stream", async |tx| {
            read::stream_positions(tx, stream).await
        })
        .await
    }

    async fn summary(
        &self,
        account: &AccountId,
        period: Period,
        through: Option<LogPosition>,
    ) -> Result<UsageSummary, UsageLogError> {
        let query = SummaryQuery {
            account: account.clone(),
            period,
            through,
        };
        self.read("reading a summary", async |tx| {
            read::summary(tx, &query).await
        })
        .await
    }

    async fn changed_since(
        &self,
        account: &AccountId,
        position: LogPosition,
        before: Timestamp,
    ) -> Result<bool, UsageLogError> {
        let query = ChangeQuery {
            account: account.clone(),
            position,
            before,
        };
        let changes = self.changes_since(vec![query]).await?;
        Ok(changes.contains(&true))
    }

    async fn summaries(
        &self,
        queries: Vec<SummaryQuery>,
    ) -> Result<Vec<UsageSummary>, UsageLogError> {
        self.read("reading summaries", async |tx| {
            read::summaries(tx, &queries).await
        })
        .await
    }

    async fn changes_since(&self, queries: Vec<ChangeQuery>) -> Result<Vec<bool>, UsageLogError> {
        self.read("looking for late events", async |tx| {
            read::changes_since(tx, &queries).await
        })
        .await
    }

    async fn series(&self, query: SeriesQuery) -> Result<Series, UsageLogError> {
        self.read("reading a series", async |tx| {
            read::series(tx, &query).await
        })
        .await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<LoggedEvent>, UsageLogError> {
        self.read("listing events", async |tx| read::events(tx, &query).await)
            .await
    }

    async fn accounts(&self) -> Result<Vec<AccountId>, UsageLogError> {
        self.read("listing accounts", async |tx| read::accounts(tx).await)
            .await
    }

    async fn position(&self) -> Result<LogPosition, UsageLogError> {
        self.read("reading its end", async |tx| {
            Ok(read::head(tx).await?.position)
        })
        .await
    }

    async fn check(&self) -> Result<LogCheck, UsageLogError> {
        self.read("being checked", async |tx| {
            check::check(tx, &self.log).await
        })
        .await
    }
}
