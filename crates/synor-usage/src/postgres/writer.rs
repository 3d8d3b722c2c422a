//! Group commit: batches that wait share a transaction, and a few transactions run at once.

use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::connection::{connection, keep_unless_lost};
use super::fault::Fault;
use super::known::KnownMeters;
use super::write::{self, Committed};
use crate::error::UsageLogError;
use crate::log::Appended;
use crate::prepared::PreparedBatch;

/// Batches that may wait; more make the callers wait.
const QUEUE_BATCHES: usize = 256;
/// Events after which a transaction takes no further batch: enough to share a sync among many, few
/// enough that nobody waits long for it.
const GROUP_EVENTS: usize = 20_000;
/// Transactions at once: while one is synced, the next is written. More would only wait for each
/// other at the end of the log.
const TRANSACTIONS_MAX: usize = 3;
/// How often a transaction is begun anew when others got in its way. Each time one of them got
/// further, so that this is never reached but by a fault of this program.
const ATTEMPTS_MAX: u32 = 100;

/// A handle to the task that gathers batches. What it has begun it ends, even when dropped.
pub(super) struct Writer {
    log: Arc<str>,
    requests: mpsc::Sender<Request>,
}

struct Request {
    batch: PreparedBatch,
    reply: oneshot::Sender<Result<Appended, UsageLogError>>,
}

impl Writer {
    /// Starts the task.
    pub(super) fn start(log: Arc<str>, pool: Pool) -> Self {
        let (requests, waiting) = mpsc::channel(QUEUE_BATCHES);
        let shared = Arc::new(Shared {
            log: Arc::clone(&log),
            pool,
            known: KnownMeters::default(),
        });
        tokio::spawn(gather(shared, waiting));
        Self { log, requests }
    }

    /// Commits a batch and answers once it is durable.
    pub(super) async fn commit(&self, batch: PreparedBatch) -> Result<Appended, UsageLogError> {
        let closed = || UsageLogError::Closed {
            log: self.log.to_string(),
        };
        let (reply, answer) = oneshot::channel();
        let request = Request { batch, reply };
        self.requests.send(request).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

struct Shared {
    log: Arc<str>,
    pool: Pool,
    known: KnownMeters,
}

async fn gather(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Request>) {
    let permits = Arc::new(Semaphore::new(TRANSACTIONS_MAX));
    // The permit first: as long as there is none, more batches come to share the transaction.
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await
        && let Some(first) = waiting.recv().await
    {
        let mut events = first.batch.events.len();
        let mut group = vec![first];
        while events < GROUP_EVENTS
            && let Ok(next) = waiting.try_recv()
        {
            events = events.saturating_add(next.batch.events.len());
            group.push(next);
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            shared.answer(group).await;
            drop(permit);
        });
    }
}

impl Shared {
    async fn answer(&self, group: Vec<Request>) {
        let batches: Vec<&PreparedBatch> = group.iter().map(|request| &request.batch).collect();
        // A caller that has gone away no longer wants its answer.
        match self.commit(&batches).await {
            Ok(committed) => {
                for (request, answer) in group.into_iter().zip(committed.answers) {
                    let _ = request.reply.send(answer);
                }
                self.known.remember(committed.meters);
            }
            Err(fault) => {
                let error = fault.named(&self.log, "appending events");
                for request in group {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }

    async fn commit(&self, batches: &[&PreparedBatch]) -> Result<Committed, Fault> {
        let mut attempt = 1;
        loop {
            let mut client = connection(&self.pool).await?;
            match write::commit(&mut client, &self.known, batches).await {
                Err(fault) if fault.is_passing() && attempt < ATTEMPTS_MAX => {
                    attempt = attempt.saturating_add(1);
                }
                outcome => {
                    keep_unless_lost(client, &outcome);
                    return outcome;
                }
            }
        }
    }
}
