//! The book of record in one SQLite file.

mod check;
mod checkpoint;
mod commit;
mod kept;
mod lease;
mod read;
mod schema;
mod snapshot;
mod transfer;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags};
use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;

use crate::change_set::{ChangeSet, Committed, Scope};
use crate::document::{Kind, StoredDocument};
use crate::error::StoreError;
use crate::lane::Landing;
use crate::lease::Lease;
use crate::prepared::Prepared;
use crate::store::{AccountRecords, BookCheck, JournalLine, ListQuery, Page, RecordsQuery, Store};
use crate::transfer::{BookPart, BookRow};

pub use snapshot::snapshot_sqlite;

/// The book in a file: one thread writes, a few connections read.
pub struct SqliteStore {
    // Dropped before the writer: the last connection to close tidies the write-ahead file away, and
    // only the writer's may.
    readers: Arc<Readers>,
    leases: Arc<Mutex<Option<Connection>>>,
    writer: writer::Writer,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.readers.file)
            .finish_non_exhaustive()
    }
}

struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn database(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database {
            database: self.file.display().to_string(),
            source: source.into(),
        }
    }

    fn named(&self, error: read::ReadError) -> StoreError {
        match error {
            read::ReadError::Sql(source) => self.database(source),
            read::ReadError::Store(error) => error,
        }
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.file, flags).map_err(|e| self.database(e))?;
        connection
            .busy_timeout(schema::BUSY_TIMEOUT)
            .map_err(|e| self.database(e))?;
        schema::keep_plans(&connection).map_err(|e| self.database(e))?;
        Ok(connection)
    }
}

impl SqliteStore {
    /// Opens the book, making it if it is not there.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = schema::open(file)?;
        let readers = Readers {
            file: file.to_owned(),
            idle: Mutex::new(Vec::new()),
        };
        let checkpoints = checkpoint::Checkpoints::start(file)?;
        let name = file.display().to_string();
        let writer = writer::Writer::start(connection, checkpoints, name)?;
        Ok(Self {
            writer,
            readers: Arc::new(readers),
            leases: Arc::default(),
        })
    }

    /// Does something about leases, on the connection that is theirs.
    async fn about_leases<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (readers, leases) = (Arc::clone(&self.readers), Arc::clone(&self.leases));
        let done = tokio::task::spawn_blocking(move || {
            let mut open = leases.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = match open.take() {
                Some(connection) => Ok(connection),
                None => lease::open(&readers.file),
            };
            let connection = connection.map_err(|e| readers.database(e))?;
            let changed = change(open.insert(connection));
            changed.map_err(|e| readers.database(e))
        });
        done.await.map_err(|_| StoreError::Closed)?
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, read::ReadError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let done = tokio::task::spawn_blocking(move || {
            let idle = readers
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let connection = idle.map_or_else(|| readers.open(), Ok)?;
            let result = query(&connection);
            readers
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            result.map_err(|e| readers.named(e))
        });
        done.await.map_err(|_| StoreError::Closed)?
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn submit(&self, changes: ChangeSet) -> Result<Landing, StoreError> {
        self.writer.submit(Prepared::of(changes).await?)
    }

    async fn replay(&self, command: &str, request: &str) -> Result<Option<Committed>, StoreError> {
        let (command, request) = (command.to_owned(), request.to_owned());
        self.read(move |c| read::replay(c, &command, &request))
            .await
    }

    async fn commits(&self) -> Result<u64, StoreError> {
        self.read(|c| Ok(c.query_row("SELECT count(*) FROM commands", [], |row| row.get(0))?))
            .await
    }

    async fn version(&self, scope: &Scope) -> Result<u64, StoreError> {
        let scope = scope.to_string();
        self.read(move |c| Ok(read::version(c, &scope)?)).await
    }

    async fn document(&self, kind: Kind, id: &str) -> Result<Option<StoredDocument>, StoreError> {
        let id = id.to_owned();
        self.read(move |c| read::document(c, kind, "id", &id)).await
    }

    async fn lookup(&self, kind: Kind, lookup: &str) -> Result<Option<StoredDocument>, StoreError> {
        let lookup = lookup.to_owned();
        self.read(move |c| read::document(c, kind, "lookup", &lookup))
            .await
    }

    async fn documents(&self, query: ListQuery) -> Result<Page<StoredDocument>, StoreError> {
        self.read(move |c| read::documents(c, &query)).await
    }

    async fn records(&self, query: RecordsQuery) -> Result<Vec<AccountRecords>, StoreError> {
        self.read(move |c| read::records(c, &query)).await
    }

    async fn balance(&self, account: &LedgerAccount) -> Result<MicroSynor, StoreError> {
        let account = account.to_string();
        self.read(move |c| Ok(read::balance(c, &account)?)).await
    }

    async fn journal(&self, after: u64, limit: usize) -> Result<Vec<JournalLine>, StoreError> {
        self.read(move |c| read::journal(c, after, limit)).await
    }

    async fn rows(
        &self,
        part: BookPart,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<BookRow>, StoreError> {
        self.read(move |c| transfer::rows(c, part, after.as_deref(), limit))
            .await
    }

    async fn restore(&self, rows: Vec<BookRow>) -> Result<(), StoreError> {
        let file = self.readers.file.clone();
        let restored = tokio::task::spawn_blocking(move || {
            let mut connection = schema::open(&file)?;
            transfer::restore(&mut connection, &rows)
        });
        restored
            .await
            .map_err(|_| StoreError::Closed)?
            .map_err(|e| self.readers.named(e))
    }

    async fn lease(&self, job: &str, holder: &str, time: Duration) -> Result<bool, StoreError> {
        let (job, holder) = (job.to_owned(), holder.to_owned());
        self.about_leases(move |c| lease::take(c, &job, &holder, time))
            .await
    }

    async fn release(&self, job: &str, holder: &str) -> Result<(), StoreError> {
        let (job, holder) = (job.to_owned(), holder.to_owned());
        self.about_leases(move |c| lease::release(c, &job, &holder))
            .await
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.about_leases(lease::held).await
    }

    async fn check(&self) -> Result<BookCheck, StoreError> {
        self.read(check::check).await
    }
}
