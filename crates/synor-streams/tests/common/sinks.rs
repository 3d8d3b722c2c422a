//! Sinks that fail, or that a worker dies in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use synor_streams::{Record, RecordOutcome, Sink, SinkError};
use synor_usage::StreamPosition;
use tokio::sync::Semaphore;

/// Fails this many times before each success, whatever it is asked.
pub struct Flaky {
    inner: Arc<dyn Sink>,
    failures: u64,
    calls: AtomicU64,
}

impl Flaky {
    pub fn over(inner: &Arc<dyn Sink>, failures: u64) -> Arc<dyn Sink> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            failures,
            calls: AtomicU64::new(0),
        })
    }

    fn fail(&self) -> Result<(), SinkError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match call % (self.failures + 1) < self.failures {
            true => Err(SinkError::new("being tested", "it is away")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Sink for Flaky {
    async fn accept(
        &self,
        records: &[Record],
        read: &[StreamPosition],
    ) -> Result<Vec<RecordOutcome>, SinkError> {
        self.fail()?;
        self.inner.accept(records, read).await
    }

    async fn positions(&self, stream: &str) -> Result<Vec<StreamPosition>, SinkError> {
        self.fail()?;
        self.inner.positions(stream).await
    }
}

/// Where a call stays until it is let go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// Before anything is committed.
    BeforeCommit,
    /// After it is committed, before the worker knows.
    AfterCommit,
}

/// Lets some calls through, and holds the next where it is told to.
pub struct Sticky {
    pub inner: Arc<dyn Sink>,
    pub stuck: Stuck,
    pub passes: Semaphore,
    /// How many calls came to where they stay.
    pub arrived: AtomicU64,
}

impl Sticky {
    pub fn new(inner: &Arc<dyn Sink>, stuck: Stuck, passes: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            stuck,
            passes: Semaphore::new(passes),
            arrived: AtomicU64::new(0),
        })
    }

    pub fn is_stuck(&self) -> bool {
        self.passes.available_permits() == 0 && self.arrived.load(Ordering::Relaxed) > 0
    }

    async fn pass(&self) {
        if let Ok(pass) = self.passes.try_acquire() {
            pass.forget();
            return;
        }
        self.arrived.fetch_add(1, Ordering::Relaxed);
        self.passes.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Sink for Sticky {
    async fn accept(
        &self,
        records: &[Record],
        read: &[StreamPosition],
    ) -> Result<Vec<RecordOutcome>, SinkError> {
        if self.stuck == Stuck::BeforeCommit {
            self.pass().await;
        }
        let outcomes = self.inner.accept(records, read).await;
        if self.stuck == Stuck::AfterCommit {
            self.pass().await;
        }
        outcomes
    }

    async fn positions(&self, stream: &str) -> Result<Vec<StreamPosition>, SinkError> {
        self.inner.positions(stream).await
    }
}
