//! The BLAKE3 digest of a file together with the digests of its parts of 16 KiB, in one pass: BLAKE3
//! is a tree, and the parts are subtrees of it. So the whole digest is what `b3sum` prints, and any
//! part can be checked alone.

use std::fs::File;
use std::io::{self, Write};

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

/// Bytes of one part: a power of two, as the tree demands, and enough to hash at full speed.
pub(super) const LEAF_BYTES: usize = 16 * 1024;
/// The same, for offsets.
pub(super) const LEAF_LEN: u64 = 16 * 1024;
const BUFFER_LEAVES: usize = 32;

/// The digest of part `number`, which must not be empty. It depends on the number, so a part in
/// another's place is found.
pub(super) fn leaf_digest(number: u64, bytes: &[u8]) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(number.saturating_mul(LEAF_LEN));
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// Writes to a file and hashes what it writes.
pub(super) struct HashingFile {
    file: File,
    buffer: Vec<u8>,
    leaves: Vec<ChainingValue>,
    written: u64,
}

/// The digests of a file.
pub(super) struct Tree {
    /// Of each part.
    pub(super) leaves: Vec<ChainingValue>,
    /// Of the whole.
    pub(super) digest: [u8; 32],
    /// Its bytes.
    pub(super) length: u64,
}

impl HashingFile {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            buffer: Vec::with_capacity(BUFFER_LEAVES * LEAF_BYTES),
            leaves: Vec::new(),
            written: 0,
        }
    }

    /// Writes what is left, makes the file durable, and gives its digests.
    pub(super) fn finish(mut self) -> io::Result<Tree> {
        let small = self.leaves.is_empty() && self.buffer.len() <= LEAF_BYTES;
        let alone = small.then(|| blake3::hash(&self.buffer));
        self.write_buffer()?;
        self.file.sync_all()?;
        Ok(Tree {
            digest: *alone
                .unwrap_or_else(|| root(&self.leaves, self.written))
                .as_bytes(),
            length: self.written,
            leaves: self.leaves,
        })
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        let first = self.written / LEAF_LEN;
        for (number, part) in (first..).zip(self.buffer.chunks(LEAF_BYTES)) {
            self.leaves.push(leaf_digest(number, part));
        }
        self.file.write_all(&self.buffer)?;
        let length = u64::try_from(self.buffer.len()).map_err(io::Error::other)?;
        self.written = self.written.saturating_add(length);
        self.buffer.clear();
        Ok(())
    }
}

impl Write for HashingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BUFFER_LEAVES * LEAF_BYTES - self.buffer.len();
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        if taken == room {
            self.write_buffer()?;
        }
        Ok(taken)
    }

    /// Parts are written whole; what is left waits for [`HashingFile::finish`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The digest of a file of more than one part from the digests of its parts.
fn root(leaves: &[ChainingValue], length: u64) -> blake3::Hash {
    let (left, right) = children(leaves, length);
    merge_subtrees_root(&left, &right, Mode::Hash)
}

fn subtree(leaves: &[ChainingValue], length: u64) -> ChainingValue {
    match leaves {
        [alone] => *alone,
        _ => {
            let (left, right) = children(leaves, length);
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    }
}

fn children(leaves: &[ChainingValue], length: u64) -> (ChainingValue, ChainingValue) {
    let left_length = left_subtree_len(length);
    let count = usize::try_from(left_length / LEAF_LEN).unwrap_or(usize::MAX);
    let (left, right) = leaves.split_at(count);
    (
        subtree(left, left_length),
        subtree(right, length.saturating_sub(left_length)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ 7).collect();
        for length in [
            0, 1, 1_024, 16_384, 16_385, 65_536, 70_000, 524_288, 600_000, 2_999_999,
        ] {
            let mut file = HashingFile::new(File::create(folder.path().join("f")).unwrap());
            for part in bytes[..length].chunks(10_007) {
                file.write_all(part).unwrap();
            }
            let tree = file.finish().unwrap();
            assert_eq!(
                tree.digest,
                *blake3::hash(&bytes[..length]).as_bytes(),
                "{length}"
            );
            assert_eq!(tree.leaves.len(), length.div_ceil(LEAF_BYTES));
            assert_eq!(
                std::fs::read(folder.path().join("f")).unwrap(),
                bytes[..length]
            );
        }
    }
}
