//! Whether an id may be known, from two cache lines, for every id that the log remembers.
//!
//! A fingerprint is 16 bits of the hash, so "no" is certain and "yes" is to be looked up: one new id
//! in about 1,400 says yes. Lines cannot be moved when they fill, for the fingerprint does not tell
//! where else its id could be; they are rebuilt from the key files. That is done for one partition at
//! a time, a 256th of all hashes, on another thread, while the old lines go on answering and taking
//! ids in. What comes in meanwhile is written down and added when the new lines are taken over.
//!
//! A partition has lines for [`start`] ids at first and a quarter more each time. The partitions do
//! not start equally large but on a ladder that spans one such step, so that they do not all grow at
//! the same time: the work is even, and the memory grows with the ids and not in jumps.

use std::collections::VecDeque;

use super::hash::{IdentityHash, Spots};
use super::line::{LINE_BYTES, Lines};

/// How many partitions there are: one for each first byte of a hash.
pub(super) const PARTITIONS: usize = 256;

/// The ids a line has on average when the partition is to grow. With 27 and more, lines begin to turn
/// ids away, so this leaves a twelfth of all ids to come in while new lines are built.
const FILL_TO_GROW: u64 = 25;
/// The most ids a line has on average after a rebuild. Growing by a quarter leaves 20; what was
/// dropped in the meantime may make a smaller step enough.
const FILL_AFTER: u64 = 22;
/// How many lines the smallest partition starts with: 2.3 MB for all of them.
const LINES_AT_START: u32 = 128;

/// How many lines partition `partition` starts with.
fn lines_at_start(partition: u8) -> u32 {
    LINES_AT_START + LINES_AT_START / 4 * u32::from(partition) / 256
}

/// How many lines partition `partition` has for `ids`: the first step of its ladder that is enough.
pub(super) fn lines_for(partition: u8, ids: u64) -> u32 {
    let mut lines = lines_at_start(partition);
    while ids > u64::from(lines) * FILL_AFTER && lines < u32::MAX / 2 {
        lines += lines / 4;
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
                .map(|partition| Partition::of(Lines::new(lines_at_start(partition))))
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
    pub(super) fn begin_rebuild(&mut self) -> Option<(u8, RebuildNumber)> {
        let partition = self.due.pop_front()?;
        self.rebuilds += 1;
        let number = RebuildNumber(self.rebuilds);
        self.partitions[usize::from(partition)].rebuild = Some(Rebuild {
            number,
            since: Vec::new(),
        });
        Some((partition, number))
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
            grow_at: (lines.len() as u64).saturating_mul(FILL_TO_GROW),
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
    fn partitions_climb_by_a_quarter_and_never_together() {
        for partition in [0, 100, 255] {
            let mut lines = lines_for(partition, 0);
            for _ in 0..30 {
                let grown = lines_for(partition, u64::from(lines) * FILL_TO_GROW);
                assert_eq!(grown, lines + lines / 4);
                assert_eq!(lines_for(partition, u64::from(lines) * FILL_AFTER), lines);
                lines = grown;
            }
        }
        let sizes: Vec<u32> = (0..=255).map(|p| lines_for(p, 1_000_000)).collect();
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(
            most * 100 / least <= 127 && most * 100 / least >= 120,
            "{least} {most}"
        );
    }

    #[test]
    fn lines_of_a_rebuild_that_was_given_up_are_not_taken() {
        let mut table = Fingerprints::unloaded();
        let (partition, given_up) = table.begin_rebuild().unwrap();
        table.give_up(partition, given_up);
        assert_eq!(table.due(), PARTITIONS, "it asks again");
        assert!(!table.adopt(partition, given_up, Lines::new(1)));
        assert_eq!(table.not_loaded(), PARTITIONS);
    }
}
