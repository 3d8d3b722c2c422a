//! Commits that follow each other without waiting for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use crate::change_set::Committed;
use crate::error::StoreError;

/// Change sets that were decided on each other, before any of them had landed. Once one of them
/// does not land as it was decided, none behind it does, whatever versions it expects: those count
/// from a state that never was.
#[derive(Debug, Clone, Default)]
pub struct Lane(Arc<AtomicBool>);

impl Lane {
    /// Whether something in the lane did not land, so that nothing behind it will.
    pub fn is_broken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Lets nothing more land.
    pub fn break_off(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A change set that has its place in the queue.
#[derive(Debug)]
pub struct Landing(oneshot::Receiver<Result<Committed, StoreError>>);

impl Landing {
    pub(crate) const fn new(answer: oneshot::Receiver<Result<Committed, StoreError>>) -> Self {
        Self(answer)
    }

    /// One that has landed, or not, already.
    pub fn known(result: Result<Committed, StoreError>) -> Self {
        let (answer, landing) = oneshot::channel();
        // Its receiver is here.
        let _ = answer.send(result);
        Self(landing)
    }

    /// What it came to, once that is durable.
    pub async fn landed(self) -> Result<Committed, StoreError> {
        self.0.await.map_err(|_| StoreError::Closed)?
    }
}
