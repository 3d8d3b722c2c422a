//! What the tests of both brokers share: numbered events, books that count them, and workers.
#![allow(dead_code, reason = "no test needs all of it")]

#[cfg(feature = "kafka")]
pub mod kafka_cluster;
pub mod redis_server;
pub mod sinks;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use synor_economics::id::AccountId;
use synor_economics::period::{Period, Timestamp};
use synor_streams::{
    Backoff, DeadLetter, DeadLetters, Sink, SqliteDeadLetters, StreamConfig, StreamProducer,
    UsageLogSink, Worker, WorkerStatus, open_source,
};
use synor_usage::{EventQuery, SqliteUsageLog, StreamPosition, UsageLog};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything that must happen may take.
pub const SOON: Duration = Duration::from_secs(30);
const ACCOUNTS: u64 = 7;

pub fn now() -> Timestamp {
    Timestamp::parse("2026-01-20T00:00:00Z").unwrap()
}

pub fn account(n: u64) -> AccountId {
    format!("acme-{}", n % ACCOUNTS).parse().unwrap()
}

/// The nth event: n bytes of egress.
pub fn json(n: u64) -> String {
    format!(
        r#"{{"specversion":"1.0","type":"network.egress","source":"node-1","id":"{n}",
            "subject":"{}","time":"2026-01-05T00:00:00Z","data":{{"quantity":"{n}"}}}}"#,
        account(n)
    )
}

pub fn records(numbers: impl IntoIterator<Item = u64>) -> Vec<(AccountId, Vec<u8>)> {
    let record = |n| (account(n), json(n).into_bytes());
    numbers.into_iter().map(record).collect()
}

/// Sends all of them, again and again until the broker has them.
pub async fn send(producer: &dyn StreamProducer, numbers: impl IntoIterator<Item = u64>) {
    let records = records(numbers);
    for attempt in 0.. {
        match producer.send(records.clone()).await {
            Ok(()) => return,
            Err(error) => assert!(attempt < 100, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A usage log, dead letters, and a sink over both, in a folder.
pub struct Books {
    pub folder: TempDir,
    pub log: Arc<dyn UsageLog>,
    pub dead_letters: Arc<SqliteDeadLetters>,
    pub sink: Arc<dyn Sink>,
}

impl Books {
    pub fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (log, dead_letters, sink) = open_in(folder.path());
        Self {
            folder,
            log,
            dead_letters,
            sink,
        }
    }

    /// How many events are counted, and whether none of them twice.
    pub async fn count(&self) -> u64 {
        self.log.position().await.unwrap()
    }

    /// Panics unless exactly the events 1 to `n` are counted, each once.
    pub async fn hold(&self, n: u64) {
        let mut ids = BTreeSet::new();
        let mut sum = 0;
        let january = Period::new(
            Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
            Timestamp::parse("2026-02-01T00:00:00Z").unwrap(),
        );
        for number in 0..ACCOUNTS {
            let account = account(number);
            let summary = self.log.summary(&account, january.clone().unwrap(), None);
            let rows = summary.await.unwrap().rows;
            sum += rows.iter().map(|row| row.quantity.get()).sum::<i128>();
            let mut query = EventQuery::all(account);
            loop {
                let page = self.log.events(query.clone()).await.unwrap();
                for logged in page.items {
                    let id: u64 = logged.event.identity.id.parse().unwrap();
                    assert!(ids.insert(id), "event {id} is counted twice");
                }
                match page.next {
                    Some(next) => query.after = next,
                    None => break,
                }
            }
        }
        let expected: BTreeSet<u64> = (1..=n).collect();
        let lost: Vec<_> = expected.difference(&ids).take(10).collect();
        assert!(
            lost.is_empty(),
            "of {n}, lost are {lost:?} and perhaps more"
        );
        assert_eq!(ids, expected, "more than was sent");
        assert_eq!(sum, i128::from(n * (n + 1) / 2));
        assert_eq!(self.count().await, n);
    }

    pub async fn letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.list(0, 1_000).await.unwrap().letters
    }

    pub async fn positions(&self, stream: &str) -> Vec<StreamPosition> {
        self.log.stream_positions(stream).await.unwrap()
    }

    pub async fn wait_for(&self, n: u64) {
        until(&format!("{n} events are counted"), async || {
            self.count().await >= n
        })
        .await;
    }
}

pub fn open_in(folder: &Path) -> (Arc<dyn UsageLog>, Arc<SqliteDeadLetters>, Arc<dyn Sink>) {
    let log: Arc<dyn UsageLog> = Arc::new(SqliteUsageLog::open(folder.join("usage.db")).unwrap());
    let letters = SqliteDeadLetters::open(folder.join("dead_letters.db")).unwrap();
    let letters = Arc::new(letters);
    let sink = UsageLogSink::new(Arc::clone(&log), letters.clone(), now);
    (log, letters, Arc::new(sink))
}

pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let came = tokio::time::timeout(SOON, wait).await;
    assert!(came.is_ok(), "not within {SOON:?}: {what}");
}

/// A worker that runs.
pub struct Running {
    pub status: watch::Receiver<WorkerStatus>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub fn start(config: &StreamConfig, sink: &Arc<dyn Sink>) -> Self {
        let source = open_source(config, Arc::clone(sink)).unwrap();
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(300));
        let worker = Worker::new(source, Arc::clone(sink)).with_backoff(backoff);
        let stop = CancellationToken::new();
        Self {
            status: worker.status(),
            task: tokio::spawn(worker.run(stop.clone())),
            stop,
        }
    }

    pub fn status(&self) -> WorkerStatus {
        self.status.borrow().clone()
    }

    /// Stops it as a program that is asked to end does.
    pub async fn stop(self) -> WorkerStatus {
        self.stop.cancel();
        self.task.await.unwrap();
        self.status.borrow().clone()
    }

    /// Ends it in the middle of whatever it does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }
}
