//! The audit: every file against its digest, every event against the chain, and what is derived from
//! the events against the events.
//!
//! Key files and totals may be larger than memory, so they are not compared entry by entry but by
//! [`Proof`]: sums over entries of numbers that depend on all of an entry. If the sums agree, the
//! entries do, but for a chance of one in 2^64 or less.

use std::sync::Arc;

use super::active::{Active, bucket_of};
use super::archive::Written;
use super::background::Files;
use super::fault::Fault;
use super::frame::{Chain, Record, follow, put_record};
use super::identities::{KeyEntry, KeyFile};
use super::ledger::Ledger;
use super::manifest::Manifest;
use super::meters::MeterNo;
use super::prepared::content;
use super::proof::Proof;
use super::row::encode;
use super::sealed::{Sealed, Segment, from_archive};
use super::sorted::{Record as _, SortedFile};
use super::state::Shared;
use super::totals::{Totals, for_each};
use crate::findings::Findings;
use crate::log::{LogCheck, LogPosition};
use synor_economics::metering::UsageEvent;

/// [`UsageLog::check`](crate::UsageLog::check). What cannot be read is a problem found, not a reason
/// to stop.
pub(super) fn check(shared: &Shared, files: &Files) -> LogCheck {
    let _keep = files.keep();
    let mut audit = Audit {
        shared,
        events: 0,
        chain: [0; 32],
        problems: Findings::default(),
        segments: Vec::new(),
    };
    let snapshot = Snapshot::take(shared, files, &mut audit.problems);
    for segment in &snapshot.sealed.segments {
        audit.segment(segment);
    }
    for (live, to) in &snapshot.live {
        audit.live(live, *to);
    }
    if audit.chain != snapshot.chain {
        let problem = "the chain does not end in the head of the log";
        audit.problems.add(problem.to_owned());
    }
    audit.keys(&snapshot);
    audit.totals(&snapshot);
    LogCheck {
        events: audit.events,
        head: blake3::Hash::from_bytes(snapshot.chain)
            .to_hex()
            .to_string(),
        problems: audit.problems.into_problems(),
    }
}

/// A write-ahead file and how far it goes.
struct Live {
    wal: Arc<super::wal::Wal>,
    chain: Chain,
}

/// The log at one moment.
struct Snapshot {
    manifest: Manifest,
    sealed: Arc<Sealed>,
    live: Vec<(Live, u64)>,
    chain: Chain,
}

impl Snapshot {
    fn take(shared: &Shared, files: &Files, problems: &mut Findings) -> Self {
        // Sealing changes the manifest and what is visible under this lock.
        let books = files.books();
        let manifest = books.manifest.clone();
        match Manifest::read(&shared.folder) {
            Ok(Some(read)) if read == manifest => {}
            Ok(_) => problems.add("the manifest is not what was written".to_owned()),
            Err(fault) => problems.add(fault.line()),
        }
        if let Err(fault) = books.meters.check() {
            problems.add(fault.line());
        }
        let visible = shared.visible();
        let live = visible.live().map(|segment: &Active| {
            let live = Live {
                wal: Arc::clone(segment.wal()),
                chain: segment.chain(),
            };
            (live, segment.end_offset())
        });
        Self {
            manifest,
            sealed: Arc::clone(&visible.sealed),
            live: live.collect(),
            chain: visible.chain(),
        }
    }
}

/// What the events of a segment prove.
struct SegmentProof {
    first: LogPosition,
    last: LogPosition,
    /// None if its events have expired or cannot be read.
    proof: Option<Proofs>,
}

#[derive(Default, Clone, Copy)]
struct Proofs {
    keys: Proof,
    sums: Proof,
    samples: Proof,
}

impl Proofs {
    fn plus(self, other: Self) -> Self {
        Self {
            keys: self.keys.plus(other.keys),
            sums: self.sums.plus(other.sums),
            samples: self.samples.plus(other.samples),
        }
    }
}

struct Audit<'a> {
    shared: &'a Shared,
    events: u64,
    chain: Chain,
    problems: Findings,
    segments: Vec<SegmentProof>,
}

impl Audit<'_> {
    fn segment(&mut self, segment: &Segment) {
        let proof = match self.read_segment(segment) {
            Ok(proof) => proof,
            Err(fault) => {
                self.problems.add(fault.line());
                None
            }
        };
        // Continue from what is noted: one altered segment is one problem.
        self.chain = segment.files.chain;
        self.segments.push(SegmentProof {
            first: segment.files.first,
            last: segment.files.last,
            proof,
        });
    }

    fn read_segment(&mut self, segment: &Segment) -> Result<Option<Proofs>, Fault> {
        let path = segment.files.ledger_path(&self.shared.folder);
        let bytes = std::fs::read(&path).map_err(Fault::io(&path))?;
        if *blake3::hash(&bytes).as_bytes() != segment.files.ledger_digest {
            return Err(Fault::damaged(&path, 0, "it differs from its digest"));
        }
        let ledger = Ledger::read(&path)?;
        let archive = segment.files.archive.as_ref();
        if let (Some(archive), Some(files)) = (&segment.archive, archive) {
            archive.check(&Written::from(files)).map_err(from_archive)?;
        }
        if segment.files.expired {
            self.events = self.events.saturating_add(archive.map_or(0, |a| a.rows));
            return Ok(None);
        }
        let mut proofs = Proofs::default();
        let mut records: Vec<(LogPosition, Vec<u8>)> = Vec::new();
        if let Some(archive) = &segment.archive {
            let mut rows = archive.scan().map_err(from_archive)?;
            while let Some(batch) = rows.next_batch().map_err(from_archive)? {
                for row in batch.rows() {
                    let event = row.event()?;
                    let mut record = Vec::new();
                    if put_record(&mut record, false, |out| encode(&event, out)).is_none() {
                        let reason = "an event is too long";
                        return Err(Fault::damaged(&path, 0, reason));
                    }
                    self.event(&mut proofs, row.position, &event, &record);
                    records.push((row.position, record));
                }
            }
        }
        for withdrawal in ledger.withdrawals {
            self.withdrawal(&mut proofs, &withdrawal.taken_back);
            records.push((withdrawal.position, withdrawal.record));
        }
        records.sort_unstable_by_key(|(position, _)| *position);
        let frames = ledger.frames.iter().map(|frame| frame.records);
        self.follow(segment, frames, &records)?;
        Ok(Some(proofs))
    }

    /// Puts the records into the frames that they were in, and follows the chain over those.
    fn follow(
        &self,
        segment: &Segment,
        frames: impl Iterator<Item = u32>,
        records: &[(LogPosition, Vec<u8>)],
    ) -> Result<(), Fault> {
        let path = segment.files.archive_path(&self.shared.folder);
        let damaged = |reason| Err(Fault::damaged(&path, 0, reason));
        let positions = segment.files.first..=segment.files.last;
        if !positions.eq(records.iter().map(|(position, _)| *position)) {
            return damaged("positions of the segment are missing");
        }
        let mut chain = self.chain;
        let mut rest = records;
        for count in frames {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let Some((frame, after)) = rest.split_at_checked(count) else {
                return damaged("the frames have more records than the segment");
            };
            let first = frame.first().map_or(0, |(position, _)| *position);
            let bytes: Vec<u8> = frame
                .iter()
                .flat_map(|(_, record)| record)
                .copied()
                .collect();
            chain = follow(chain, first, &bytes);
            rest = after;
        }
        if !rest.is_empty() || chain != segment.files.chain {
            return damaged("the chain over the segment's records does not end as it was noted");
        }
        Ok(())
    }

    fn event(
        &mut self,
        proofs: &mut Proofs,
        position: LogPosition,
        event: &UsageEvent,
        record: &[u8],
    ) {
        self.events = self.events.saturating_add(1);
        let identity = &event.identity;
        let key = &self.shared.key;
        proofs.keys.add_key(&KeyEntry {
            hash: key.hash(identity.account.as_str(), &identity.source, &identity.id),
            position,
            content: content(key, record),
        });
        let Some(meter) = self.meter(event, position) else {
            return;
        };
        let (time, quantity) = (event.time.secs(), event.quantity.get());
        if event.is_sample {
            proofs.samples.add_sample(meter, time, position, quantity);
        } else {
            proofs.sums.add_amount(meter, bucket_of(time), quantity);
        }
    }

    fn withdrawal(&mut self, proofs: &mut Proofs, event: &UsageEvent) {
        if event.is_sample {
            return;
        }
        if let Some(meter) = self.meter(event, 0) {
            let amount = event.quantity.get().wrapping_neg();
            let bucket = bucket_of(event.time.secs());
            proofs.sums.add_amount(meter, bucket, amount);
        }
    }

    fn meter(&mut self, event: &UsageEvent, position: LogPosition) -> Option<MeterNo> {
        let found = self.shared.visible().meters.find_of(event);
        if found.is_none() {
            let problem = format!("position {position}: the event's meter is not known");
            self.problems.add(problem);
        }
        found
    }

    fn live(&mut self, live: &Live, to: u64) {
        let mut events = 0_u64;
        let verified = live.wal.verify(to, |frame, payload_at| {
            for placed in frame.records() {
                let damaged = |error| Fault::damaged(live.wal.path(), payload_at, error);
                if let Record::Event(_) = placed.map_err(damaged)?.record {
                    events = events.saturating_add(1);
                }
            }
            Ok(())
        });
        match verified {
            Ok(end) if end.chain == live.chain => {}
            Ok(_) => {
                let problem = format!("{}: the chain is another", live.wal.path().display());
                self.problems.add(problem);
            }
            Err(fault) => self.problems.add(fault.line()),
        }
        self.events = self.events.saturating_add(events);
        self.chain = live.chain;
    }

    /// What the events of a range of positions prove; none if not all of them could be read.
    fn proven(&self, first: LogPosition, last: LogPosition) -> Option<Proofs> {
        let within = self.segments.iter();
        let mut within = within.filter(|s| first <= s.first && s.last <= last);
        within.try_fold(Proofs::default(), |sum, s| Some(sum.plus(s.proof?)))
    }

    fn keys(&mut self, snapshot: &Snapshot) {
        for name in &snapshot.manifest.keys {
            let path = self.shared.folder.join(name);
            let mut found = Proof::default();
            let read = || -> Result<(LogPosition, LogPosition), Fault> {
                let file = Arc::new(KeyFile::open(&path)?);
                let mut entries = file.entries();
                while let Some(entry) = entries.next_entry()? {
                    found.add_key(&entry);
                }
                Ok((file.first(), file.last()))
            };
            let mut read = read;
            match read() {
                Ok((first, last)) => {
                    if self.proven(first, last).is_some_and(|p| p.keys != found) {
                        let problem = "the ids are not those of the events";
                        self.problems.add(Fault::damaged(&path, 0, problem).line());
                    }
                }
                Err(fault) => self.problems.add(fault.line()),
            }
        }
    }

    fn totals(&mut self, snapshot: &Snapshot) {
        for totals in &snapshot.sealed.totals {
            let range = totals.range;
            let proven = self.proven(range.first, range.last);
            let sums = sums_proof(totals);
            let expected = proven.map(|p| p.sums);
            self.compare(&totals.sums, &range.sums_digest, sums, expected);
            let mut found = Proof::default();
            let read = for_each(&totals.samples, |stored| {
                let s = stored.sample;
                found.add_sample(s.meter, s.time_secs, s.position, s.level);
                Ok(())
            });
            let expected = proven.map(|p| p.samples);
            let found = read.map(|()| found);
            self.compare(&totals.samples, &range.samples_digest, found, expected);
        }
    }

    fn compare<R: super::sorted::Record>(
        &mut self,
        file: &SortedFile<R>,
        digest: &[u8; 32],
        found: Result<Proof, Fault>,
        expected: Option<Proof>,
    ) {
        let differs = |reason| Err(Fault::damaged(file.path(), 0, reason));
        let outcome = found.and_then(|found| {
            if file.digest()? != *digest {
                return differs("it differs from its digest");
            }
            match expected {
                Some(expected) if expected != found => {
                    differs("it does not add up to what the events say")
                }
                _ => Ok(()),
            }
        });
        if let Err(fault) = outcome {
            self.problems.add(fault.line());
        }
    }
}

/// What the sums prove, and whether they are in order.
fn sums_proof(totals: &Totals) -> Result<Proof, Fault> {
    let mut proof = Proof::default();
    let mut before: Option<super::totals::RunningSum> = None;
    for_each(&totals.sums, |sum| {
        if before.is_some_and(|before| before.key() >= sum.key()) {
            return Err(Fault::damaged(totals.sums.path(), 0, "it is not in order"));
        }
        let same = before.filter(|b| (b.account, b.meter) == (sum.account, sum.meter));
        let reached = same.map_or(0, |before| before.amount);
        proof.add_amount(sum.meter, sum.bucket, sum.amount.wrapping_sub(reached));
        before = Some(sum);
        Ok(())
    })?;
    Ok(proof)
}
