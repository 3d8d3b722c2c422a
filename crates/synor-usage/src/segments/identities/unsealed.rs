//! The ids that are in no key file yet, by partition: what a rebuild cannot read anywhere.

use std::collections::VecDeque;

use super::fingerprints::PARTITIONS;
use super::hash::{IdentityHash, Spots};

/// The ids of the segments that are not sealed, oldest segment first. There is always an active one.
#[derive(Debug)]
pub(super) struct Unsealed {
    active: Segment,
    /// Full, and being sealed.
    full: VecDeque<Segment>,
    /// The lists of a sealed segment, emptied for the next: their memory is paged in already.
    spare: Option<Segment>,
}

type Segment = Box<[Vec<IdentityHash>]>;

impl Unsealed {
    pub(super) fn new() -> Self {
        Self {
            active: segment(),
            full: VecDeque::new(),
            spare: None,
        }
    }

    /// Adds an id to the active segment.
    #[inline]
    pub(super) fn insert(&mut self, hash: IdentityHash, spots: Spots) {
        self.active[usize::from(spots.partition)].push(hash);
    }

    /// The active segment is full; the next id is the first of a new one.
    pub(super) fn begin_segment(&mut self) {
        let next = self.spare.take().unwrap_or_else(segment);
        let full = std::mem::replace(&mut self.active, next);
        self.full.push_back(full);
    }

    /// The oldest full segment is in a key file.
    pub(super) fn seal_oldest(&mut self) {
        if let Some(mut sealed) = self.full.pop_front() {
            sealed.iter_mut().for_each(Vec::clear);
            self.spare = Some(sealed);
        }
    }

    /// The ids of a partition.
    pub(super) fn partition(&self, partition: u8) -> Vec<IdentityHash> {
        let of = |segment: &Segment| segment[usize::from(partition)].clone();
        let mut ids: Vec<_> = self.full.iter().flat_map(of).collect();
        ids.extend(of(&self.active));
        ids
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let lists = self
            .full
            .iter()
            .chain([&self.active])
            .chain(&self.spare)
            .flatten();
        lists
            .map(|ids| ids.capacity() * size_of::<IdentityHash>())
            .sum()
    }
}

fn segment() -> Segment {
    (0..PARTITIONS).map(|_| Vec::new()).collect()
}
