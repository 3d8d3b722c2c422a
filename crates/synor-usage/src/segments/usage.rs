//! How much an account used: sums of whole buckets, events of buckets that a step cuts, and levels.

use std::collections::HashMap;

use synor_economics::metering::level::{Sample, integrate};
use synor_economics::money::MoneyError;
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;

use super::active::{BUCKET_SECS, LevelSample, bucket_of, plus};
use super::fault::Fault;
use super::meters::{AccountNo, Meter, MeterNo};
use super::state::Shared;
use super::view::{LiveRows, MeterIndex, View, Wanted, identity_of};
use crate::log::LogPosition;

/// What each meter of an account used in steps of time.
pub(super) struct Usage<'a> {
    shared: &'a Shared,
    pub(super) view: View,
    rows: LiveRows,
    edges: Edges,
    /// Up to which position events count.
    pub(super) through: LogPosition,
    /// By meter: what is to be added to the sums of files, by bucket.
    deltas: HashMap<MeterNo, Vec<(i64, i128)>>,
    /// By meter and edge: what happened in the edge's bucket before it.
    partial: HashMap<(MeterNo, usize), i128>,
}

/// The ends of the steps.
struct Edges {
    secs: Vec<i64>,
}

impl Edges {
    fn of(steps: &[Period]) -> Self {
        let starts = steps.iter().map(|step| step.start().secs());
        let end = steps.last().map(|step| step.end().secs());
        Self {
            secs: starts.chain(end).collect(),
        }
    }

    fn start(&self) -> i64 {
        self.secs.first().copied().unwrap_or(0)
    }

    fn end(&self) -> i64 {
        self.secs.last().copied().unwrap_or(0)
    }

    /// The parts of buckets that lie before edges which cut them.
    fn cut(&self) -> impl Iterator<Item = (usize, (i64, i64))> {
        let edges = self.secs.iter().enumerate();
        edges.filter_map(|(place, &edge)| {
            let from = edge.saturating_sub(edge.rem_euclid(BUCKET_SECS));
            (from < edge).then_some((place, (from, edge)))
        })
    }
}

impl<'a> Usage<'a> {
    /// Takes what the steps need, as it was at position `through` or is now.
    pub(super) fn take(
        shared: &'a Shared,
        account: &synor_economics::id::AccountId,
        steps: &[Period],
        through: Option<LogPosition>,
    ) -> Result<Self, Fault> {
        let edges = Edges::of(steps);
        let (view, rows, through, wanted) = {
            let visible = shared.visible();
            let view = View::take(&visible, account, edges.end());
            let through = through.map_or(view.head, |position| position.min(view.head));
            let wanted = wanted(&view, &edges, through);
            let mut rows = [LiveRows::default(), LiveRows::default()];
            for (rows, wanted) in rows.iter_mut().zip(&wanted) {
                *rows = LiveRows::take(&visible, account, wanted);
            }
            (view, rows, through, wanted)
        };
        let [cut, later] = rows;
        let mut usage = Self {
            shared,
            view,
            rows: LiveRows::default(),
            edges,
            through,
            deltas: HashMap::new(),
            partial: HashMap::new(),
        };
        usage.live_sums();
        usage.rows = cut;
        usage.cut_buckets(&wanted[0])?;
        usage.rows = later;
        usage.take_back(&wanted[1])?;
        for deltas in usage.deltas.values_mut() {
            deltas.sort_unstable_by_key(|&(bucket, _)| bucket);
        }
        Ok(usage)
    }

    fn live_sums(&mut self) {
        let included = self.view.live.iter().filter(|l| l.first <= self.through);
        for sum in included.flat_map(|live| &live.sums) {
            let deltas = self.deltas.entry(sum.meter).or_default();
            deltas.push((sum.bucket, sum.amount));
        }
    }

    /// Reads the events of buckets that an edge cuts.
    fn cut_buckets(&mut self, wanted: &Wanted) -> Result<(), Fault> {
        if wanted.is_empty() {
            return Ok(());
        }
        let cuts: Vec<_> = self.edges.cut().collect();
        let index = MeterIndex::of(&self.view);
        let mut partial = HashMap::new();
        self.each(wanted, &mut |row| {
            let Some(meter) = index.number(row).filter(|_| !row.is_sample) else {
                return;
            };
            if !self.view.counts(row.position, self.through) {
                return;
            }
            for (place, (from, to)) in &cuts {
                if *from <= row.time_secs && row.time_secs < *to {
                    let sum = partial.entry((meter, *place)).or_default();
                    *sum = plus(*sum, row.quantity);
                }
            }
        })?;
        self.partial = partial;
        Ok(())
    }

    /// Takes back what happened after `through` in the segments that go beyond it.
    fn take_back(&mut self, wanted: &Wanted) -> Result<(), Fault> {
        if wanted.is_empty() {
            return Ok(());
        }
        let index = MeterIndex::of(&self.view);
        let mut later = Vec::new();
        self.each(wanted, &mut |row| {
            if let Some(meter) = index.number(row).filter(|_| !row.is_sample) {
                let amount = row.quantity.wrapping_neg();
                later.push((meter, bucket_of(row.time_secs), amount));
            }
        })?;
        for withdrawal in &self.view.withdrawals {
            let at = withdrawal.position;
            if !withdrawal.is_sample && at > wanted.after && at <= wanted.through {
                let bucket = bucket_of(withdrawal.time_secs);
                later.push((withdrawal.meter, bucket, withdrawal.quantity));
            }
        }
        for (meter, bucket, amount) in later {
            self.deltas.entry(meter).or_default().push((bucket, amount));
        }
        Ok(())
    }

    fn each(
        &self,
        wanted: &Wanted,
        take: &mut dyn FnMut(&super::row::RowRef<'_>),
    ) -> Result<(), Fault> {
        let mut all = |row: &super::row::RowRef<'_>| -> Result<(), Fault> {
            take(row);
            Ok(())
        };
        let account = self.view.account.as_str();
        self.view.sealed.rows(account, wanted, &mut all)?;
        self.rows.read(&mut all)
    }

    /// What a meter used in each step.
    pub(super) fn of(&self, number: MeterNo, meter: &Meter) -> Result<Vec<Quantity>, Fault> {
        if meter.is_sample {
            self.held(number, meter.account)
        } else {
            self.amounts(number, meter.account)
        }
    }

    fn amounts(&self, meter: MeterNo, account: AccountNo) -> Result<Vec<Quantity>, Fault> {
        let buckets: Vec<i64> = self
            .edges
            .secs
            .iter()
            .map(|&secs| bucket_of(secs))
            .collect();
        let sealed = &self.view.sealed;
        let mut totals = sealed.before((account, meter), &buckets, self.through)?;
        let deltas = self.deltas.get(&meter).map_or(&[][..], Vec::as_slice);
        let (mut next, mut sum) = (0, 0_i128);
        for ((place, total), bucket) in totals.iter_mut().enumerate().zip(&buckets) {
            while let Some((_, amount)) = deltas.get(next).filter(|(at, _)| at < bucket) {
                sum = plus(sum, *amount);
                next = next.saturating_add(1);
            }
            let partial = self.partial.get(&(meter, place)).copied().unwrap_or(0);
            *total = plus(plus(*total, sum), partial);
        }
        let steps = totals.windows(2).map(|pair| match *pair {
            [from, to] => Quantity::new(to.wrapping_sub(from)),
            _ => Quantity::ZERO,
        });
        Ok(steps.collect())
    }

    fn held(&self, meter: MeterNo, account: AccountNo) -> Result<Vec<Quantity>, Fault> {
        let samples = self.samples(meter, account)?;
        let overflow = |error: MoneyError| Fault::sum(&self.view.account, error);
        let steps = self.edges.secs.windows(2);
        steps
            .map(|pair| match *pair {
                [from, to] => held(&samples, from, to).map_err(overflow),
                _ => Ok(Quantity::ZERO),
            })
            .collect()
    }

    /// The samples that say what the level was, one a second, in order.
    fn samples(&self, meter: MeterNo, account: AccountNo) -> Result<Vec<Sample>, Fault> {
        let counts = |position| self.view.counts(position, self.through);
        let (from, to) = (self.edges.start(), self.edges.end());
        let sealed = &self.view.sealed;
        let mut found = sealed.samples((account, meter), (from, to), &counts)?;
        let live = self.view.live.iter().flat_map(|live| &live.samples);
        found.extend(live.filter(|s| s.meter == meter && counts(s.position)));
        found.sort_unstable_by_key(|s| (s.time_secs, s.position));
        let opening = found.partition_point(|s| s.time_secs <= from);
        let opening = opening.checked_sub(1).and_then(|last| found.get(last));
        let opening = opening.map_or(i64::MIN, |s| s.time_secs);
        let mut samples: Vec<Sample> = Vec::new();
        let mut last_position = 0;
        for sample in found.iter().filter(|s| s.time_secs >= opening) {
            let at = Timestamp::from_secs(sample.time_secs);
            let level = Quantity::new(sample.level);
            match samples.last_mut() {
                Some(last) if last.at == at => {
                    if !self.outranks(sample, last_position)? {
                        continue;
                    }
                    last.level = level;
                }
                _ => samples.push(Sample { at, level }),
            }
            last_position = sample.position;
        }
        Ok(samples)
    }

    /// Whether a sample holds rather than another of the same second: the one with the greater
    /// source and id does.
    fn outranks(&self, sample: &LevelSample, other: LogPosition) -> Result<bool, Fault> {
        let one = identity_of(self.shared, sample.position)?;
        Ok(one > identity_of(self.shared, other)?)
    }
}

/// Which events have to be read one by one: those of cut buckets, and those behind `through` in
/// segments that also have something before it.
fn wanted(view: &View, edges: &Edges, through: LogPosition) -> [Wanted; 2] {
    let cut = Wanted {
        times: edges.cut().map(|(_, range)| range).collect(),
        after: 0,
        through,
    };
    let live = view.live.iter().map(|live| (live.first, live.last));
    let straddled = live
        .chain(view.sealed.totals_ranges())
        .find(|&(first, last)| first <= through && last > through);
    let from = bucket_of(edges.start()).saturating_mul(BUCKET_SECS);
    let later = Wanted {
        times: vec![(from, edges.end())],
        after: through,
        through: straddled.map_or(through, |(_, last)| last),
    };
    [cut, later]
}

/// The level integrated over one step, looking only at the samples that matter for it.
fn held(samples: &[Sample], from: i64, to: i64) -> Result<Quantity, MoneyError> {
    let Ok(step) = Period::new(Timestamp::from_secs(from), Timestamp::from_secs(to)) else {
        return Ok(Quantity::ZERO);
    };
    let opening = samples.partition_point(|sample| sample.at <= step.start());
    let end = samples.partition_point(|sample| sample.at < step.end());
    let relevant = samples.get(opening.saturating_sub(1)..end);
    integrate(relevant.unwrap_or_default(), step)
}
