//! A client that retries until it is acknowledged, and looks at each answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use synor_usage::import::write_cloudevents;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::common::{Random, Server, integer};
use crate::load::{CLIENTS, Load, Name};

/// After a failure, how long to wait for another server to be told of.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// The status of a server that has no room at present.
const TOO_BUSY: u16 = 503;
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Where the server is at present.
#[derive(Debug, Clone)]
pub struct Target {
    url: String,
    secret: String,
}

impl From<&Server> for Target {
    fn from(server: &Server) -> Self {
        Self {
            url: format!("{}/api/v1/events", server.url),
            secret: server.secret.clone(),
        }
    }
}

/// What clients and harness tell each other.
#[derive(Debug, Default)]
pub struct Progress {
    /// How many events of each client are acknowledged: those of the numbers below.
    pub acknowledged: [AtomicU64; CLIENTS],
    /// Requests without an answer.
    pub waiting: AtomicUsize,
    /// Batches that were sent again.
    pub retries: AtomicU64,
    /// Whether to come to an end.
    pub is_over: AtomicBool,
}

/// One client.
pub struct Client {
    pub number: usize,
    pub load: Load,
    pub random: Random,
    pub http: reqwest::Client,
    pub server: watch::Receiver<Target>,
    pub progress: Arc<Progress>,
}

/// A batch and what must come of it.
struct Batch {
    content_type: &'static str,
    body: Vec<u8>,
    /// Events in it.
    events: u64,
    /// Those that were in no batch before.
    fresh: u64,
    /// Whether it is sent over two connections at once, as an impatient client would.
    is_doubled: bool,
}

/// What the server said of a batch.
#[derive(Debug, Clone, Copy)]
struct Answer {
    accepted: u64,
    duplicate: u64,
}

impl Client {
    /// Reports until it is told that it is over, and never leaves a batch unacknowledged.
    pub async fn run(mut self) {
        while !self.progress.is_over.load(Ordering::Relaxed) {
            let batch = self.batch();
            let mut is_retry = false;
            loop {
                let answers = self.send(&batch).await;
                batch.assert_right(&answers, is_retry);
                if !answers.is_empty() {
                    break;
                }
                is_retry = true;
                self.progress.retries.fetch_add(1, Ordering::Relaxed);
                // Nobody may be there to tell of another server: then it is the same one.
                let _ = timeout(RETRY_AFTER, self.server.changed()).await;
            }
            let own = &self.progress.acknowledged[self.number];
            own.fetch_add(batch.fresh, Ordering::SeqCst);
        }
    }

    /// 100 to 1,000 new events, more often few than many, some of them twice, and some that are acknowledged already, of any
    /// client.
    fn batch(&mut self) -> Batch {
        let most = 1 + self.random.below(901);
        let fresh = 100 + self.random.below(most);
        let own = self.progress.acknowledged[self.number].load(Ordering::SeqCst);
        let mut names: Vec<Name> = (own..own + fresh).map(|n| (self.number, n)).collect();
        for _ in 0..self.random.below(20) {
            let client = usize::try_from(self.random.below(CLIENTS as u64)).unwrap();
            let known = self.progress.acknowledged[client].load(Ordering::SeqCst);
            if known > 0 {
                names.push((client, self.random.below(known)));
            }
            names.push((self.number, own + self.random.below(fresh)));
        }
        for last in (1..names.len()).rev() {
            let other = self.random.below(last as u64 + 1);
            names.swap(last, usize::try_from(other).unwrap());
        }
        let (content_type, body) = match self.random.below(2) {
            0 => ("application/x-ndjson", self.load.lines(&names).into_bytes()),
            _ => {
                let events = names.iter().map(|name| self.load.event(*name));
                let body = write_cloudevents(&events.collect::<Vec<_>>()).unwrap();
                ("application/cloudevents-batch+json", body)
            }
        };
        Batch {
            content_type,
            body,
            events: names.len() as u64,
            fresh,
            is_doubled: self.random.below(8) == 0,
        }
    }

    /// The answers that came; none if the server went away.
    async fn send(&mut self, batch: &Batch) -> Vec<Answer> {
        let target = self.server.borrow_and_update().clone();
        let first = self.post(batch, &target);
        let answers = match batch.is_doubled {
            true => tokio::join!(first, self.post(batch, &target)).into(),
            false => [first.await, None],
        };
        answers.into_iter().flatten().collect()
    }

    async fn post(&self, batch: &Batch, target: &Target) -> Option<Answer> {
        let request = self.http.post(&target.url).timeout(ANSWER_WITHIN);
        let request = request.header(CONTENT_TYPE, batch.content_type);
        let request = request.bearer_auth(&target.secret).body(batch.body.clone());
        self.progress.waiting.fetch_add(1, Ordering::SeqCst);
        let answer = request.send().await;
        let answer = match answer {
            Ok(answer) => {
                let status = answer.status();
                let body = answer.json::<Value>().await;
                body.ok().map(|body| (status.as_u16(), body))
            }
            Err(_) => None,
        };
        self.progress.waiting.fetch_sub(1, Ordering::SeqCst);
        let (status, body) = answer.filter(|(status, _)| *status != TOO_BUSY)?;
        assert_eq!(status, 200, "{body}");
        let count = |field: &str| u64::try_from(integer(&body[field])).unwrap();
        Some(Answer {
            accepted: count("accepted"),
            duplicate: count("duplicate"),
        })
    }
}

impl Batch {
    /// What was acknowledged before is never accepted again, and a batch is accepted as a whole, by
    /// one of its answers at most.
    fn assert_right(&self, answers: &[Answer], is_retry: bool) {
        for answer in answers {
            assert_eq!(answer.accepted + answer.duplicate, self.events);
        }
        let accepted: u64 = answers.iter().map(|answer| answer.accepted).sum();
        let all_are_there = answers.len() == 1 + usize::from(self.is_doubled);
        let may_be_lost = is_retry || !all_are_there;
        assert!(
            accepted == self.fresh || (accepted == 0 && may_be_lost),
            "{answers:?} of {} new events, retried: {is_retry}",
            self.fresh
        );
    }
}
