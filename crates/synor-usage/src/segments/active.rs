//! A segment that is not sealed yet: what reads need of it, in memory. The events themselves are in
//! its write-ahead file; here is where each of them begins.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::frame::Chain;
use super::meters::{AccountNo, MeterNo};
use super::wal::Wal;
use super::withdrawn::Withdrawal;
use crate::log::LogPosition;

/// The length of a bucket of sums, in seconds. Every time zone's days begin on one.
pub(super) const BUCKET_SECS: i64 = 900;

/// The bucket that an instant lies in.
pub(super) fn bucket_of(time_secs: i64) -> i64 {
    time_secs.div_euclid(BUCKET_SECS)
}

/// There is no earlier one.
const NONE: u32 = u32::MAX;

/// Where an event is, and what is most often asked of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActiveRow {
    /// Where its packed form begins in the write-ahead file.
    pub(super) offset: u64,
    pub(super) time_secs: i64,
    pub(super) position: LogPosition,
    pub(super) meter: MeterNo,
    /// The account's event before this one.
    before: u32,
}

/// What amounts of a meter in a bucket add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) meter: MeterNo,
    pub(super) bucket: i64,
    pub(super) amount: i128,
}

/// A level that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LevelSample {
    pub(super) meter: MeterNo,
    pub(super) time_secs: i64,
    pub(super) position: LogPosition,
    pub(super) level: i128,
}

/// One frame, as far as the chain needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameMark {
    /// How many positions it took.
    pub(super) records: u32,
}

/// The last things of a meter, by place.
#[derive(Debug, Clone, Copy)]
struct Lasts {
    /// The sum that the last amount went to: mostly the next one's, too.
    touched: u32,
    /// The newest sum.
    sum: u32,
    /// The newest sample.
    sample: u32,
}

impl Lasts {
    const NONE: Self = Self {
        touched: NONE,
        sum: NONE,
        sample: NONE,
    };
}

/// A segment that is not sealed.
#[derive(Debug)]
pub(super) struct Active {
    wal: Arc<Wal>,
    rows: Vec<ActiveRow>,
    last_of_account: Vec<u32>,
    /// Each with the place of the meter's sum before it.
    sums: Vec<(Sum, u32)>,
    sum_places: HashMap<(MeterNo, i64), u32, RandomState>,
    /// Each with the place of the meter's sample before it.
    samples: Vec<(LevelSample, u32)>,
    /// By number of meter.
    lasts: Vec<Lasts>,
    /// Each with where its record begins in the write-ahead file.
    withdrawals: Vec<(Withdrawal, u64)>,
    frames: Vec<FrameMark>,
    end: LogPosition,
    end_offset: u64,
    chain: Chain,
}

impl Active {
    /// A segment without events.
    pub(super) fn new(wal: Arc<Wal>) -> Self {
        let end = wal.start().end();
        Self {
            wal,
            rows: Vec::new(),
            last_of_account: Vec::new(),
            sums: Vec::new(),
            sum_places: HashMap::default(),
            samples: Vec::new(),
            lasts: Vec::new(),
            withdrawals: Vec::new(),
            frames: Vec::new(),
            end: end.position,
            end_offset: end.offset,
            chain: end.chain,
        }
    }

    /// A segment without events, in the memory of one that is sealed.
    pub(super) fn emptied(mut self, wal: Arc<Wal>) -> Self {
        self.rows.clear();
        self.last_of_account.clear();
        self.sums.clear();
        self.sum_places.clear();
        self.samples.clear();
        self.lasts.clear();
        self.withdrawals.clear();
        self.frames.clear();
        let end = wal.start().end();
        Self {
            wal,
            end: end.position,
            end_offset: end.offset,
            chain: end.chain,
            ..self
        }
    }

    /// Its write-ahead file.
    pub(super) fn wal(&self) -> &Arc<Wal> {
        &self.wal
    }

    /// The first position of the segment.
    pub(super) fn first(&self) -> LogPosition {
        self.wal.start().first
    }

    /// The last position of the segment, or the one before its first.
    pub(super) fn last(&self) -> LogPosition {
        self.end
    }

    /// Where its frames end in the write-ahead file.
    pub(super) fn end_offset(&self) -> u64 {
        self.end_offset
    }

    /// The chain at its end.
    pub(super) fn chain(&self) -> Chain {
        self.chain
    }

    /// How many positions it has.
    pub(super) fn records(&self) -> usize {
        self.rows.len().saturating_add(self.withdrawals.len())
    }

    /// Its events, in order of position.
    pub(super) fn rows(&self) -> &[ActiveRow] {
        &self.rows
    }

    /// The withdrawals that were made in it, in order of position, each with where its record begins
    /// in the write-ahead file.
    pub(super) fn withdrawals(&self) -> &[(Withdrawal, u64)] {
        &self.withdrawals
    }

    /// Its frames that have records.
    pub(super) fn frames(&self) -> &[FrameMark] {
        &self.frames
    }

    /// Its sums, in no order.
    pub(super) fn sums(&self) -> impl Iterator<Item = Sum> {
        self.sums.iter().map(|&(sum, _)| sum)
    }

    /// Its samples, in order of position.
    pub(super) fn samples(&self) -> impl Iterator<Item = LevelSample> {
        self.samples.iter().map(|&(sample, _)| sample)
    }

    /// The event at a position of the segment.
    pub(super) fn row_at(&self, position: LogPosition) -> Option<&ActiveRow> {
        let at = self
            .rows
            .binary_search_by_key(&position, |row| row.position);
        self.rows.get(at.ok()?)
    }

    /// The events of an account, newest first.
    pub(super) fn rows_of(&self, account: AccountNo) -> impl Iterator<Item = &ActiveRow> {
        let row = |place: u32| at(&self.rows, place);
        let last = at(&self.last_of_account, account).copied().unwrap_or(NONE);
        std::iter::successors(row(last), move |current| row(current.before))
    }

    /// The sums of a meter, newest first.
    pub(super) fn sums_of(&self, meter: MeterNo) -> impl Iterator<Item = Sum> {
        let sum = |place: u32| at(&self.sums, place);
        let last = at(&self.lasts, meter).map_or(NONE, |lasts| lasts.sum);
        std::iter::successors(sum(last), move |current| sum(current.1)).map(|&(sum, _)| sum)
    }

    /// The samples of a meter, newest first.
    pub(super) fn samples_of(&self, meter: MeterNo) -> impl Iterator<Item = LevelSample> {
        let sample = |place: u32| at(&self.samples, place);
        let last = at(&self.lasts, meter).map_or(NONE, |lasts| lasts.sample);
        std::iter::successors(sample(last), move |current| sample(current.1))
            .map(|&(sample, _)| sample)
    }

    /// Adds the next event.
    pub(super) fn push(&mut self, account: AccountNo, new: NewRow) {
        let place = u32::try_from(self.rows.len()).unwrap_or(NONE);
        let last = room(&mut self.last_of_account, account, NONE);
        let before = last.map_or(NONE, |last| std::mem::replace(last, place));
        self.rows.push(ActiveRow {
            offset: new.offset,
            time_secs: new.time_secs,
            position: new.position,
            meter: new.meter,
            before,
        });
        if new.is_sample {
            let place = u32::try_from(self.samples.len()).unwrap_or(NONE);
            let lasts = room(&mut self.lasts, new.meter, Lasts::NONE);
            let before = lasts.map_or(NONE, |lasts| std::mem::replace(&mut lasts.sample, place));
            let sample = LevelSample {
                meter: new.meter,
                time_secs: new.time_secs,
                position: new.position,
                level: new.quantity,
            };
            self.samples.push((sample, before));
        } else {
            self.add(new.meter, bucket_of(new.time_secs), new.quantity);
        }
    }

    /// Notes a withdrawal: what it takes back is subtracted here, wherever its event is.
    pub(super) fn withdraw(&mut self, withdrawal: Withdrawal, offset: u64) {
        if !withdrawal.is_sample {
            let bucket = bucket_of(withdrawal.time_secs);
            // Quantities are held to 10^27, far from where negation overflows.
            self.add(withdrawal.meter, bucket, withdrawal.quantity.wrapping_neg());
        }
        self.withdrawals.push((withdrawal, offset));
    }

    /// Notes the end of a frame.
    pub(super) fn end_frame(&mut self, records: u64, end_offset: u64, chain: Chain) {
        if records > 0 {
            self.frames.push(FrameMark {
                records: u32::try_from(records).unwrap_or(u32::MAX),
            });
        }
        self.end = self.end.saturating_add(records);
        self.end_offset = end_offset;
        self.chain = chain;
    }

    fn add(&mut self, meter: MeterNo, bucket: i64, amount: i128) {
        let touched = at(&self.lasts, meter).map_or(NONE, |lasts| lasts.touched);
        if let Some((sum, _)) = at_mut(&mut self.sums, touched)
            && sum.bucket == bucket
        {
            sum.amount = plus(sum.amount, amount);
            return;
        }
        let new = u32::try_from(self.sums.len()).unwrap_or(NONE);
        let place = *self.sum_places.entry((meter, bucket)).or_insert(new);
        let Some(lasts) = room(&mut self.lasts, meter, Lasts::NONE) else {
            return;
        };
        lasts.touched = place;
        if place == new {
            let sum = Sum {
                meter,
                bucket,
                amount,
            };
            let before = std::mem::replace(&mut lasts.sum, new);
            self.sums.push((sum, before));
        } else if let Some((sum, _)) = at_mut(&mut self.sums, place) {
            sum.amount = plus(sum.amount, amount);
        }
    }
}

/// An event to add.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRow {
    pub(super) offset: u64,
    pub(super) position: LogPosition,
    pub(super) meter: MeterNo,
    pub(super) time_secs: i64,
    pub(super) quantity: i128,
    pub(super) is_sample: bool,
}

/// Adds amounts. A log has at most [`POSITION_MAX`](super::POSITION_MAX) events of at most 10^27
/// each, whose sum fits 128 bits whatever part of them is added, so nothing ever wraps.
pub(super) fn plus(sum: i128, amount: i128) -> i128 {
    sum.wrapping_add(amount)
}

fn at<T>(list: &[T], place: u32) -> Option<&T> {
    list.get(usize::try_from(place).ok()?)
}

fn at_mut<T>(list: &mut [T], place: u32) -> Option<&mut T> {
    list.get_mut(usize::try_from(place).ok()?)
}

/// The entry of a number, for which room is made.
fn room<T: Clone>(list: &mut Vec<T>, number: u32, none: T) -> Option<&mut T> {
    let place = usize::try_from(number).ok()?;
    if place >= list.len() {
        list.resize(place.saturating_add(1), none);
    }
    list.get_mut(place)
}
