//! The one writer: a thread that takes the batches that are waiting, appends them in one
//! transaction, syncs once, and then answers them all.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::{
    CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params,
};
use synor_economics::id::AccountId;
use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;
use super::row::{Head, quantity_bytes, row_id};
use super::withdrawals;
use crate::error::UsageLogError;
use crate::log::{Appended, Duplicate, StreamPosition};
use crate::prepared::{MeterKey, PreparedBatch, PreparedEvent};

/// Batches that may wait; more make the callers wait.
const QUEUE_BATCHES: usize = 256;
/// Events after which a transaction takes no further batch: enough to share a sync among many, few
/// enough that nobody waits long for it.
const GROUP_EVENTS: usize = 20_000;
/// Rows of accounts, sources and meters remembered before all are forgotten and looked up again.
const KNOWN_MAX: usize = 100_000;

/// A handle to the writer thread. Dropping it lets the thread finish what is waiting.
pub(super) struct Writer {
    log: Arc<str>,
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

struct Request {
    batch: PreparedBatch,
    reply: oneshot::Sender<Result<Appended, UsageLogError>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(log: Arc<str>, connection: Connection) -> std::io::Result<Self> {
        let (requests, waiting) = mpsc::channel(QUEUE_BATCHES);
        let name = Arc::clone(&log);
        let thread = thread::Builder::new()
            .name("usage-log-writer".to_owned())
            .spawn(move || run(&name, connection, waiting))?;
        Ok(Self {
            log,
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Commits a batch and answers once it is durable.
    pub(super) async fn commit(&self, batch: PreparedBatch) -> Result<Appended, UsageLogError> {
        let closed = || UsageLogError::Closed {
            log: self.log.to_string(),
        };
        let requests = self.requests.as_ref().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        let request = Request { batch, reply };
        requests.send(request).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has left its callers without an answer, which they noticed.
            let _ = thread.join();
        }
    }
}

fn run(log: &str, mut connection: Connection, mut waiting: mpsc::Receiver<Request>) {
    let mut known = Known::default();
    while let Some(first) = waiting.blocking_recv() {
        let mut events = first.batch.events.len();
        let mut group = vec![first];
        while events < GROUP_EVENTS
            && let Ok(next) = waiting.try_recv()
        {
            events = events.saturating_add(next.batch.events.len());
            group.push(next);
        }
        known.forget_if_full();
        let outcome = commit(&mut connection, &mut known, &group);
        // A caller that has gone away no longer wants its answer.
        match outcome {
            Ok(answers) => {
                for (request, answer) in group.into_iter().zip(answers) {
                    let _ = request.reply.send(answer);
                }
            }
            Err(fault) => {
                // What was interned in the transaction is gone with it.
                known = Known::default();
                let error = fault.named(log, "appending events");
                for request in group {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Commits the batches in one transaction. Events are checked before they get here, so what fails
/// now (a full disk, a damaged file) fails for all of them; only a withdrawal of what is not there
/// refuses its own batch alone, before anything of it is written.
fn commit(
    connection: &mut Connection,
    known: &mut Known,
    group: &[Request],
) -> Result<Vec<Result<Appended, UsageLogError>>, Fault> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read every time: another process may have appended, an import beside the server for instance.
    let start = Head::read(&tx)?;
    let mut inserter = Inserter::new(&tx, start)?;
    let mut answers = Vec::with_capacity(group.len());
    for request in group {
        answers.push(inserter.commit(known, &request.batch)?);
    }
    let head = inserter.head;
    drop(inserter);
    if head != start {
        tx.execute(
            "UPDATE head SET position = ?1, chain = ?2 WHERE only = 1",
            params![row_id(head.position), head.chain],
        )?;
    }
    tx.commit()?;
    Ok(answers)
}

/// Appends events to the end of the log within one transaction.
struct Inserter<'t> {
    tx: &'t Transaction<'t>,
    insert: CachedStatement<'t>,
    held: CachedStatement<'t>,
    head: Head,
}

impl<'t> Inserter<'t> {
    fn new(tx: &'t Transaction<'t>, head: Head) -> rusqlite::Result<Self> {
        Ok(Self {
            tx,
            insert: tx.prepare_cached(
                "INSERT INTO events (position, account, source, id, meter, time, quantity, \
                 correction, digest, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
                 ON CONFLICT (account, source, id) DO NOTHING",
            )?,
            held: tx.prepare_cached(
                "SELECT digest FROM events WHERE account = ?1 AND source = ?2 AND id = ?3",
            )?,
            head,
        })
    }

    fn commit(
        &mut self,
        known: &mut Known,
        batch: &PreparedBatch,
    ) -> rusqlite::Result<Result<Appended, UsageLogError>> {
        let mut withdrawn = Vec::with_capacity(batch.withdrawals.len());
        for id in &batch.withdrawals {
            match withdrawals::find(self.tx, id)? {
                Some(held) => withdrawn.push(held),
                None => {
                    let event = Box::new(id.clone());
                    return Ok(Err(UsageLogError::UnknownEvent { event }));
                }
            }
        }
        let mut appended = Appended::default();
        for held in withdrawn {
            if let Some(head) = withdrawals::insert(self.tx, &held, self.head)? {
                self.head = head;
                appended.withdrawn = appended.withdrawn.saturating_add(1);
            }
        }
        for (index, event) in batch.events.iter().enumerate() {
            match self.insert(known, event)? {
                None => appended.accepted = appended.accepted.saturating_add(1),
                Some(is_conflicting) => appended.duplicates.push(Duplicate {
                    index,
                    is_conflicting,
                }),
            }
        }
        for read in &batch.read {
            remember(self.tx, read)?;
        }
        appended.position = self.head.position;
        Ok(Ok(appended))
    }

    /// Inserts the event. If one is held under its identity: whether that says something else.
    fn insert(
        &mut self,
        known: &mut Known,
        prepared: &PreparedEvent,
    ) -> rusqlite::Result<Option<bool>> {
        let identity = &prepared.event.identity;
        let account = known.account(self.tx, &identity.account)?;
        let source = known.source(self.tx, &identity.source)?;
        // The id is remembered by the same statement that counts the event: it can never be
        // known without being counted, nor counted without being known. (A duplicate may leave
        // a meter without events, which adds nothing to any sum.)
        let next = self.head.followed_by(&prepared.digest);
        let inserted = self.insert.execute(params![
            row_id(next.position),
            account,
            source,
            identity.id,
            known.meter(self.tx, &prepared.meter, account)?,
            prepared.event.time.secs(),
            quantity_bytes(prepared.event.quantity),
            prepared.event.correction,
            prepared.digest,
            next.chain,
        ])?;
        if inserted == 1 {
            self.head = next;
            return Ok(None);
        }
        let held: [u8; 32] = self
            .held
            .query_row(params![account, source, identity.id], |row| row.get(0))?;
        Ok(Some(held != prepared.digest))
    }
}

/// Remembers how far a stream has been read. A reader that was replaced and did not notice may come
/// late with an earlier position than its successor's.
fn remember(tx: &Transaction<'_>, read: &StreamPosition) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO streams (stream, partition, next_offset) VALUES (?1, ?2, ?3) \
         ON CONFLICT (stream, partition) DO UPDATE \
         SET next_offset = max(next_offset, excluded.next_offset)",
    )?
    .execute(params![read.stream, read.partition, read.next_offset])?;
    Ok(())
}

/// Row ids that were looked up before. Rows of these tables are never removed, so an id once
/// committed stays right.
#[derive(Default)]
struct Known {
    accounts: HashMap<AccountId, i64>,
    sources: HashMap<String, i64>,
    meters: HashMap<MeterKey, i64>,
}

impl Known {
    fn forget_if_full(&mut self) {
        let sizes = [self.accounts.len(), self.sources.len(), self.meters.len()];
        if sizes.into_iter().any(|size| size > KNOWN_MAX) {
            *self = Self::default();
        }
    }

    fn account(&mut self, tx: &Transaction<'_>, account: &AccountId) -> rusqlite::Result<i64> {
        if let Some(&id) = self.accounts.get(account) {
            return Ok(id);
        }
        let id = interned(
            tx,
            "SELECT id FROM accounts WHERE name = ?1",
            "INSERT INTO accounts (name) VALUES (?1)",
            [account.as_str()],
        )?;
        self.accounts.insert(account.clone(), id);
        Ok(id)
    }

    fn source(&mut self, tx: &Transaction<'_>, source: &str) -> rusqlite::Result<i64> {
        if let Some(&id) = self.sources.get(source) {
            return Ok(id);
        }
        let id = interned(
            tx,
            "SELECT id FROM sources WHERE name = ?1",
            "INSERT INTO sources (name) VALUES (?1)",
            [source],
        )?;
        self.sources.insert(source.to_owned(), id);
        Ok(id)
    }

    fn meter(
        &mut self,
        tx: &Transaction<'_>,
        meter: &MeterKey,
        account: i64,
    ) -> rusqlite::Result<i64> {
        if let Some(&id) = self.meters.get(meter) {
            return Ok(id);
        }
        let provider = meter.provider.as_ref().map_or("", |id| id.as_str());
        let id = interned(
            tx,
            "SELECT id FROM meters WHERE account = ?1 AND resource = ?2 AND is_sample = ?3 \
             AND provider = ?4 AND dimensions = ?5",
            "INSERT INTO meters (account, resource, is_sample, provider, dimensions) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                account,
                meter.resource.to_string(),
                meter.is_sample,
                provider,
                meter.dimensions
            ],
        )?;
        self.meters.insert(meter.clone(), id);
        Ok(id)
    }
}

/// The id of a row, which is inserted if there is none.
fn interned(
    tx: &Transaction<'_>,
    select: &str,
    insert: &str,
    values: impl rusqlite::Params + Clone,
) -> rusqlite::Result<i64> {
    let found = tx
        .prepare_cached(select)?
        .query_row(values.clone(), |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => tx.prepare_cached(insert)?.insert(values),
    }
}
