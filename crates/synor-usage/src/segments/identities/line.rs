//! One cache line of fingerprints, and a run of lines that an id has two of.

use super::hash::Spots;
use super::prefetch::prefetch;

/// How many fingerprints a line holds.
pub(super) const LINE_PRINTS: u16 = 31;
/// The size of a line.
pub(super) const LINE_BYTES: usize = 64;

/// The count of a line that turned an id away.
const SATURATED: u16 = LINE_PRINTS + 1;
const COUNT_AT: usize = 31;

/// Up to 31 fingerprints, and in the last place how many there are. No fingerprint looks like a count
/// or like the zero of an empty place, so that a comparison needs no bounds and is a few instructions.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Line([u16; 32]);

impl Line {
    const EMPTY: Self = Self([0; 32]);

    fn count(&self) -> u16 {
        self.0[COUNT_AT]
    }

    /// Compares all places, without leaving early: this is what the compiler makes vectors of.
    #[inline]
    fn contains(&self, print: u16) -> bool {
        self.0
            .iter()
            .fold(false, |found, &place| found | (place == print))
    }

    /// Adds a fingerprint, unless the line is full.
    fn add(&mut self, print: u16) -> bool {
        let count = self.count();
        match self.0[..COUNT_AT].get_mut(usize::from(count)) {
            Some(place) => {
                *place = print;
                self.0[COUNT_AT] = count + 1;
                true
            }
            None => false,
        }
    }
}

/// Lines of fingerprints. An id is in the one of its two lines that was emptier when it came.
///
/// An id whose lines are both full is not kept; both are marked, and for an id whose two lines are
/// marked the answer is yes. So a table that is too full is slower, and never wrong.
#[derive(Debug)]
pub(super) struct Lines {
    lines: Box<[Line]>,
    count: u64,
    turned_away: u64,
}

impl Lines {
    /// Empty lines; at least one.
    pub(super) fn new(lines: u32) -> Self {
        let lines = usize::try_from(lines.max(1)).unwrap_or(usize::MAX);
        Self {
            lines: vec![Line::EMPTY; lines].into_boxed_slice(),
            count: 0,
            turned_away: 0,
        }
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// How many ids were added.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many of them found no place.
    pub(super) fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// Loads the two lines of an id ahead of their use.
    #[inline]
    pub(super) fn prefetch(&self, spots: Spots) {
        for bits in spots.lines {
            if let Some(line) = self.lines.get(self.place(bits)) {
                prefetch(line);
            }
        }
    }

    /// Whether the id may have been added; never no for one that was.
    #[inline]
    pub(super) fn may_contain(&self, spots: Spots) -> bool {
        let [one, other] = spots.lines.map(|bits| &self.lines[self.place(bits)]);
        let print = stored(spots.print);
        one.contains(print)
            | other.contains(print)
            | (one.count() == SATURATED && other.count() == SATURATED)
    }

    /// Adds an id.
    #[inline]
    pub(super) fn insert(&mut self, spots: Spots) {
        let [one, other] = spots.lines.map(|bits| self.place(bits));
        let emptier = match self.lines[one].count() <= self.lines[other].count() {
            true => one,
            false => other,
        };
        self.count += 1;
        if !self.lines[emptier].add(stored(spots.print)) {
            self.turned_away += 1;
            for full in [one, other] {
                self.lines[full].0[COUNT_AT] = SATURATED;
            }
        }
    }

    /// A fraction over 2^32 of the lines, without a division and for any number of them.
    #[inline]
    fn place(&self, bits: u32) -> usize {
        let place = (u64::from(bits) * self.lines.len() as u64) >> 32;
        usize::try_from(place).unwrap_or(usize::MAX)
    }
}

/// A fingerprint that is neither zero nor a count.
#[inline]
fn stored(print: u16) -> u16 {
    match print <= SATURATED {
        true => print + SATURATED + 1,
        false => print,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const _: () = assert!(size_of::<Line>() == LINE_BYTES && align_of::<Line>() == LINE_BYTES);

    fn spots(lines: [u32; 2], print: u16) -> Spots {
        Spots {
            partition: 0,
            lines,
            print,
        }
    }

    const LAST: u32 = u32::MAX;

    #[test]
    fn what_was_added_is_found_and_counts_are_not_fingerprints() {
        let mut lines = Lines::new(1);
        for print in 0..40 {
            assert!(!lines.may_contain(spots([0, LAST], print)), "{print}");
        }
        for print in 0..31 {
            lines.insert(spots([0, LAST], print));
            assert!(lines.may_contain(spots([LAST, 0], print)), "{print}");
        }
        assert!(!lines.may_contain(spots([0, 0], 100)));
        assert_eq!((lines.count(), lines.turned_away()), (31, 0));
    }

    #[test]
    fn an_id_that_finds_no_place_is_known_all_the_same() {
        let mut lines = Lines::new(4);
        let full = [0, LAST];
        for print in 100..162 {
            lines.insert(spots(full, print));
        }
        assert!(
            !lines.may_contain(spots(full, 162)),
            "full, and nothing turned away"
        );
        lines.insert(spots(full, 162));
        assert_eq!((lines.count(), lines.turned_away()), (63, 1));
        assert!(lines.may_contain(spots(full, 162)));
        assert!(
            lines.may_contain(spots(full, 163)),
            "marked lines say yes to all"
        );
        let half = [0, LAST / 2];
        assert!(
            !lines.may_contain(spots(half, 163)),
            "with one line left, an id has a place"
        );
        lines.insert(spots(half, 163));
        assert!(lines.may_contain(spots(half, 163)));
        assert!(lines.may_contain(spots(full, 130)));
    }
}
