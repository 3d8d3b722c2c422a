//! How a client is set up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::answer::Rejection;
use crate::client::Client;
use crate::error::ClientError;

/// The most events in one request.
const BATCH_EVENTS_MAX: usize = 1_000;

/// What is called for every event that the server refused for good.
pub(crate) type OnRejected = Arc<dyn Fn(Rejection) + Send + Sync>;

/// How a client is set up.
#[derive(Clone)]
#[must_use]
pub struct Builder {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) source: String,
    pub(crate) batch_events: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) batch_wait: Duration,
    pub(crate) queue_bytes: u64,
    pub(crate) retry_min: Duration,
    pub(crate) retry_max: Duration,
    pub(crate) timeout: Duration,
    pub(crate) close_wait: Duration,
    pub(crate) spool: Option<PathBuf>,
    pub(crate) on_rejected: OnRejected,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        f.debug_struct("Builder")
            .field("url", &self.url)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(url: &str, key: &str, source: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            source: source.to_owned(),
            batch_events: BATCH_EVENTS_MAX,
            batch_bytes: 4 << 20,
            batch_wait: Duration::from_secs(1),
            queue_bytes: 64 << 20,
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            close_wait: Duration::from_secs(10),
            spool: None,
            on_rejected: Arc::new(|rejection| {
                tracing::error!(%rejection, event = rejection.event, "usage was refused");
            }),
        }
    }

    /// Sends as soon as so many events wait [default: 1,000, which is the most: of more, an answer
    /// may not name every refusal].
    pub fn batch_events(mut self, events: usize) -> Self {
        self.batch_events = events.clamp(1, BATCH_EVENTS_MAX);
        self
    }

    /// Sends what waits after this time, however little it is [default: 1 s].
    pub fn batch_wait(mut self, wait: Duration) -> Self {
        self.batch_wait = wait;
        self
    }

    /// How many bytes of events may wait, in memory and in the spool [default: 64 MiB]. Beyond that,
    /// recording waits.
    pub fn queue_bytes(mut self, bytes: u64) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// The shortest and the longest pause before a batch is sent again [default: 100 ms and 30 s].
    /// The pause doubles from one to the other; a random part of it is taken, so that many clients
    /// do not come back at once. What the server asks for with `Retry-After` goes before it.
    pub fn retry(mut self, min: Duration, max: Duration) -> Self {
        (self.retry_min, self.retry_max) = (min, max.max(min));
        self
    }

    /// How long one request may take before it is sent again [default: 30 s].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long closing waits for the server [default: 10 s].
    pub fn close_wait(mut self, wait: Duration) -> Self {
        self.close_wait = wait;
        self
    }

    /// Keeps events in this file until the server has decided them. Every event is written to it
    /// before [`Client::record`] returns, so that the death of the process loses none, and synced
    /// at once after that, so that a crash of the machine loses those of the last moments at most;
    /// [`Client::sync`] waits for it.
    pub fn spool(mut self, path: impl Into<PathBuf>) -> Self {
        self.spool = Some(path.into());
        self
    }

    /// Calls this for every event that the server refused for good [default: an error is logged].
    pub fn on_rejected(mut self, call: impl Fn(Rejection) + Send + Sync + 'static) -> Self {
        self.on_rejected = Arc::new(call);
        self
    }

    /// Starts the client, which first sends what its spool holds. It runs on the current Tokio
    /// runtime.
    pub async fn start(self) -> Result<Client, ClientError> {
        Client::start(self).await
    }
}
