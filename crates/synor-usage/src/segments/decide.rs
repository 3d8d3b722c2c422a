//! Decides which events of a group of batches are new, and builds the frame of those that are.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use synor_economics::metering::UsageEvent;

use super::fault::Fault;
use super::frame::FrameBuilder;
use super::identities::{Identities, IdentityHash, KeyEntry};
use super::ids::Ids;
use super::prepared::{PreparedBatch, PreparedRow};
use super::row::encode;
use super::state::Shared;
use super::wal::WalEnd;
use super::writer::Request;
use crate::error::UsageLogError;
use crate::log::{Appended, Duplicate, LogPosition};

/// Rows whose memory is being loaded while the one before them is decided.
const AHEAD: usize = 32;

/// What was decided of a group, for showing it once it is durable.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// In order of the group's requests.
    pub(super) batches: Vec<DecidedBatch>,
    /// Where the frame was written.
    pub(super) frame_offset: u64,
    /// The end of the log after it.
    pub(super) end: WalEnd,
}

/// What was decided of one batch.
#[derive(Debug, Default)]
pub(super) struct DecidedBatch {
    /// Whether it was done at all.
    pub(super) is_done: bool,
    /// The withdrawals that were new.
    pub(super) withdrawn: Vec<NewWithdrawal>,
    /// The position of its first record.
    pub(super) first: LogPosition,
    /// Where the record of its first accepted event begins in the frame.
    pub(super) at: usize,
    /// The places of its events that were held already, in order.
    pub(super) duplicates: Vec<Duplicate>,
}

/// A withdrawal that takes an event back which still counted.
#[derive(Debug)]
pub(super) struct NewWithdrawal {
    /// The event's position.
    pub(super) position: LogPosition,
    pub(super) event: UsageEvent,
    /// Where its record begins in the frame.
    pub(super) at: usize,
}

/// Knows every id of the log.
pub(super) struct Decider {
    pub(super) identities: Identities,
    /// Those of the active segment.
    pub(super) ids: Ids,
    /// Those of full segments that are being sealed, oldest first.
    pub(super) frozen: VecDeque<Arc<Ids>>,
}

impl Decider {
    /// Decides the batches in order. Their records go to the frame; the answers hold once it is
    /// durable. A batch that withdraws what is not there is refused alone.
    pub(super) fn decide(
        &mut self,
        shared: &Shared,
        group: &[Request],
        head: LogPosition,
        frame: &mut FrameBuilder,
    ) -> Result<(Decided, Vec<Result<Appended, UsageLogError>>), Fault> {
        let mut decided = Decided::default();
        let mut answers = Vec::with_capacity(group.len());
        let mut head = head;
        for request in group {
            let batch = &request.batch;
            let (outcome, answer) = match self.withdrawals(shared, batch)? {
                Err(refusal) => (DecidedBatch::default(), Err(refusal)),
                Ok(withdrawn) => {
                    let (outcome, appended) = self.batch(batch, withdrawn, &mut head, frame)?;
                    (outcome, Ok(appended))
                }
            };
            decided.batches.push(outcome);
            answers.push(answer);
        }
        Ok((decided, answers))
    }

    fn batch(
        &mut self,
        batch: &PreparedBatch,
        mut withdrawn: Vec<NewWithdrawal>,
        head: &mut LogPosition,
        frame: &mut FrameBuilder,
    ) -> Result<(DecidedBatch, Appended), Fault> {
        let first = head.saturating_add(1);
        let mut packed = Vec::new();
        for withdrawal in &mut withdrawn {
            packed.clear();
            encode(&withdrawal.event, &mut packed);
            withdrawal.at = frame.length();
            frame.withdrawal(withdrawal.position, &packed);
            *head = head.saturating_add(1);
        }
        let at = frame.length();
        let duplicates = self.events(batch, head)?;
        take_records(batch, &duplicates, frame);
        for read in &batch.read {
            frame.stream(read);
        }
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let appended = Appended {
            accepted: count(batch.rows.len().saturating_sub(duplicates.len())),
            duplicates: duplicates.clone(),
            withdrawn: count(withdrawn.len()),
            position: *head,
        };
        let outcome = DecidedBatch {
            is_done: true,
            withdrawn,
            first,
            at,
            duplicates,
        };
        Ok((outcome, appended))
    }

    /// Remembers the events that are new, and lists those that are not.
    fn events(
        &mut self,
        batch: &PreparedBatch,
        head: &mut LogPosition,
    ) -> Result<Vec<Duplicate>, Fault> {
        let mut duplicates = Vec::new();
        for row in batch.rows.iter().take(AHEAD) {
            self.prefetch(row.hash);
        }
        for (index, row) in batch.rows.iter().enumerate() {
            if let Some(later) = batch.rows.get(index.saturating_add(AHEAD)) {
                self.prefetch(later.hash);
            }
            match self.find(row.hash)? {
                Some(held) => duplicates.push(Duplicate {
                    index,
                    is_conflicting: held.content != row.content,
                }),
                None => {
                    *head = head.saturating_add(1);
                    self.remember(row, *head);
                }
            }
        }
        Ok(duplicates)
    }

    fn prefetch(&self, hash: IdentityHash) {
        self.identities.prefetch(hash);
        self.ids.prefetch(hash);
    }

    fn remember(&mut self, row: &PreparedRow, position: LogPosition) {
        self.insert(KeyEntry {
            hash: row.hash,
            position,
            content: row.content,
        });
    }

    /// Remembers an id of the active segment.
    pub(super) fn insert(&mut self, entry: KeyEntry) {
        self.identities.insert(entry.hash);
        self.ids.insert(entry);
    }

    /// The entry of an id, if it is known.
    pub(super) fn find(&self, hash: IdentityHash) -> Result<Option<KeyEntry>, Fault> {
        if !self.identities.probe(hash) {
            return Ok(None);
        }
        if let Some(entry) = self.ids.find(hash) {
            return Ok(Some(*entry));
        }
        for ids in self.frozen.iter().rev() {
            if let Some(entry) = ids.find(hash) {
                return Ok(Some(*entry));
            }
        }
        Ok(self.identities.find_sealed(hash)?)
    }

    /// The events that the batch withdraws and that still count.
    fn withdrawals(
        &self,
        shared: &Shared,
        batch: &PreparedBatch,
    ) -> Result<Result<Vec<NewWithdrawal>, UsageLogError>, Fault> {
        let mut positions = Vec::with_capacity(batch.withdrawals.len());
        for (hash, id) in &batch.withdrawals {
            match self.find(*hash)? {
                Some(entry) => positions.push(entry.position),
                None => {
                    let event = Box::new(id.clone());
                    return Ok(Err(UsageLogError::UnknownEvent { event }));
                }
            }
        }
        let mut seen = HashSet::new();
        positions.retain(|position| seen.insert(*position));
        {
            let visible = shared.visible();
            positions.retain(|position| visible.withdrawn.at(*position).is_none());
        }
        let mut withdrawn = Vec::with_capacity(positions.len());
        for position in positions {
            match shared.event_at(position) {
                Ok(event) => withdrawn.push(NewWithdrawal {
                    position,
                    event,
                    at: 0,
                }),
                // Its events have expired: what there was to take back is not known any more.
                Err(Fault::Complete(refusal @ UsageLogError::Expired { .. })) => {
                    return Ok(Err(refusal));
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(Ok(withdrawn))
    }
}

/// Copies the records of the events that are no duplicates.
fn take_records(batch: &PreparedBatch, duplicates: &[Duplicate], frame: &mut FrameBuilder) {
    let end_of = |row: usize| {
        let row = row.checked_sub(1).and_then(|before| batch.rows.get(before));
        row.map_or(0, |row| usize::try_from(row.end).unwrap_or(usize::MAX))
    };
    let mut take = |from: usize, to: usize| {
        if from < to {
            let count = u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX);
            frame.events(&batch.records[end_of(from)..end_of(to)], count);
        }
    };
    let mut from = 0;
    for duplicate in duplicates {
        take(from, duplicate.index);
        from = duplicate.index.saturating_add(1);
    }
    take(from, batch.rows.len());
}
