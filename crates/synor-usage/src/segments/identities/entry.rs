//! What is kept for every id for as long as it may come again: 24 bytes.

use super::hash::IdentityHash;
use crate::log::LogPosition;

/// The size of an entry in a key file.
pub(super) const ENTRY_BYTES: usize = 24;

/// The last position that an entry can say: 2^40 - 1, a trillion events.
pub const POSITION_MAX: LogPosition = (1 << 40) - 1;

/// An id that was accepted: where its event is, and what it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEntry {
    /// The identity.
    pub hash: IdentityHash,
    /// Where its event is in the log; at most [`POSITION_MAX`].
    pub position: LogPosition,
    /// What the event said.
    pub content: ContentDigest,
}

/// The first 24 bits of an event's digest: whether an id that comes again says what it said before.
/// One in 16 million events that say something else passes for a repetition; the archive has the
/// whole event for who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentDigest(pub [u8; 3]);

impl ContentDigest {
    /// Shortens an event's digest.
    pub fn of(digest: &[u8; 32]) -> Self {
        let [a, b, c, ..] = *digest;
        Self([a, b, c])
    }
}

impl KeyEntry {
    /// As it is written. The position must be at most [`POSITION_MAX`]; the writer checks it.
    pub(super) fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..16].copy_from_slice(&self.hash.to_bytes());
        bytes[16..21].copy_from_slice(&self.position.to_le_bytes()[..5]);
        bytes[21..].copy_from_slice(&self.content.0);
        bytes
    }

    /// Reads what [`KeyEntry::to_bytes`] wrote.
    pub(super) fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let [.., p0, p1, p2, p3, p4, c0, c1, c2] = *bytes;
        Self {
            hash: hash_of(bytes),
            position: LogPosition::from_le_bytes([p0, p1, p2, p3, p4, 0, 0, 0]),
            content: ContentDigest([c0, c1, c2]),
        }
    }
}

/// The hash of a written entry, for a search that needs nothing else.
pub(super) fn hash_of(bytes: &[u8; ENTRY_BYTES]) -> IdentityHash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&bytes[..16]);
    IdentityHash::from_bytes(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back() {
        for position in [0, 1, 256, POSITION_MAX] {
            let entry = KeyEntry {
                hash: IdentityHash::from_bytes(*b"0123456789abcdef"),
                position,
                content: ContentDigest([1, 2, 255]),
            };
            assert_eq!(KeyEntry::from_bytes(&entry.to_bytes()), entry);
        }
    }
}
