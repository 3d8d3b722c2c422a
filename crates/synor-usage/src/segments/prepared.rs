//! A batch with everything that can be worked out before the one writer has to wait for it:
//! validation, hashes and packed records, in the caller's thread, so that batches share the
//! processors.

use std::hash::Hasher;
use std::ops::Range;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use synor_economics::metering::{EventId, UsageEvent};
use synor_economics::period::Timestamp;

use super::frame::{PREFIX_BYTES, put_record};
use super::identities::{ContentDigest, IdentityHash, IdentityKey};
use super::meters::{MeterHasher, MeterNo, Meters, put_key};
use super::row::{encode, said};
use super::state::Shared;
use crate::error::UsageLogError;
use crate::log::{Batch, StreamPosition, refuse_unsound};

/// How far from 1970 an event may lie: what an archive can say in milliseconds.
const TIME_MAX_SECS: u64 = 9_000_000_000_000_000;

/// A batch that is ready to be decided.
#[derive(Debug)]
pub(super) struct PreparedBatch {
    /// The records of all events, one after the other.
    pub(super) records: Vec<u8>,
    pub(super) rows: Vec<PreparedRow>,
    /// The meters of the rows, in order of first mention.
    pub(super) meters: Vec<PreparedMeter>,
    pub(super) withdrawals: Vec<(IdentityHash, EventId)>,
    pub(super) read: Vec<StreamPosition>,
}

/// An event of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreparedRow {
    pub(super) hash: IdentityHash,
    /// Where its record ends.
    pub(super) end: u32,
    pub(super) content: ContentDigest,
    pub(super) is_sample: bool,
    /// Its place among the meters of the batch.
    pub(super) meter: u32,
    pub(super) time_secs: i64,
    pub(super) quantity: i128,
}

/// A meter of a batch.
#[derive(Debug)]
pub(super) struct PreparedMeter {
    /// Its number, if it had one already.
    pub(super) number: Option<MeterNo>,
    /// An event of it, from which it is made if not.
    pub(super) event: Option<Box<UsageEvent>>,
    hash: u64,
    /// The event of the batch that mentioned it first.
    first: usize,
    /// Where its key is among those of the batch.
    key: Range<usize>,
}

/// The meters of a batch while it is prepared.
#[derive(Debug, Default)]
pub(super) struct Mentioned {
    table: HashTable<u32>,
    /// The keys of the meters, one after the other.
    keys: Vec<u8>,
}

impl Mentioned {
    /// The memory of the keys.
    pub(super) fn bytes(&self) -> usize {
        self.keys.capacity()
    }

    /// Forgets them, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.keys.clear();
    }
}

/// What preparing needs to know of the log.
pub(super) struct Preparation<'a> {
    pub(super) key: &'a IdentityKey,
    pub(super) hasher: &'a MeterHasher,
    /// Events before this are refused.
    pub(super) not_before: Option<Timestamp>,
}

impl Preparation<'_> {
    /// Prepares a batch; refuses all of it if one of its events must not be counted. Meters that the log
    /// has shown have their numbers.
    pub(super) fn prepare(
        &self,
        batch: Batch,
        shared: &Shared,
    ) -> Result<PreparedBatch, UsageLogError> {
        let buffers = shared.spare.batch(batch.events.len());
        let mut prepared = PreparedBatch {
            records: buffers.records,
            rows: buffers.rows,
            meters: buffers.meters,
            withdrawals: Vec::with_capacity(batch.withdrawals.len()),
            read: batch.read,
        };
        let mut mentioned = shared.spare.mentioned();
        for event in &batch.events {
            let row = self.row(event, &mut mentioned, &mut prepared)?;
            prepared.rows.push(row);
        }
        for id in batch.withdrawals {
            let hash = self.key.hash(id.account.as_str(), &id.source, &id.id);
            prepared.withdrawals.push((hash, id));
        }
        prepared.resolve(&mentioned.keys, &shared.visible().meters);
        shared.spare.keep_mentioned(mentioned);
        prepared.keep_unknown(&batch.events);
        Ok(prepared)
    }

    fn row(
        &self,
        event: &UsageEvent,
        mentioned: &mut Mentioned,
        prepared: &mut PreparedBatch,
    ) -> Result<PreparedRow, UsageLogError> {
        refuse_unsound(event)?;
        self.refuse_old(event)?;
        if event.time.secs().unsigned_abs() > TIME_MAX_SECS {
            return Err(UsageLogError::Refused {
                event: Box::new(event.identity.clone()),
                reason: "its time is out of range",
            });
        }
        let too_long = || UsageLogError::Refused {
            event: Box::new(event.identity.clone()),
            reason: "its texts are too long, or the batch is",
        };
        let start = prepared.records.len();
        let encoded = put_record(&mut prepared.records, false, |out| encode(event, out));
        let end = encoded.and_then(|()| u32::try_from(prepared.records.len()).ok());
        let end = end.ok_or_else(too_long)?;
        let identity = &event.identity;
        Ok(PreparedRow {
            hash: self
                .key
                .hash(identity.account.as_str(), &identity.source, &identity.id),
            end,
            content: content(self.key, &prepared.records[start..]),
            is_sample: event.is_sample,
            meter: self.meter(event, mentioned, prepared),
            time_secs: event.time.secs(),
            quantity: event.quantity.get(),
        })
    }

    fn refuse_old(&self, event: &UsageEvent) -> Result<(), UsageLogError> {
        match self.not_before {
            Some(earliest) if event.time < earliest => Err(UsageLogError::TooOld {
                event: Box::new(event.identity.clone()),
                time: event.time,
                earliest,
            }),
            _ => Ok(()),
        }
    }

    fn meter(
        &self,
        event: &UsageEvent,
        mentioned: &mut Mentioned,
        prepared: &mut PreparedBatch,
    ) -> u32 {
        let Mentioned { table, keys } = mentioned;
        let start = keys.len();
        put_key(event, keys);
        let (before, key) = keys.split_at(start);
        let hash = self.hasher.of_key(key);
        let meters = &prepared.meters;
        let of = |place: u32| usize::try_from(place).ok().and_then(|at| meters.get(at));
        let is_same = |&place: &u32| {
            let held = of(place).and_then(|meter| before.get(meter.key.clone()));
            held == Some(key)
        };
        if let Some(&place) = table.find(hash, is_same) {
            keys.truncate(start);
            return place;
        }
        let place = u32::try_from(meters.len()).unwrap_or(u32::MAX);
        table.insert_unique(hash, place, |&place| of(place).map_or(0, |m| m.hash));
        prepared.meters.push(PreparedMeter {
            number: None,
            event: None,
            hash,
            first: prepared.rows.len(),
            key: start..keys.len(),
        });
        place
    }
}

impl PreparedBatch {
    /// Looks up the numbers of the meters that have one. Most have: so nothing else is kept of their
    /// events than the packed records.
    fn resolve(&mut self, keys: &[u8], meters: &Meters) {
        for meter in &mut self.meters {
            let key = keys.get(meter.key.clone()).unwrap_or_default();
            meter.number = meters.find(meter.hash, key);
        }
    }

    /// Keeps an event of each meter that has no number yet.
    fn keep_unknown(&mut self, events: &[UsageEvent]) {
        for meter in self.meters.iter_mut().filter(|m| m.number.is_none()) {
            meter.event = events.get(meter.first).cloned().map(Box::new);
        }
    }

    /// How many positions it takes at most.
    pub(super) fn records_max(&self) -> usize {
        self.rows.len().saturating_add(self.withdrawals.len())
    }
}

/// What is remembered of what an event said under its identity. Keyed like the identity: nobody can
/// construct an event that says something else and passes for a repetition.
pub(super) fn content(key: &IdentityKey, record: &[u8]) -> ContentDigest {
    let (before, after) = said(record.get(PREFIX_BYTES..).unwrap_or_default());
    let mut hasher = SipHasher13::new_with_key(&key.to_bytes());
    hasher.write(before);
    hasher.write(after);
    let [a, b, c, ..] = hasher.finish().to_le_bytes();
    ContentDigest([a, b, c])
}
