//! The writer's side of what goes on in the background: begins a new segment when the active one is
//! full, and takes over what is ready.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::active::Active;
use super::background::{Done, MergeWork, Queues};
use super::decide::Decider;
use super::fault::Fault;
use super::ids::Ids;
use super::seal::FullSegment;
use super::state::Shared;
use super::wal::{Wal, WalEnd, WalStart};
use crate::log::StreamPosition;

/// Full segments that may wait to be sealed; more make the writer wait.
const FULL_MAX: usize = 2;
/// Partitions of fingerprints that are being loaded or grown at once.
const REBUILDS: usize = 4;
/// Ids that a new segment has room for at once.
const ROOM_MAX: usize = 1 << 20;

/// Where the writer writes, and what it waits for.
pub(super) struct Sealing {
    wal: Arc<Wal>,
    end: WalEnd,
    queues: Queues,
    reports: Receiver<Done>,
    rebuilds: usize,
    is_merging: bool,
    /// Why the oldest full segment is not sealed.
    failed: Option<Fault>,
}

impl Sealing {
    pub(super) fn new(wal: Arc<Wal>, end: WalEnd, queues: Queues, reports: Receiver<Done>) -> Self {
        Self {
            wal,
            end,
            queues,
            reports,
            rebuilds: 0,
            is_merging: false,
            failed: None,
        }
    }

    /// The active write-ahead file, and where the next frame goes.
    pub(super) fn end(&self) -> (Arc<Wal>, WalEnd) {
        (Arc::clone(&self.wal), self.end)
    }

    /// A frame was made durable.
    pub(super) fn advance(&mut self, end: WalEnd) {
        self.end = end;
    }

    /// Takes over what is ready, and hands out what is to be done.
    pub(super) fn attend(&mut self, shared: &Shared, decider: &mut Decider) {
        while let Ok(done) = self.reports.try_recv() {
            self.take(done, shared, decider);
        }
        while self.rebuilds < REBUILDS
            && let Some(job) = decider.identities.next_rebuild()
        {
            self.rebuilds = self.rebuilds.saturating_add(1);
            // The queue is open for as long as the writer runs.
            let _ = self.queues.rebuilds.send(job);
        }
    }

    fn take(&mut self, done: Done, shared: &Shared, decider: &mut Decider) {
        match done {
            Done::Sealed(keys) => {
                decider.identities.adopt_sealed(keys);
                if let Some(ids) = decider.frozen.pop_front() {
                    shared.spare.keep_ids(ids);
                }
                self.failed = None;
                self.merge(decider);
            }
            Done::NotSealed(fault) => self.failed = Some(fault),
            Done::Merged(merged) => {
                decider.identities.adopt_merged(&merged);
                self.is_merging = false;
                self.merge(decider);
            }
            Done::NotMerged => self.is_merging = false,
            Done::Forgotten(oldest) => drop(decider.identities.forget_before(oldest)),
            Done::Rebuilt(rebuilt) => {
                decider.identities.adopt_rebuilt(rebuilt);
                self.rebuilds = self.rebuilds.saturating_sub(1);
            }
            Done::NotRebuilt(job) => {
                decider.identities.give_up_rebuild(&job);
                self.rebuilds = self.rebuilds.saturating_sub(1);
            }
        }
    }

    fn merge(&mut self, decider: &Decider) {
        if !self.is_merging
            && let Some(inputs) = decider.identities.next_merge()
        {
            self.is_merging = true;
            let _ = self.queues.merges.send(MergeWork::Keys(inputs));
        }
    }

    /// Begins a new segment if the active one is full. Waits if sealing falls too far behind; an
    /// error if it cannot go on.
    pub(super) fn make_room(
        &mut self,
        shared: &Shared,
        decider: &mut Decider,
    ) -> Result<(), Fault> {
        self.attend(shared, decider);
        let is_full = {
            let visible = shared.visible();
            visible.active.records() >= shared.options.segment_events.max(1)
        };
        if !is_full {
            return Ok(());
        }
        while decider.frozen.len() >= FULL_MAX {
            if let Some(fault) = &self.failed {
                return Err(fault.clone());
            }
            match self.reports.recv_timeout(Duration::from_secs(1)) {
                Ok(done) => self.take(done, shared, decider),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let gone = std::io::Error::other("the thread that seals segments has ended");
                    return Err(Fault::io(&shared.folder)(gone));
                }
            }
        }
        self.rotate(shared, decider)
    }

    fn rotate(&mut self, shared: &Shared, decider: &mut Decider) -> Result<(), Fault> {
        let start = WalStart {
            segment: self.wal.start().segment.saturating_add(1),
            first: self.end.position.saturating_add(1),
            chain: self.end.chain,
        };
        let wal = Wal::create(&*shared.options.storage, &shared.folder, start)?;
        let wal = Arc::new(wal);
        let room = shared.options.segment_events.min(ROOM_MAX);
        let ids = Arc::new(mem::replace(&mut decider.ids, shared.spare.ids(room)));
        decider.frozen.push_back(Arc::clone(&ids));
        decider.identities.begin_segment();
        let full = freeze(shared, shared.spare.active(Arc::clone(&wal)), ids);
        let _ = self.queues.full.send(full);
        self.end = start.end();
        self.wal = wal;
        Ok(())
    }
}

/// Puts a new active segment in place of the full one.
fn freeze(shared: &Shared, next: Active, ids: Arc<Ids>) -> FullSegment {
    let mut visible = shared.change();
    let active = Arc::new(mem::replace(&mut visible.active, next));
    visible.frozen.push(Arc::clone(&active));
    let streams = visible.streams.iter();
    FullSegment {
        active,
        ids,
        streams: streams
            .map(|((stream, partition), next_offset)| StreamPosition {
                stream: stream.clone(),
                partition: *partition,
                next_offset: *next_offset,
            })
            .collect(),
        meters: visible.meters.len(),
    }
}
