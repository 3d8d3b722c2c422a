//! The client as a service holds it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::builder::Builder;
use crate::error::ClientError;
use crate::queue::Queue;
use crate::sender;
use crate::spool::{Spool, failed};
use crate::usage::Usage;

/// Reports usage. Cheap to clone; all clones are one client.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What the client and its tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Builder,
    queue: Mutex<Queue>,
    /// Something was recorded, or is waited for.
    pub(crate) arrived: Notify,
    /// Something was decided, or cannot be.
    pub(crate) settled: Notify,
    /// One sync of the spool at a time.
    syncing: tokio::sync::Mutex<()>,
}

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Events that the server has decided.
    pub decided: u64,
    /// Those of them that it refused for good.
    pub rejected: u64,
    /// Events that wait.
    pub waiting: u64,
}

/// What a client left behind when it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Events that lie in the spool for the next client on it.
    pub left_in_spool: u64,
}

impl Shared {
    /// The queue. It is whole whoever panicked while holding it.
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Syncs what was appended to the spool up to now.
    pub(crate) async fn sync(&self) -> Result<(), ClientError> {
        let _one = self.syncing.lock().await;
        let Some((file, path, up_to)) = self.queue().unsynced() else {
            return Ok(());
        };
        let synced = spawn_blocking(move || file.sync_data()).await;
        let synced = synced.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
        synced.map_err(|error| failed(&path, "syncing it", error))?;
        self.queue().synced(up_to);
        Ok(())
    }
}

impl Client {
    /// A client of the server at this address, with a key that may report usage. `source` is who
    /// reports: with each event's id it makes the identity that it is counted by.
    pub fn builder(url: &str, key: &str, source: &str) -> Builder {
        Builder::new(url, key, source)
    }

    pub(crate) async fn start(config: Builder) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder().timeout(config.timeout).build();
        let http = http.map_err(|error| ClientError::Http(Arc::new(error)))?;
        let spool = match config.spool.clone() {
            None => None,
            Some(path) => {
                let opened = spawn_blocking({
                    let path = path.clone();
                    move || Spool::open(&path)
                });
                let panicked = |error| failed(&path, "opening it", std::io::Error::other(error));
                Some(opened.await.map_err(panicked)??)
            }
        };
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::new(spool, config.queue_bytes)),
            config,
            arrived: Notify::new(),
            settled: Notify::new(),
            syncing: tokio::sync::Mutex::default(),
        });
        let task = tokio::spawn(sender::run(Arc::clone(&shared), http));
        Ok(Self {
            shared,
            task: Arc::new(Mutex::new(Some(task))),
        })
    }

    /// Records usage; its number among what this client recorded, from 1. Waits where the queue is
    /// full.
    pub async fn record(&self, usage: Usage) -> Result<u64, ClientError> {
        let line = self.line(usage)?;
        loop {
            let room = self.shared.settled.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if let Some(sequence) = self.take_in(&line)? {
                return Ok(sequence);
            }
            room.await;
        }
    }

    /// Records usage without waiting: [`ClientError::Full`] where there is no room.
    pub fn try_record(&self, usage: Usage) -> Result<u64, ClientError> {
        let line = self.line(usage)?;
        self.take_in(&line)?.ok_or(ClientError::Full)
    }

    fn line(&self, usage: Usage) -> Result<String, ClientError> {
        let line = usage.into_line(&self.shared.config.source);
        line.map_err(|error| ClientError::Event(Arc::new(error)))
    }

    fn take_in(&self, line: &str) -> Result<Option<u64>, ClientError> {
        let sequence = self.shared.queue().record(line)?;
        self.shared.arrived.notify_one();
        Ok(sequence)
    }

    /// Waits until what was recorded up to now outlives a crash of the machine. Without a spool,
    /// nothing does.
    pub async fn sync(&self) -> Result<(), ClientError> {
        self.shared.sync().await
    }

    /// Waits until the server has decided everything recorded up to now; an error if the server
    /// takes nothing from this client. While it cannot be reached, this waits.
    pub async fn flush(&self) -> Result<(), ClientError> {
        let wanted = {
            let mut queue = self.shared.queue();
            queue.wanted = queue.entered;
            queue.entered
        };
        self.shared.arrived.notify_one();
        loop {
            let settled = self.shared.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            {
                let queue = self.shared.queue();
                if queue.decided >= wanted {
                    return Ok(());
                }
                if let Some(refusal) = &queue.refusal {
                    return Err(refusal.clone());
                }
            }
            settled.await;
        }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let queue = self.shared.queue();
        Progress {
            decided: queue.decided,
            rejected: queue.rejected,
            waiting: queue.entered.saturating_sub(queue.decided),
        }
    }

    /// Takes nothing more in, hands over what waits, as long as [`Builder::close_wait`] allows, and
    /// ends. What is not decided by then stays in the spool; without one, it is lost, and that is
    /// an error.
    pub async fn close(&self) -> Result<Closed, ClientError> {
        self.shared.queue().is_closed = true;
        let flushed = timeout(self.shared.config.close_wait, self.flush()).await;
        let task = {
            let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            task.take()
        };
        if let Some(task) = task {
            task.abort();
            // An error says that it was aborted.
            let _ = task.await;
        }
        // Whoever waits for room finds the client closed.
        self.shared.settled.notify_waiters();
        let (left, has_spool) = {
            let mut queue = self.shared.queue();
            queue.shrink()?;
            (queue.len() as u64, queue.has_spool())
        };
        self.shared.sync().await?;
        match flushed {
            Ok(Err(refusal)) if !has_spool => Err(refusal),
            _ if left > 0 && !has_spool => Err(ClientError::NotSent(left)),
            _ => Ok(Closed {
                left_in_spool: left,
            }),
        }
    }
}
