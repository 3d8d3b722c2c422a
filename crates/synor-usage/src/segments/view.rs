//! One account at one moment, as an answer needs it.

use std::collections::HashMap;
use std::sync::Arc;

use synor_economics::id::AccountId;
use synor_economics::metering::ResourceType;

use super::active::{ActiveRow, LevelSample, Sum};
use super::fault::Fault;
use super::meters::{Meter, MeterNo};
use super::row::{RowRef, pack_dimensions};
use super::sealed::Sealed;
use super::state::{Shared, Visible};
use super::wal::Wal;
use super::withdrawn::Withdrawal;
use crate::log::LogPosition;

/// Which events of an account to read one by one.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Only with a time in one of these ranges (start, end), in seconds.
    pub(super) times: Vec<(i64, i64)>,
    /// Only at positions behind this one.
    pub(super) after: LogPosition,
    /// Only at positions up to this one.
    pub(super) through: LogPosition,
}

impl Wanted {
    /// Whether an event is wanted.
    pub(super) fn takes(&self, time_secs: i64, position: LogPosition) -> bool {
        position > self.after
            && position <= self.through
            && self
                .times
                .iter()
                .any(|&(from, to)| from <= time_secs && time_secs < to)
    }

    /// Whether nothing is wanted.
    pub(super) fn is_empty(&self) -> bool {
        self.times.is_empty() || self.after >= self.through
    }
}

/// A segment that is not sealed, as far as it concerns the account.
#[derive(Debug)]
pub(super) struct LiveView {
    pub(super) first: LogPosition,
    pub(super) last: LogPosition,
    pub(super) sums: Vec<Sum>,
    pub(super) samples: Vec<LevelSample>,
}

/// One account at one moment.
#[derive(Debug)]
pub(super) struct View {
    pub(super) account: AccountId,
    pub(super) head: LogPosition,
    pub(super) meters: Vec<(MeterNo, Arc<Meter>)>,
    pub(super) live: Vec<LiveView>,
    pub(super) withdrawals: Vec<Withdrawal>,
    pub(super) sealed: Arc<Sealed>,
    withdrawn_at: HashMap<LogPosition, LogPosition>,
}

impl View {
    /// Takes what an answer over times before `until` needs.
    pub(super) fn take(visible: &Visible, account: &AccountId, until: i64) -> Self {
        let number = visible.meters.account(account);
        let numbers = number.map_or(&[][..], |number| visible.meters.of_account(number));
        let meters: Vec<_> = numbers
            .iter()
            .filter_map(|&no| Some((no, Arc::clone(visible.meters.meter(no)?))))
            .collect();
        let live = visible.live().map(|segment| {
            let (mut sums, mut samples) = (Vec::new(), Vec::new());
            for (no, meter) in &meters {
                if meter.is_sample {
                    samples.extend(segment.samples_of(*no).filter(|s| s.time_secs < until));
                } else {
                    sums.extend(segment.sums_of(*no));
                }
            }
            LiveView {
                first: segment.first(),
                last: segment.last(),
                sums,
                samples,
            }
        });
        let live = live.collect();
        let withdrawals = number.map_or(&[][..], |number| visible.withdrawn.of_account(number));
        let withdrawn_at = withdrawals.iter().map(|w| (w.event, w.position)).collect();
        Self {
            account: account.clone(),
            head: visible.head(),
            meters,
            live,
            withdrawals: withdrawals.to_vec(),
            sealed: Arc::clone(&visible.sealed),
            withdrawn_at,
        }
    }

    /// Where an event of the account was withdrawn.
    pub(super) fn withdrawn(&self, event: LogPosition) -> Option<LogPosition> {
        self.withdrawn_at.get(&event).copied()
    }

    /// Whether an event counts for someone who has read up to `through`.
    pub(super) fn counts(&self, event: LogPosition, through: LogPosition) -> bool {
        event <= through && self.withdrawn(event).is_none_or(|at| at > through)
    }
}

/// Events in write-ahead files, to be read without holding the lock.
#[derive(Debug, Default)]
pub(super) struct LiveRows(Vec<(Arc<Wal>, ActiveRow)>);

impl LiveRows {
    /// Takes an account's wanted events.
    pub(super) fn take(visible: &Visible, account: &AccountId, wanted: &Wanted) -> Self {
        let Some(number) = visible.meters.account(account) else {
            return Self::default();
        };
        let mut rows = Vec::new();
        if wanted.is_empty() {
            return Self(rows);
        }
        for segment in visible.live() {
            // Newest first, so the walk may end at the first that is too old.
            let recent = segment
                .rows_of(number)
                .take_while(|row| row.position > wanted.after);
            let of_interest = recent.filter(|row| wanted.takes(row.time_secs, row.position));
            rows.extend(of_interest.map(|row| (Arc::clone(segment.wal()), *row)));
        }
        rows.sort_unstable_by_key(|(_, row)| row.position);
        Self(rows)
    }

    /// Reads them in order of position.
    pub(super) fn read(
        &self,
        take: &mut dyn FnMut(&RowRef<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for (wal, row) in &self.0 {
            super::state::with_row(wal, row, |row| take(row))?;
        }
        Ok(())
    }

    /// Reads them in order of position for as long as `take` says so.
    pub(super) fn read_while(
        &self,
        mut take: impl FnMut(&RowRef<'_>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        for (wal, row) in &self.0 {
            if !super::state::with_row(wal, row, &mut take)? {
                break;
            }
        }
        Ok(())
    }
}

/// Finds the number of the meter that an event belongs to, among the meters of its account.
pub(super) struct MeterIndex<'a> {
    by_key: HashMap<Key<'a>, MeterNo>,
}

impl<'a> MeterIndex<'a> {
    pub(super) fn of(view: &'a View) -> Self {
        let by_key = view.meters.iter().map(|(no, meter)| {
            let pairs = meter.dimensions.iter();
            let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
            let mut packed = Vec::new();
            pack_dimensions(meter.dimensions.len(), pairs, &mut packed);
            let provider = meter.provider.as_ref().map(|name| name.as_str());
            ((meter.resource, meter.is_sample, provider, packed), *no)
        });
        Self {
            by_key: by_key.collect(),
        }
    }

    pub(super) fn number(&self, row: &RowRef<'_>) -> Option<MeterNo> {
        let packed = row.dimensions.packed().to_vec();
        let key = (row.resource, row.is_sample, row.provider, packed);
        lookup(&self.by_key, &key)
    }
}

type Key<'a> = (ResourceType, bool, Option<&'a str>, Vec<u8>);

/// Both borrow for as long as the search takes.
fn lookup<'s>(map: &HashMap<Key<'s>, MeterNo>, key: &Key<'s>) -> Option<MeterNo> {
    map.get(key).copied()
}

/// The source and id of an event, by which samples of one second are told apart.
pub(super) fn identity_of(
    shared: &Shared,
    position: LogPosition,
) -> Result<(String, String), Fault> {
    let identity = shared.event_at(position)?.identity;
    Ok((identity.source, identity.id))
}
