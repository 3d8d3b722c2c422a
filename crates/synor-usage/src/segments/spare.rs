//! Memory that is used again. A segment takes a hundred megabytes while it is written, and a batch a
//! few; to get them new from the operating system, page by page, cost a quarter of all the time that
//! an event took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::active::Active;
use super::ids::Ids;
use super::prepared::{Mentioned, PreparedBatch, PreparedMeter, PreparedRow};
use super::wal::Wal;

/// Buffers of batches that are kept at most.
const BATCHES_MAX: usize = 8;
/// Records of a batch, in bytes, from which on its buffers are kept, and up to which.
const BATCH_BYTES: std::ops::RangeInclusive<usize> = 1 << 16..=1 << 23;

/// What is not used at the moment. Of what segments need, one of each is kept: one is written at a
/// time.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Buffers>);

#[derive(Debug, Default)]
struct Buffers {
    active: Option<Active>,
    ids: Option<Ids>,
    batches: Vec<BatchBuffers>,
    mentioned: Vec<Mentioned>,
}

/// What a batch is prepared in.
#[derive(Debug, Default)]
pub(super) struct BatchBuffers {
    pub(super) records: Vec<u8>,
    pub(super) rows: Vec<PreparedRow>,
    pub(super) meters: Vec<PreparedMeter>,
}

impl Spare {
    fn buffers(&self) -> MutexGuard<'_, Buffers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty segment.
    pub(super) fn active(&self, wal: Arc<Wal>) -> Active {
        let spare = self.buffers().active.take();
        match spare {
            Some(used) => used.emptied(wal),
            None => Active::new(wal),
        }
    }

    /// An empty table with room for this many ids.
    pub(super) fn ids(&self, room: usize) -> Ids {
        let spare = self.buffers().ids.take();
        spare.map_or_else(|| Ids::with_room(room), Ids::emptied)
    }

    /// Buffers for a batch of this many events.
    pub(super) fn batch(&self, events: usize) -> BatchBuffers {
        let spare = self.buffers().batches.pop();
        let mut buffers = spare.unwrap_or_default();
        buffers.records.reserve(events.saturating_mul(128));
        buffers.rows.reserve(events);
        buffers
    }

    /// For the meters of a batch.
    pub(super) fn mentioned(&self) -> Mentioned {
        self.buffers().mentioned.pop().unwrap_or_default()
    }

    /// A batch is prepared.
    pub(super) fn keep_mentioned(&self, mut mentioned: Mentioned) {
        let mut buffers = self.buffers();
        if buffers.mentioned.len() < BATCHES_MAX && mentioned.bytes() <= *BATCH_BYTES.end() {
            mentioned.clear();
            buffers.mentioned.push(mentioned);
        }
    }

    /// A segment that is sealed. Whoever has it last gives it back.
    pub(super) fn keep_active(&self, sealed: Arc<Active>) {
        if let Some(active) = Arc::into_inner(sealed) {
            let before = self.buffers().active.replace(active);
            // Freed here, where nobody waits for the lock.
            drop(before);
        }
    }

    /// The ids of a segment that is sealed. Whoever has them last gives them back.
    pub(super) fn keep_ids(&self, sealed: Arc<Ids>) {
        if let Some(ids) = Arc::into_inner(sealed) {
            let before = self.buffers().ids.replace(ids);
            drop(before);
        }
    }

    /// A batch that is written.
    pub(super) fn keep_batch(&self, batch: PreparedBatch) {
        let PreparedBatch {
            mut records,
            mut rows,
            mut meters,
            ..
        } = batch;
        if !BATCH_BYTES.contains(&records.capacity()) {
            return;
        }
        records.clear();
        rows.clear();
        meters.clear();
        let mut buffers = self.buffers();
        if buffers.batches.len() < BATCHES_MAX {
            buffers.batches.push(BatchBuffers {
                records,
                rows,
                meters,
            });
        }
    }
}
