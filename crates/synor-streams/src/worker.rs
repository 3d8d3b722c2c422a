//! The loop that carries records from a source to a sink.
//!
//! One batch at a time: read, commit in the sink, acknowledge to the broker, in this order. What is
//! held in memory is one batch, and what the broker's client has fetched ahead. Whichever side is
//! away, the worker waits and tries again; a batch that was read stays in hand until the sink has it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::error::chain_of;
use crate::sink::Sink;
use crate::source::{Delivery, Source};
use crate::status::{WorkerState, WorkerStatus};

/// How often the lag is asked for.
const LAG_EVERY: Duration = Duration::from_secs(1);

/// Carries records from a source to a sink until it is told to stop.
pub struct Worker {
    source: Box<dyn Source>,
    sink: Arc<dyn Sink>,
    status: watch::Sender<WorkerStatus>,
    backoff: Backoff,
    lag_asked: Option<Instant>,
}

impl Worker {
    /// A worker that has not started.
    pub fn new(source: Box<dyn Source>, sink: Arc<dyn Sink>) -> Self {
        Self {
            source,
            sink,
            status: watch::Sender::default(),
            backoff: Backoff::default(),
            lag_asked: None,
        }
    }

    /// Waits so when the broker or the sink is away, instead of the default.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// What the worker tells of itself, from now on and after it has stopped.
    pub fn status(&self) -> watch::Receiver<WorkerStatus> {
        self.status.subscribe()
    }

    /// Works until `stop` is cancelled; then finishes the batch in hand, if the sink takes it at the
    /// first attempt, and leaves the group. Dropping the future instead loses nothing either: what
    /// was not acknowledged is delivered again, to this worker or to another.
    pub async fn run(mut self, stop: CancellationToken) {
        tracing::info!("the worker reads");
        while !stop.is_cancelled() {
            match self.source.read().await {
                Ok(delivery) => {
                    if self.status.borrow().state == WorkerState::SourceAway {
                        tracing::info!("the broker is back");
                        self.status.send_modify(|s| s.state = WorkerState::Running);
                    }
                    self.backoff.reset();
                    if !delivery.records.is_empty() {
                        self.carry(&delivery, &stop).await;
                    }
                    self.ask_lag().await;
                }
                Err(error) => {
                    let failure = chain_of(&error);
                    tracing::warn!(error = %failure, "the broker is away; trying again");
                    self.status.send_modify(|status| {
                        status.state = WorkerState::SourceAway;
                        status.source_failures = status.source_failures.saturating_add(1);
                        status.last_failure = Some(failure);
                    });
                    self.wait(&stop).await;
                }
            }
        }
        self.source.close().await;
        tracing::info!("the worker has stopped");
        self.status
            .send_modify(|status| status.state = WorkerState::Stopped);
    }

    /// Brings one batch into the sink and acknowledges it. Gives it up only to stop.
    async fn carry(&mut self, delivery: &Delivery, stop: &CancellationToken) {
        loop {
            match self.sink.accept(&delivery.records, &delivery.read).await {
                Ok(outcomes) => {
                    for (record, outcome) in delivery.records.iter().zip(&outcomes) {
                        if let Some(reason) = &outcome.refused {
                            tracing::warn!(record = %record.place, reason, "a dead letter");
                        }
                    }
                    self.status
                        .send_modify(|status| status.committed(&outcomes));
                    break;
                }
                Err(error) => {
                    let failure = chain_of(&error);
                    let records = delivery.records.len();
                    tracing::warn!(error = %failure, records, "the sink is away; trying again");
                    self.status.send_modify(|status| {
                        status.state = WorkerState::SinkAway;
                        status.sink_failures = status.sink_failures.saturating_add(1);
                        status.last_failure = Some(failure);
                    });
                    self.wait(stop).await;
                    if stop.is_cancelled() {
                        tracing::warn!(records, "stopping with records that will come again");
                        return;
                    }
                }
            }
        }
        self.backoff.reset();
        if let Err(error) = self.source.acknowledge(delivery).await {
            // They come again and are known by their identities.
            tracing::warn!(error = %chain_of(&error), "committed, but not acknowledged");
        }
    }

    async fn ask_lag(&mut self) {
        if self.lag_asked.is_some_and(|at| at.elapsed() < LAG_EVERY) {
            return;
        }
        self.lag_asked = Some(Instant::now());
        match self.source.lag().await {
            Ok(lag) => self.status.send_modify(|status| status.lag = lag),
            Err(error) => tracing::warn!(error = %chain_of(&error), "the lag is not known"),
        }
    }

    async fn wait(&mut self, stop: &CancellationToken) {
        let pause = self.backoff.pause();
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
