//! Which key files are merged, and when. Nothing here reads a file.
//!
//! Every file costs a look-up a read, and every merge costs its entries a rewrite. The rule keeps
//! both small: neighbours are merged as soon as they together are [`GROWTH`] times the largest of
//! them. So an entry is rewritten only into a file that is four times the one it was in, which can
//! happen three times until 10^8 entries if segments have 10^6; and files of one size are at most
//! three. Of all the ways, the one with the most files is taken, which saves a merge the next one
//! would repeat.

use std::ops::Range;

/// How many times its largest file a merged file is, at least.
const GROWTH: u64 = 4;
/// How many files there may be when sizes are so uneven that the rule finds nothing.
const FILES_MAX: usize = 16;

/// Which files to merge into one: a range of `counts`, which has the entries of every live file,
/// oldest first. `None` if all is well. Neighbours only, so that every file keeps speaking for one
/// range of positions and the newest stays last.
pub fn plan_merge(counts: &[u64]) -> Option<Range<usize>> {
    windows(counts)
        .filter(|(window, total, largest)| {
            window.len() > 1 && *total >= largest.saturating_mul(GROWTH)
        })
        .max_by_key(|(window, ..)| (window.len(), window.start))
        .or_else(|| cheapest_pair(counts))
        .map(|(window, ..)| window)
}

type Window = (Range<usize>, u64, u64);

/// Every run of neighbours, with the sum and the largest of their sizes.
fn windows(counts: &[u64]) -> impl Iterator<Item = Window> {
    (0..counts.len()).flat_map(move |start| {
        let sizes = counts.iter().enumerate().skip(start);
        sizes.scan((0_u64, 0_u64), move |(total, largest), (at, &count)| {
            *total = total.saturating_add(count);
            *largest = count.max(*largest);
            Some((start..at + 1, *total, *largest))
        })
    })
}

fn cheapest_pair(counts: &[u64]) -> Option<Window> {
    if counts.len() <= FILES_MAX {
        return None;
    }
    windows(counts)
        .filter(|(window, ..)| window.len() == 2)
        .min_by_key(|&(_, total, _)| total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of segments that are sealed one after the other: the most files there ever were,
    /// and how often the average entry was rewritten, in hundredths.
    fn run(segments: impl IntoIterator<Item = u64>) -> (usize, u64) {
        let (mut files, mut most, mut rewritten, mut all) = (Vec::new(), 0, 0, 0);
        for segment in segments {
            all += segment;
            files.push(segment);
            most = most.max(files.len());
            while let Some(window) = plan_merge(&files) {
                assert!(window.len() > 1 && window.end <= files.len());
                let total = files[window.clone()].iter().sum();
                rewritten += total;
                files.splice(window, [total]);
            }
        }
        assert_eq!(files.iter().sum::<u64>(), all);
        (most, rewritten * 100 / all.max(1))
    }

    #[test]
    fn a_hundred_segments_are_ten_files_and_three_rewrites() {
        let (files, rewritten) = run([1_000_000; 100]);
        assert!(files <= 10, "{files}");
        assert!(rewritten <= 300, "{rewritten}");
    }

    #[test]
    fn a_thousand_segments_stay_few_files() {
        let (files, rewritten) = run([1_000_000; 1000]);
        assert!(files <= 15, "{files}");
        assert!(rewritten <= 500, "{rewritten}");
    }

    #[test]
    fn uneven_segments_stay_few_files_too() {
        // Sizes that straddle a power of four, and a series without pattern.
        let (files, rewritten) = run((0..1000).map(|n| 1_040_000 + n % 2 * 20_000));
        assert!(files <= 17, "{files}");
        assert!(rewritten <= 600, "{rewritten}");
        let mut state = 1_u64;
        let (files, rewritten) = run((0..1000).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            1 << (state >> 59)
        }));
        assert!(files <= 17, "{files}");
        assert!(rewritten <= 1000, "{rewritten}");
    }

    #[test]
    fn sizes_that_the_rule_finds_nothing_in_are_merged_by_number() {
        // Each four times the next: no run is four times its largest.
        let counts: Vec<u64> = (0..20).rev().map(|n| 4_u64.pow(n)).collect();
        assert_eq!(plan_merge(&counts[4..]), None);
        assert_eq!(plan_merge(&counts), Some(18..20));
    }

    #[test]
    fn nothing_and_one_file_and_empty_files_are_settled() {
        assert_eq!(plan_merge(&[]), None);
        assert_eq!(plan_merge(&[5]), None);
        assert_eq!(plan_merge(&[0]), None);
        assert_eq!(plan_merge(&[5, 0, 0]), Some(1..3), "empty ones are one");
    }
}
