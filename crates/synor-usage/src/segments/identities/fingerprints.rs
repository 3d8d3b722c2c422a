//! Whether an id may be known, from two cache lines, for every id that the log remembers.
//!
//! A fingerprint is 16 bits of the hash, so "no" is certain and "yes" is to be looked up: one new id
//! in about 1,400 says yes. Lines cannot be moved when they fill, for the fingerprint does not tell
//! where else its id could be; they are rebuilt from the key files. That is done for one partition at
//! a time, a 256th of all hashes, on another thread, while the old lines go on answering and taking
//! ids in. What comes in meanwhile is written down and added when the new lines are taken over.
//!
//! A partition gets a quarter more lines each time. The partitions do not start equally large but on
//! a ladder that spans one such step, so that they do not all grow at the same time: the work is
//! even, and the memory grows with the ids and not in jumps.

use std::collections::VecDeque;

use super::hash::{IdentityHash, Spots};
use super::line::{LINE_BYTES, Lines};

/// How many partitions there are: one for each first byte of a hash.
pub(super) const PARTITIONS: usize = 256;

/// The ids a line has on average, at most, before the partition is to grow. Lines begin to turn ids
/// away at 29 and to answer yes noticeably often at 30, so this leaves an eighth of all ids to come in
/// while new lines are built.
const FILL: u64 = 26;
/// An eighth of few ids come in quickly, so a partition is to grow this many ids earlier: a million in
/// all of them.
const AHEAD_IDS: u64 = 4096;
/// How many lines the smallest partition starts with; all of them together, 4.2 MB.
const LINES_AT_START: u32 = 128;
/// The least lines that a partition grows by: as many as the partitions differ by at the start.
const STEP_MIN: u32 = 256;

/// With how many ids a partition of `lines` lines is to grow.
fn capacity(lines: u64) -> u64 {
    let all = lines.saturating_mul(FILL);
    all - AHEAD_IDS.min(all / 3)
}

/// Why a partition is built, which says how much room it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It was not loaded since the start; it may be nearly full, as it was before.
    Load,
    /// It was full. A growing partition takes one step and has a fifth free; one whose ids were partly
    /// dropped may stay as it is or shrink, if that does not fill it again soon.
    Grow,
}

/// How many lines partition `partition` has for `ids`: the first step of its ladder with room.
pub(super) fn lines_for(partition: u8, ids: u64, purpose: Purpose) -> u32 {
    let free = match purpose {
        Purpose::Load => 32,
        Purpose::Grow => 8,
    };
    let mut lines = LINES_AT_START + u32::from(partition);
    while ids > capacity(lines.into()) / free * (free - 1) && lines < u32::MAX / 2 {
        lines += STEP_MIN.max(lines / 4);
    }
    lines
}

/// The fingerprints of all ids, partition by partition.
#[derive(Debug)]
pub(super) struct Fingerprints {
    partitions: Box<[Partition]>,
    /// The partitions that are to be rebuilt, in the order in which they asked.
    due: VecDeque<u8>,
    rebuilds: u64,
}

/// Says which rebuild new lines come from, so that those of one that was given up are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RebuildNumber(u64);

#[derive(Debug)]
struct Partition {
    /// `None` until it was built from the key files: everything may be known then.
    lines: Option<Lines>,
    /// With how many ids it is to grow.
    grow_at: u64,
    is_due: bool,
    rebuild: Option<Rebuild>,
}

#[derive(Debug)]
struct Rebuild {
    number: RebuildNumber,
    /// What came in since it began.
    since: Vec<IdentityHash>,
}

impl Fingerprints {
    /// The table of a log without ids.
    pub(super) fn empty() -> Self {
        Self {
            partitions: (0..=u8::MAX)
                .map(|partition| Partition::of(Lines::new(lines_for(partition, 0, Purpose::Load))))
                .collect(),
            due: VecDeque::new(),
            rebuilds: 0,
        }
    }

    /// The table of a log whose ids are in key files: every partition is due to be built from them.
    pub(super) fn unloaded() -> Self {
        let unloaded = |_| Partition {
            lines: None,
            grow_at: u64::MAX,
            is_due: true,
            rebuild: None,
        };
        Self {
            partitions: (0..=u8::MAX).map(unloaded).collect(),
            due: (0..=u8::MAX).collect(),
            rebuilds: 0,
        }
    }

    /// Loads the lines of an id ahead of their use.
    #[inline]
    pub(super) fn prefetch(&self, spots: Spots) {
        if let Some(lines) = &self.partitions[usize::from(spots.partition)].lines {
            lines.prefetch(spots);
        }
    }

    /// Whether the id may be known.
    #[inline]
    pub(super) fn may_contain(&self, spots: Spots) -> bool {
        match &self.partitions[usize::from(spots.partition)].lines {
            Some(lines) => lines.may_contain(spots),
            None => true,
        }
    }

    /// Adds an id.
    #[inline]
    pub(super) fn insert(&mut self, hash: IdentityHash, spots: Spots) {
        let partition = &mut self.partitions[usize::from(spots.partition)];
        if let Some(rebuild) = &mut partition.rebuild {
            rebuild.since.push(hash);
        }
        let Some(lines) = &mut partition.lines else {
            return;
        };
        lines.insert(spots);
        if lines.count() >= partition.grow_at && !partition.is_due {
            partition.is_due = true;
            self.due.push_back(spots.partition);
        }
    }

    /// The next partition that is to be rebuilt. From now on its new ids are written down until
    /// [`Fingerprints::adopt`] or [`Fingerprints::give_up`].
    pub(super) fn begin_rebuild(&mut self) -> Option<(u8, RebuildNumber, Purpose)> {
        let partition = self.due.pop_front()?;
        self.rebuilds += 1;
        let number = RebuildNumber(self.rebuilds);
        let place = &mut self.partitions[usize::from(partition)];
        place.rebuild = Some(Rebuild {
            number,
            since: Vec::new(),
        });
        let purpose = match place.lines {
            Some(_) => Purpose::Grow,
            None => Purpose::Load,
        };
        Some((partition, number, purpose))
    }

    /// Takes new lines over, with what came in since they were begun. Whether they were awaited.
    pub(super) fn adopt(&mut self, partition: u8, number: RebuildNumber, lines: Lines) -> bool {
        let Some(since) = self.end_rebuild(partition, number) else {
            return false;
        };
        let place = &mut self.partitions[usize::from(partition)];
        *place = Partition::of(lines);
        for hash in since {
            self.insert(hash, hash.spots());
        }
        true
    }

    /// Gives a rebuild up: the partition stays as it is and asks again, after those that wait.
    pub(super) fn give_up(&mut self, partition: u8, number: RebuildNumber) {
        if self.end_rebuild(partition, number).is_some() {
            self.due.push_back(partition);
        }
    }

    fn end_rebuild(&mut self, partition: u8, number: RebuildNumber) -> Option<Vec<IdentityHash>> {
        self.partitions[usize::from(partition)]
            .rebuild
            .take_if(|rebuild| rebuild.number == number)
            .map(|rebuild| rebuild.since)
    }

    /// How many partitions wait to be rebuilt.
    pub(super) fn due(&self) -> usize {
        self.due.len()
    }

    /// How many partitions were not built from the key files yet.
    pub(super) fn not_loaded(&self) -> usize {
        self.partitions
            .iter()
            .filter(|partition| partition.lines.is_none())
            .count()
    }

    /// How many ids found no place since their partition was built.
    pub(super) fn turned_away(&self) -> u64 {
        self.loaded().map(Lines::turned_away).sum()
    }

    /// The memory of the lines and of what is written down, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let lines: usize = self.loaded().map(|lines| lines.len() * LINE_BYTES).sum();
        let rebuilds = self.partitions.iter().filter_map(|p| p.rebuild.as_ref());
        let since: usize = rebuilds.map(|rebuild| rebuild.since.capacity()).sum();
        lines + since * size_of::<IdentityHash>() + size_of_val(&*self.partitions)
    }

    fn loaded(&self) -> impl Iterator<Item = &Lines> {
        self.partitions
            .iter()
            .filter_map(|partition| partition.lines.as_ref())
    }
}

impl Partition {
    fn of(lines: Lines) -> Self {
        Self {
            grow_at: capacity(lines.len() as u64),
            lines: Some(lines),
            is_due: false,
            rebuild: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_climb_step_by_step() {
        for partition in [0, 100, 255] {
            let mut lines = lines_for(partition, 0, Purpose::Load);
            for _ in 0..30 {
                let full = capacity(lines.into());
                let grown = lines_for(partition, full, Purpose::Grow);
                assert_eq!(grown, lines + STEP_MIN.max(lines / 4));
                assert!(
                    capacity(grown.into()) >= full + full / 5,
                    "room after growing"
                );
                assert_eq!(
                    lines_for(partition, full / 10 * 8, Purpose::Grow),
                    lines,
                    "shrinks with few ids only"
                );
                lines = grown;
            }
        }
    }

    #[test]
    fn partitions_do_not_grow_together() {
        for ids in [0, 50_000, 1_000_000] {
            let mut sizes: Vec<u32> = (0..=255)
                .map(|p| lines_for(p, ids, Purpose::Load))
                .collect();
            sizes.sort_unstable();
            sizes.dedup();
            assert!(sizes.len() > 200, "{ids} ids: {} sizes", sizes.len());
        }
    }

    #[test]
    fn lines_cost_less_than_three_bytes_an_id() {
        let bytes: u64 = (0..=255)
            .map(|p| u64::from(lines_for(p, 400_000, Purpose::Load)) * LINE_BYTES as u64)
            .sum();
        assert!(bytes < 256 * 400_000 * 3, "{bytes}");
        let empty: u64 = (0..=255)
            .map(|p| u64::from(lines_for(p, 0, Purpose::Load)) * 64)
            .sum();
        assert!(empty < 5_000_000, "{empty}");
    }

    #[test]
    fn lines_of_a_rebuild_that_was_given_up_are_not_taken() {
        let mut table = Fingerprints::unloaded();
        let (partition, given_up, _) = table.begin_rebuild().unwrap();
        table.give_up(partition, given_up);
        assert_eq!(table.due(), PARTITIONS, "it asks again");
        assert!(!table.adopt(partition, given_up, Lines::new(1)));
        assert_eq!(table.not_loaded(), PARTITIONS);
    }
}
