//! The memory of identities against a map that has everything.

mod files;
mod merging;
mod model;

use std::sync::Arc;

use super::*;

const KEY: IdentityKey = IdentityKey::from_bytes([3; 16]);

fn hash(n: u64) -> IdentityHash {
    KEY.hash("acme", "gateway", &n.to_string())
}

/// The entry of id `n`, at position `n`.
fn entry(n: u64) -> KeyEntry {
    let [a, b, c, ..] = n.wrapping_mul(77).to_le_bytes();
    KeyEntry {
        hash: hash(n),
        position: n,
        content: ContentDigest([a, b, c]),
    }
}

/// A key file of the ids of a range.
fn file(folder: &tempfile::TempDir, ids: std::ops::Range<u64>) -> Arc<KeyFile> {
    let path = folder
        .path()
        .join(format!("{}-{}.{KEY_FILE_EXTENSION}", ids.start, ids.end));
    let entries: Vec<_> = ids.clone().map(entry).collect();
    Arc::new(KeyFile::write(&path, ids.start..=ids.end, &entries).unwrap())
}

fn sorted(ids: impl Iterator<Item = u64>) -> Vec<KeyEntry> {
    let mut entries: Vec<_> = ids.map(entry).collect();
    entries.sort_by_key(|entry| entry.hash);
    entries
}
