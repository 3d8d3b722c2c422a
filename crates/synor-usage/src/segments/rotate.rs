//! The writer's side of sealing.

use std::sync::Arc;

use super::decide::Decider;
use super::fault::Fault;
use super::state::Shared;
use super::wal::{Wal, WalEnd};

/// Where the writer writes.
pub(super) struct Sealing {
    wal: Arc<Wal>,
    end: WalEnd,
}

impl Sealing {
    pub(super) fn new(wal: Arc<Wal>, end: WalEnd) -> Self {
        Self { wal, end }
    }

    /// The active write-ahead file, and where the next frame goes.
    pub(super) fn end(&self) -> (Arc<Wal>, WalEnd) {
        (Arc::clone(&self.wal), self.end)
    }

    /// A frame was made durable.
    pub(super) fn advance(&mut self, end: WalEnd) {
        self.end = end;
    }

    pub(super) fn make_room(&mut self, _: &Shared, _: &mut Decider) -> Result<(), Fault> {
        Ok(())
    }

    pub(super) fn close(&mut self, _: &Shared) {}
}
