//! An identity in sixteen bytes, so that a hundred million of them can be sorted, stored and compared.
//!
//! The hash stands for the identity: two identities of one hash would count as one. Among 10^8 ids
//! that has a probability of about 10^-23 (n²/2 pairs over 2^128 values). Ids come from outside, so
//! the hash is keyed with a secret of the log: nobody can construct two ids that meet.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::io;

use siphasher::sip128::{Hasher128, SipHasher13};

/// The longest identity that is hashed in one piece, in bytes, with the lengths of its parts.
const JOINED_MAX: usize = 192;

/// The secret that a log hashes its identities with: made with the log, kept in it, never changed.
#[derive(Clone, Copy)]
pub struct IdentityKey([u8; 16]);

impl IdentityKey {
    /// A new secret from the operating system.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The secret that a log has kept.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What a log has to keep.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The hash of an identity. Each part is preceded by its length, so that no two identities are
    /// hashed from the same bytes.
    pub fn hash(&self, account: &str, source: &str, id: &str) -> IdentityHash {
        // A length is at most 64 bits wide on every machine that this can be built for.
        let length = |part: &str| u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes();
        let parts = [account, source, id];
        let hasher = SipHasher13::new_with_key(&self.0);
        let mut joined = [0; JOINED_MAX];
        let mut end = 0_usize;
        for part in parts {
            let pieces: [&[u8]; 2] = [&length(part), part.as_bytes()];
            for piece in pieces {
                let start = end;
                end = start.saturating_add(piece.len());
                if let Some(place) = joined.get_mut(start..end) {
                    place.copy_from_slice(piece);
                }
            }
        }
        let hash = match joined.get(..end) {
            // In one piece it takes half of the time.
            Some(joined) => hasher.hash(joined),
            None => {
                let mut hasher = hasher;
                for part in parts {
                    hasher.write(&length(part));
                    hasher.write(part.as_bytes());
                }
                hasher.finish128()
            }
        };
        IdentityHash {
            high: hash.h1,
            low: hash.h2,
        }
    }
}

/// The keyed hash of an identity. Uniform over its 128 bits, and ordered as its bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentityHash {
    // Two words and not one of sixteen bytes, whose alignment would pad every struct it is in.
    high: u64,
    low: u64,
}

impl IdentityHash {
    /// The least hash.
    pub const MIN: Self = Self { high: 0, low: 0 };
    /// The greatest hash.
    pub const MAX: Self = Self {
        high: u64::MAX,
        low: u64::MAX,
    };

    /// Reads what [`IdentityHash::to_bytes`] wrote.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        let word = |bits| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        Self {
            high: word(bits >> 64),
            low: word(bits),
        }
    }

    /// Most significant byte first, so that bytes sort as hashes do.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.high) << 64 | u128::from(self.low)).to_be_bytes()
    }

    /// Half of it, for a table in memory.
    pub fn word(self) -> u64 {
        self.low
    }

    /// The first 32 bits, by which blocks of a key file are told apart.
    pub(super) fn prefix(self) -> u32 {
        let [a, b, c, d, ..] = self.high.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Where the fingerprint table keeps it. The four parts share no bits, so none says anything
    /// about another.
    pub(super) fn spots(self) -> Spots {
        let [partition, a, b, c, d, ..] = self.high.to_be_bytes();
        let [e, f, g, h, .., y, z] = self.low.to_be_bytes();
        Spots {
            partition,
            lines: [
                u32::from_be_bytes([a, b, c, d]),
                u32::from_be_bytes([e, f, g, h]),
            ],
            print: u16::from_be_bytes([y, z]),
        }
    }

    /// The least and the greatest hash of a partition.
    pub(super) fn partition(partition: u8) -> (Self, Self) {
        let with = |rest: u8| {
            let mut bytes = [rest; 16];
            bytes[0] = partition;
            Self::from_bytes(bytes)
        };
        (with(0), with(u8::MAX))
    }
}

/// What the fingerprint table takes of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spots {
    /// The first eight bits of the hash, so that a partition is one range of every key file.
    pub(super) partition: u8,
    /// Each says one of the two lines: as a fraction of all lines, over 2^32.
    pub(super) lines: [u32; 2],
    /// The sixteen bits that are remembered.
    pub(super) print: u16,
}

impl Hash for IdentityHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.low);
    }
}

/// A map by identity, for ids that are not in a key file yet.
pub type IdentityMap<V> = HashMap<IdentityHash, V, BuildHasherDefault<AsItIs>>;

/// Takes a hash as it is: it is keyed and uniform, and to hash it again would be time for nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: IdentityKey = IdentityKey([7; 16]);

    #[test]
    fn parts_that_join_to_the_same_text_are_different_identities() {
        let hashes = [
            KEY.hash("ab", "c", "d"),
            KEY.hash("a", "bc", "d"),
            KEY.hash("a", "b", "cd"),
            KEY.hash("", "abc", "d"),
            KEY.hash("abcd", "", ""),
        ];
        for (n, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..n].contains(hash), "{n}");
        }
    }

    #[test]
    fn long_identities_are_hashed_like_short_ones() {
        for length in [0, 1, 160, 166, 167, 168, 169, 5_000] {
            let id = "x".repeat(length);
            let mut bytes = Vec::new();
            for part in ["a", "", &id] {
                bytes.extend(u64::try_from(part.len()).unwrap().to_le_bytes());
                bytes.extend(part.as_bytes());
            }
            let whole = SipHasher13::new_with_key(&[7; 16]).hash(&bytes);
            let hash = KEY.hash("a", "", &id);
            assert_eq!((hash.high, hash.low), (whole.h1, whole.h2), "{length}");
        }
    }

    /// The reference vector of 128-bit SipHash-1-3 is of the library; here it is the layout that must
    /// not change, because key files keep it.
    #[test]
    fn the_hash_of_an_identity_never_changes() {
        let mut bytes = Vec::new();
        for part in ["acme", "gateway", "request-1"] {
            bytes.extend(u64::try_from(part.len()).unwrap().to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        let whole = SipHasher13::new_with_key(&[7; 16]).hash(&bytes).as_u128();
        let hash = KEY.hash("acme", "gateway", "request-1");
        assert_eq!((hash.high, hash.low), {
            let word = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap();
            (word(whole), word(whole >> 64))
        });
        assert_ne!(
            hash,
            IdentityKey([8; 16]).hash("acme", "gateway", "request-1")
        );
    }

    #[test]
    fn bytes_sort_as_hashes_do_and_read_back() {
        let mut hashes: Vec<_> = (0..1000)
            .map(|n| KEY.hash("a", "s", &format!("{n}")))
            .collect();
        hashes.sort_unstable();
        for pair in hashes.windows(2) {
            assert!(pair[0].to_bytes() < pair[1].to_bytes());
        }
        for hash in hashes {
            assert_eq!(IdentityHash::from_bytes(hash.to_bytes()), hash);
        }
    }

    #[test]
    fn partitions_cover_every_hash_once() {
        assert_eq!(IdentityHash::partition(0).0, IdentityHash::MIN);
        assert_eq!(IdentityHash::partition(255).1, IdentityHash::MAX);
        let hash = KEY.hash("a", "s", "1");
        let (from, to) = IdentityHash::partition(hash.spots().partition);
        assert!(from <= hash && hash <= to);
    }

    #[test]
    fn two_secrets_differ() {
        let (one, other) = (
            IdentityKey::random().unwrap(),
            IdentityKey::random().unwrap(),
        );
        assert_ne!(one.to_bytes(), other.to_bytes());
    }
}
