//! What is known of each partition while it is read: a pure record of offsets.

use std::collections::BTreeMap;

use synor_usage::StreamPosition;

use crate::source::PartitionLag;

/// The partitions that are assigned to this worker.
#[derive(Debug, Default)]
pub(super) struct Offsets(BTreeMap<u32, Partition>);

#[derive(Debug, Clone, Copy, Default)]
struct Partition {
    /// The offset that the next record should have; none if the partition is read from wherever the
    /// broker's records begin.
    next: Option<u64>,
    /// The offset after the last record of the broker, as last heard.
    end: Option<u64>,
}

/// Whether a record is the one that should come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is.
    Next,
    /// It lies this far before; the broker's partition has begun anew.
    Back(u64),
    /// It lies this far beyond; the broker has no longer what is between.
    Missing(u64),
}

impl Offsets {
    /// Begins with partitions at the positions that they have; one without begins at its start.
    pub(super) fn assign(&mut self, partitions: &[u32], positions: &[StreamPosition]) {
        for &partition in partitions {
            let position = positions.iter().find(|p| p.partition == partition);
            let next = position.map(|position| position.next_offset);
            self.0.insert(partition, Partition { next, end: None });
        }
    }

    /// Where to begin with a partition.
    pub(super) fn next(&self, partition: u32) -> Option<u64> {
        self.0.get(&partition)?.next
    }

    pub(super) fn revoke(&mut self, partition: u32) {
        self.0.remove(&partition);
    }

    /// Goes on to the record after this one.
    pub(super) fn read(&mut self, partition: u32, offset: u64) -> Step {
        let partition = self.0.entry(partition).or_default();
        let next = partition.next.replace(offset.saturating_add(1));
        match next {
            Some(next) if offset > next => Step::Missing(offset.abs_diff(next)),
            Some(next) if offset < next => Step::Back(offset.abs_diff(next)),
            _ => Step::Next,
        }
    }

    /// Notes where the broker's records end.
    pub(super) fn ends(&mut self, partition: u32, end: u64) {
        if let Some(partition) = self.0.get_mut(&partition) {
            partition.end = Some(end);
        }
    }

    /// How far the reading is behind.
    pub(super) fn lag(&self, stream: &str) -> Vec<PartitionLag> {
        let lag = self.0.iter().map(|(&number, partition)| PartitionLag {
            stream: stream.to_owned(),
            partition: number,
            waiting: partition
                .end
                .map(|end| end.saturating_sub(partition.next.unwrap_or(0))),
            pending: 0,
        });
        lag.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_and_a_step_back_are_told() {
        let position = StreamPosition {
            stream: "usage".to_owned(),
            partition: 1,
            next_offset: 10,
        };
        let mut offsets = Offsets::default();
        offsets.assign(&[0, 1], &[position]);
        assert_eq!((offsets.next(0), offsets.next(1)), (None, Some(10)));
        assert_eq!(offsets.read(0, 7), Step::Next);
        assert_eq!(offsets.read(1, 10), Step::Next);
        assert_eq!(offsets.read(1, 14), Step::Missing(3));
        assert_eq!(offsets.read(1, 5), Step::Back(10));
        offsets.ends(1, 20);
        let lag: Vec<_> = offsets
            .lag("usage")
            .iter()
            .map(|lag| (lag.partition, lag.waiting))
            .collect();
        assert_eq!(lag, [(0, None), (1, Some(14))]);
    }
}
