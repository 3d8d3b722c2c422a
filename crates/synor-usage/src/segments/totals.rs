//! What sealed events add up to: for each meter the running sum at the end of each bucket, and every
//! sample of a level. The sum over any run of buckets is then the difference of two entries, found
//! with one read each, however many events and buckets lie between.

use std::path::{Path, PathBuf};

use super::active::{LevelSample, Sum, plus};
use super::fault::Fault;
use super::meters::{AccountNo, MeterNo};
use super::sorted::{FileDigest, Key, LastBlock, Record, SortedFile, SortedWriter, first};
use crate::log::LogPosition;

/// Everything of a meter in a file up to and including a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunningSum {
    pub(super) account: AccountNo,
    pub(super) meter: MeterNo,
    pub(super) bucket: i64,
    pub(super) amount: i128,
}

impl Record for RunningSum {
    const BYTES: usize = 32;
    const KIND: u8 = 1;

    fn key(&self) -> Key {
        (self.account, self.meter, self.bucket)
    }

    fn put(&self, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&self.account.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.meter.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.bucket.to_le_bytes());
        bytes[16..].copy_from_slice(&self.amount.to_le_bytes());
    }

    fn get(bytes: &[u8]) -> Self {
        Self {
            account: u32::from_le_bytes(first(bytes)),
            meter: u32::from_le_bytes(first(&bytes[4..])),
            bucket: i64::from_le_bytes(first(&bytes[8..])),
            amount: i128::from_le_bytes(first(&bytes[16..])),
        }
    }
}

/// A sample of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredSample {
    pub(super) account: AccountNo,
    pub(super) sample: LevelSample,
}

impl Record for StoredSample {
    const BYTES: usize = 40;
    const KIND: u8 = 2;

    fn key(&self) -> Key {
        (self.account, self.sample.meter, self.sample.time_secs)
    }

    fn put(&self, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&self.account.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.sample.meter.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sample.time_secs.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sample.position.to_le_bytes());
        bytes[24..].copy_from_slice(&self.sample.level.to_le_bytes());
    }

    fn get(bytes: &[u8]) -> Self {
        Self {
            account: u32::from_le_bytes(first(bytes)),
            sample: LevelSample {
                meter: u32::from_le_bytes(first(&bytes[4..])),
                time_secs: i64::from_le_bytes(first(&bytes[8..])),
                position: u64::from_le_bytes(first(&bytes[16..])),
                level: i128::from_le_bytes(first(&bytes[24..])),
            },
        }
    }
}

/// What the records of a run of segments add up to.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) range: TotalsRange,
    pub(super) sums: SortedFile<RunningSum>,
    pub(super) samples: SortedFile<StoredSample>,
}

/// The positions that totals speak for, and the digests of their files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct TotalsRange {
    pub(super) first: LogPosition,
    pub(super) last: LogPosition,
    pub(super) sums_digest: FileDigest,
    pub(super) samples_digest: FileDigest,
}

impl TotalsRange {
    /// The file of the sums.
    pub(super) fn sums_path(&self, folder: &Path) -> PathBuf {
        sums_path(folder, self.first, self.last)
    }

    /// The file of the samples.
    pub(super) fn samples_path(&self, folder: &Path) -> PathBuf {
        samples_path(folder, self.first, self.last)
    }
}

fn sums_path(folder: &Path, first: LogPosition, last: LogPosition) -> PathBuf {
    folder.join(format!("{first:012}-{last:012}.sums"))
}

fn samples_path(folder: &Path, first: LogPosition, last: LogPosition) -> PathBuf {
    folder.join(format!("{first:012}-{last:012}.samples"))
}

impl Totals {
    /// Opens the files of a range.
    pub(super) fn open(folder: &Path, range: TotalsRange) -> Result<Self, Fault> {
        Ok(Self {
            range,
            sums: SortedFile::open(&range.sums_path(folder))?,
            samples: SortedFile::open(&range.samples_path(folder))?,
        })
    }

    /// Writes the totals of a segment. Neither list need be in order.
    pub(super) fn write(
        folder: &Path,
        positions: (LogPosition, LogPosition),
        sums: Vec<(AccountNo, Sum)>,
        samples: Vec<(AccountNo, LevelSample)>,
    ) -> Result<Self, Fault> {
        let mut writer = TotalsWriter::create(folder, positions)?;
        for record in running_sums(sums) {
            writer.sums.push(&record)?;
        }
        let mut samples = samples;
        samples.sort_unstable_by_key(|(account, s)| (*account, s.meter, s.time_secs, s.position));
        for (account, sample) in samples {
            writer.samples.push(&StoredSample { account, sample })?;
        }
        writer.finish()
    }

    /// Writes what several totals add up to. They are neighbours, oldest first.
    pub(super) fn merge(folder: &Path, inputs: &[std::sync::Arc<Self>]) -> Result<Self, Fault> {
        let first = inputs.first().map_or(0, |totals| totals.range.first);
        let last = inputs.last().map_or(0, |totals| totals.range.last);
        let mut writer = TotalsWriter::create(folder, (first, last))?;
        merge_sums(inputs, &mut writer.sums)?;
        merge_samples(inputs, &mut writer.samples)?;
        writer.finish()
    }

    /// What was used of a meter before each of the buckets, which are in order.
    pub(super) fn before(
        &self,
        account: AccountNo,
        meter: MeterNo,
        buckets: &[i64],
        add_to: &mut [i128],
    ) -> Result<(), Fault> {
        let mut last = LastBlock::default();
        for (bucket, total) in buckets.iter().zip(add_to) {
            let rank = self.sums.rank((account, meter, *bucket), &mut last)?;
            let Some(rank) = rank.checked_sub(1) else {
                continue;
            };
            if let Some(sum) = self.sums.get(rank, &mut last)?
                && (sum.account, sum.meter) == (account, meter)
            {
                *total = plus(*total, sum.amount);
            }
        }
        Ok(())
    }

    /// The samples of a meter from the one that holds at `from` until before `to`, those that count.
    pub(super) fn samples(
        &self,
        (account, meter): (AccountNo, MeterNo),
        (from, to): (i64, i64),
        counts: &dyn Fn(LogPosition) -> bool,
        take: &mut Vec<LevelSample>,
    ) -> Result<(), Fault> {
        let mut last = LastBlock::default();
        let of_meter =
            |record: &StoredSample| (record.account, record.sample.meter) == (account, meter);
        let next = from.saturating_add(1);
        let start = self.samples.rank((account, meter, next), &mut last)?;
        let mut rank = start;
        let mut opening = None;
        while let Some(before) = rank.checked_sub(1) {
            rank = before;
            let Some(found) = self.samples.get(rank, &mut last)?.filter(of_meter) else {
                break;
            };
            if opening.is_some_and(|at| found.sample.time_secs < at) {
                break;
            }
            if counts(found.sample.position) {
                opening = Some(found.sample.time_secs);
                take.push(found.sample);
            }
        }
        let mut rank = start;
        while let Some(found) = self.samples.get(rank, &mut last)?.filter(of_meter) {
            if found.sample.time_secs >= to {
                break;
            }
            if counts(found.sample.position) {
                take.push(found.sample);
            }
            rank = rank.saturating_add(1);
        }
        Ok(())
    }
}

struct TotalsWriter {
    folder: PathBuf,
    positions: (LogPosition, LogPosition),
    sums: SortedWriter<RunningSum>,
    samples: SortedWriter<StoredSample>,
}

impl TotalsWriter {
    fn create(folder: &Path, (first, last): (LogPosition, LogPosition)) -> Result<Self, Fault> {
        Ok(Self {
            folder: folder.to_owned(),
            positions: (first, last),
            sums: SortedWriter::create(&sums_path(folder, first, last), first)?,
            samples: SortedWriter::create(&samples_path(folder, first, last), first)?,
        })
    }

    fn finish(self) -> Result<Totals, Fault> {
        let (_, sums_digest) = self.sums.finish()?;
        let (_, samples_digest) = self.samples.finish()?;
        let (first, last) = self.positions;
        let range = TotalsRange {
            first,
            last,
            sums_digest,
            samples_digest,
        };
        Totals::open(&self.folder, range)
    }
}

/// Sums in order of key, each with what came before it of its meter.
pub(super) fn running_sums(mut sums: Vec<(AccountNo, Sum)>) -> Vec<RunningSum> {
    sums.sort_unstable_by_key(|(account, sum)| (*account, sum.meter, sum.bucket));
    let mut running: Vec<RunningSum> = Vec::with_capacity(sums.len());
    for (account, sum) in sums {
        let before = running.last().copied();
        let before = before.filter(|last| (last.account, last.meter) == (account, sum.meter));
        let amount = before.map_or(sum.amount, |last| plus(last.amount, sum.amount));
        let record = RunningSum {
            account,
            meter: sum.meter,
            bucket: sum.bucket,
            amount,
        };
        match running.last_mut() {
            Some(last) if last.key() == record.key() => *last = record,
            _ => running.push(record),
        }
    }
    running
}

/// Walks over a file.
struct Walk<'a, R> {
    file: &'a SortedFile<R>,
    last: LastBlock,
    rank: u64,
    head: Option<R>,
}

impl<'a, R: Record> Walk<'a, R> {
    fn start(file: &'a SortedFile<R>) -> Result<Self, Fault> {
        let mut walk = Self {
            file,
            last: LastBlock::default(),
            rank: 0,
            head: None,
        };
        walk.head = file.get(0, &mut walk.last)?;
        Ok(walk)
    }

    fn take(&mut self) -> Result<Option<R>, Fault> {
        self.rank = self.rank.saturating_add(1);
        let next = self.file.get(self.rank, &mut self.last)?;
        Ok(std::mem::replace(&mut self.head, next))
    }
}

/// Every record of a file, in order.
pub(super) fn for_each<R: Record>(
    file: &SortedFile<R>,
    mut each: impl FnMut(R) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut walk = Walk::start(file)?;
    while let Some(record) = walk.take()? {
        each(record)?;
    }
    Ok(())
}

fn merge_sums(
    inputs: &[std::sync::Arc<Totals>],
    out: &mut SortedWriter<RunningSum>,
) -> Result<(), Fault> {
    let walks = inputs.iter().map(|totals| Walk::start(&totals.sums));
    let mut walks = walks.collect::<Result<Vec<_>, _>>()?;
    let mut reached = vec![0_i128; walks.len()];
    let mut meter = None;
    loop {
        let heads = walks.iter().filter_map(|walk| walk.head);
        let Some(key) = heads.map(|head| head.key()).min() else {
            return Ok(());
        };
        if meter != Some((key.0, key.1)) {
            meter = Some((key.0, key.1));
            reached.fill(0);
        }
        for (walk, reached) in walks.iter_mut().zip(&mut reached) {
            if walk.head.is_some_and(|head| head.key() == key)
                && let Some(record) = walk.take()?
            {
                *reached = record.amount;
            }
        }
        out.push(&RunningSum {
            account: key.0,
            meter: key.1,
            bucket: key.2,
            amount: reached.iter().fold(0, |sum, amount| plus(sum, *amount)),
        })?;
    }
}

fn merge_samples(
    inputs: &[std::sync::Arc<Totals>],
    out: &mut SortedWriter<StoredSample>,
) -> Result<(), Fault> {
    let walks = inputs.iter().map(|totals| Walk::start(&totals.samples));
    let mut walks = walks.collect::<Result<Vec<_>, _>>()?;
    loop {
        let heads = walks.iter_mut().filter(|walk| walk.head.is_some());
        // Of equal keys the first is taken: the oldest, so positions stay in order.
        let Some(next) = heads.min_by_key(|walk| walk.head.map(|head| head.key())) else {
            return Ok(());
        };
        if let Some(record) = next.take()? {
            out.push(&record)?;
        }
    }
}
