//! The ids of one segment that is not sealed: a table of places in a list, small enough for the
//! processor's caches, over entries in order of position.

use super::identities::{IdentityHash, KeyEntry};

/// No entry is in this slot.
const EMPTY: u32 = u32::MAX;
/// Slots at first; a power of two, as always.
const SLOTS_MIN: usize = 64;

/// The ids of a segment, each once.
#[derive(Debug)]
pub(super) struct Ids {
    slots: Vec<u32>,
    entries: Vec<KeyEntry>,
}

impl Ids {
    /// Room for this many ids; more make it grow.
    pub(super) fn with_room(ids: usize) -> Self {
        let slots = ids.saturating_mul(2).next_power_of_two().max(SLOTS_MIN);
        Self {
            slots: vec![EMPTY; slots],
            entries: Vec::new(),
        }
    }

    /// No ids, in the same memory.
    pub(super) fn emptied(mut self) -> Self {
        self.slots.fill(EMPTY);
        self.entries.clear();
        self
    }

    /// The entries, in order of position.
    pub(super) fn entries(&self) -> &[KeyEntry] {
        &self.entries
    }

    /// Loads what looking for the id and inserting it will need, without waiting for it.
    pub(super) fn prefetch(&self, hash: IdentityHash) {
        if let Some(slot) = self.slots.get(self.slot_of(hash)) {
            super::identities::prefetch(slot);
        }
    }

    /// The entry of an id.
    pub(super) fn find(&self, hash: IdentityHash) -> Option<&KeyEntry> {
        let mut slot = self.slot_of(hash);
        loop {
            let entry = self.entry_in(slot)?;
            if entry.hash == hash {
                return Some(entry);
            }
            slot = self.after(slot);
        }
    }

    /// Adds an id that is not there.
    pub(super) fn insert(&mut self, entry: KeyEntry) {
        if self.entries.len().saturating_mul(2) >= self.slots.len() {
            self.grow();
        }
        // A segment holds fewer ids than the four billion that a slot can say.
        let place = u32::try_from(self.entries.len()).unwrap_or(EMPTY);
        self.put(entry.hash, place);
        self.entries.push(entry);
    }

    fn put(&mut self, hash: IdentityHash, place: u32) {
        let mut slot = self.slot_of(hash);
        while self.slots.get(slot).is_some_and(|&taken| taken != EMPTY) {
            slot = self.after(slot);
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = place;
        }
    }

    fn grow(&mut self) {
        let slots = self.slots.len().saturating_mul(2);
        self.slots.clear();
        self.slots.resize(slots, EMPTY);
        for (place, entry) in (0..).zip(std::mem::take(&mut self.entries)) {
            self.put(entry.hash, place);
            self.entries.push(entry);
        }
    }

    fn entry_in(&self, slot: usize) -> Option<&KeyEntry> {
        match self.slots.get(slot) {
            None | Some(&EMPTY) => None,
            Some(&place) => self.entries.get(usize::try_from(place).ok()?),
        }
    }

    fn slot_of(&self, hash: IdentityHash) -> usize {
        // Which bits of the word a table takes does not matter: the hash is uniform.
        usize::try_from(hash.word() & self.mask()).unwrap_or(0)
    }

    fn after(&self, slot: usize) -> usize {
        slot.wrapping_add(1) & usize::try_from(self.mask()).unwrap_or(0)
    }

    fn mask(&self) -> u64 {
        u64::try_from(self.slots.len()).unwrap_or(1).wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::identities::{ContentDigest, IdentityKey};

    #[test]
    fn every_id_is_found_and_no_other() {
        let key = IdentityKey::from_bytes([3; 16]);
        let mut ids = Ids::with_room(0);
        let hash = |n: u64| key.hash("a", "s", &n.to_string());
        for n in 0..5_000 {
            assert_eq!(ids.find(hash(n)), None);
            ids.insert(KeyEntry {
                hash: hash(n),
                position: n + 1,
                content: ContentDigest([0; 3]),
            });
        }
        for n in 0..5_000 {
            assert_eq!(ids.find(hash(n)).map(|entry| entry.position), Some(n + 1));
            assert_eq!(ids.find(hash(n + 5_000)), None);
        }
        let ids = ids.emptied();
        assert_eq!(ids.find(hash(1)), None);
        assert!(ids.entries().is_empty());
    }
}
