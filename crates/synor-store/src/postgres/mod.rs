//! The book of record in a PostgreSQL schema: for several nodes at once.

mod check;
mod commit;
mod lease;
mod read;
mod schema;
mod transfer;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod};
use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;
use tokio_postgres::NoTls;

use crate::change_set::{ChangeSet, Committed, Scope};
use crate::document::{Kind, StoredDocument};
use crate::error::StoreError;
use crate::lane::Landing;
use crate::lease::Lease;
use crate::prepared::Prepared;
use crate::store::{AccountRecords, BookCheck, JournalLine, ListQuery, Page, RecordsQuery, Store};
use crate::transfer::{BookPart, BookRow};

/// Connections of one node: one writes, the others read.
const CONNECTIONS_MAX: usize = 8;

/// The schema that the book lies in, unless another one is named.
pub const POSTGRES_SCHEMA: &str = "synor_book";

/// The book in a PostgreSQL schema. Any number of nodes may have it open.
#[derive(Debug)]
pub struct PostgresStore {
    database: Arc<Database>,
    writer: writer::Writer,
}

/// The connections, and what they are called in errors.
#[derive(Debug)]
struct Database {
    pool: Pool,
    name: String,
}

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
enum DatabaseError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("{}", with_causes(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("{0}")]
    Corrupt(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What PostgreSQL says, which its error keeps in its causes.
fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl Database {
    async fn client(&self) -> Result<Client, DatabaseError> {
        Ok(self.pool.get().await?)
    }

    fn failed(&self, reason: String) -> StoreError {
        StoreError::Database {
            database: self.name.clone(),
            source: reason.into(),
        }
    }

    fn error(&self, error: DatabaseError) -> StoreError {
        match error {
            DatabaseError::Store(error) => error,
            other => self.failed(other.to_string()),
        }
    }
}

impl PostgresStore {
    /// Opens the book in a schema of the database at `url`
    /// (`postgres://user:password@host:port/database`), making it if it is not there.
    pub async fn connect(url: &str, schema: &str) -> Result<Self, StoreError> {
        let mut config: tokio_postgres::Config = url.parse().map_err(|e| StoreError::Database {
            database: "at the configured address".to_owned(),
            source: Box::new(e),
        })?;
        config.options(format!("-c search_path={schema} -c synchronous_commit=on"));
        config.application_name(format!("synor {schema}"));
        let name = address(&config, schema);
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS_MAX)
            .build()
            .map_err(|e| StoreError::Database {
                database: name.clone(),
                source: Box::new(e),
            })?;
        let database = Arc::new(Database { pool, name });
        let found = async {
            let mut client = database.client().await?;
            Ok(schema::migrate(&mut client, schema).await?)
        };
        let found = found.await.map_err(|e| database.error(e))?;
        if found > schema::KNOWN {
            return Err(StoreError::NewerSchema {
                database: database.name.clone(),
                found,
                known: schema::KNOWN,
            });
        }
        Ok(Self {
            writer: writer::Writer::start(Arc::clone(&database)),
            database,
        })
    }

    async fn client(&self) -> Result<Client, StoreError> {
        self.database
            .client()
            .await
            .map_err(|e| self.database.error(e))
    }

    fn answer<T>(&self, answer: Result<T, DatabaseError>) -> Result<T, StoreError> {
        answer.map_err(|e| self.database.error(e))
    }
}

/// Where the book is, without the password.
fn address(config: &tokio_postgres::Config, schema: &str) -> String {
    use tokio_postgres::config::Host;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or("postgres");
    format!("postgres://{host}:{port}/{database} (schema {schema})")
}

#[async_trait]
impl Store for PostgresStore {
    async fn submit(&self, changes: ChangeSet) -> Result<Landing, StoreError> {
        self.writer.submit(Prepared::of(changes).await?).await
    }

    async fn replay(&self, command: &str, request: &str) -> Result<Option<Committed>, StoreError> {
        self.answer(read::replay(&self.client().await?, command, request).await)
    }

    async fn commits(&self) -> Result<u64, StoreError> {
        self.answer(read::commits(&self.client().await?).await)
    }

    async fn version(&self, scope: &Scope) -> Result<u64, StoreError> {
        self.answer(read::version(&self.client().await?, &scope.to_string()).await)
    }

    async fn document(&self, kind: Kind, id: &str) -> Result<Option<StoredDocument>, StoreError> {
        self.answer(read::document(&self.client().await?, kind, "id", id).await)
    }

    async fn lookup(&self, kind: Kind, lookup: &str) -> Result<Option<StoredDocument>, StoreError> {
        self.answer(read::document(&self.client().await?, kind, "lookup", lookup).await)
    }

    async fn documents(&self, query: ListQuery) -> Result<Page<StoredDocument>, StoreError> {
        self.answer(read::documents(&self.client().await?, &query).await)
    }

    async fn records(&self, query: RecordsQuery) -> Result<Vec<AccountRecords>, StoreError> {
        self.answer(read::records(&mut self.client().await?, &query).await)
    }

    async fn balance(&self, account: &LedgerAccount) -> Result<MicroSynor, StoreError> {
        self.answer(read::balance(&self.client().await?, &account.to_string()).await)
    }

    async fn journal(&self, after: u64, limit: usize) -> Result<Vec<JournalLine>, StoreError> {
        self.answer(read::journal(&self.client().await?, after, limit).await)
    }

    async fn rows(
        &self,
        part: BookPart,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<BookRow>, StoreError> {
        let after = after.unwrap_or_default();
        self.answer(transfer::rows(&self.client().await?, part, &after, limit).await)
    }

    async fn restore(&self, rows: Vec<BookRow>) -> Result<(), StoreError> {
        self.answer(transfer::restore(&self.database, &rows).await)
    }

    async fn lease(&self, job: &str, holder: &str, time: Duration) -> Result<bool, StoreError> {
        self.answer(lease::take(&self.client().await?, job, holder, time).await)
    }

    async fn release(&self, job: &str, holder: &str) -> Result<(), StoreError> {
        self.answer(lease::release(&self.client().await?, job, holder).await)
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.answer(lease::held(&self.client().await?).await)
    }

    async fn check(&self) -> Result<BookCheck, StoreError> {
        self.answer(check::check(&mut self.client().await?).await)
    }
}

/// A count, as PostgreSQL keeps it.
fn signed(count: u64) -> Result<i64, DatabaseError> {
    i64::try_from(count).map_err(|_| DatabaseError::Corrupt("a count beyond 63 bits"))
}

/// A count, as PostgreSQL kept it.
fn unsigned(count: i64) -> Result<u64, DatabaseError> {
    u64::try_from(count).map_err(|_| DatabaseError::Corrupt("a count below zero"))
}
