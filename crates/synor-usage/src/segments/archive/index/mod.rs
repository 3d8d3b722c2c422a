//! The index beside a Parquet file: blocks of 4 KiB, each with its own check, read one at a time.
//!
//! | blocks | what they hold |
//! |---|---|
//! | 0 | the header: counts, length and digest of the Parquet file |
//! | accounts | in order of name: first row, number of rows, bounds of time and position |
//! | positions | the row of each position, counted from the first position |
//! | parts | the digest of each 16 KiB of the Parquet file |
//!
//! A block's check is keyed with the digest of the Parquet file and covers the block's number, so a
//! block of another file, or in another's place, is found like one that was altered.

mod accounts;
mod header;
mod read;
mod write;

pub(crate) use accounts::AccountRange;
pub(super) use read::Index;
pub(super) use write::IndexBuilder;

/// Bytes of a block.
const BLOCK_BYTES: usize = 4_096;
/// Bytes of a block's check.
const CHECK_BYTES: usize = 8;
/// Bytes of a block that hold something.
const ROOM: usize = BLOCK_BYTES - CHECK_BYTES;
/// What stands for a position that no row has.
const NO_ROW: u32 = u32::MAX;
/// Bytes of a row number.
const ROW_BYTES: usize = 4;
/// Row numbers in one block.
const ROWS_PER_BLOCK: usize = ROOM / ROW_BYTES;
/// Bytes of a part's digest.
const DIGEST_BYTES: usize = 32;
/// Parts' digests in one block.
const DIGESTS_PER_BLOCK: usize = ROOM / DIGEST_BYTES;
/// The key of the header's check: the digest is not known before the header is read.
const HEADER_KEY: [u8; 32] = [0; 32];

/// The check of a block.
fn check(key: &[u8; 32], number: u64, content: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&number.to_le_bytes());
    hasher.update(content);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK_BYTES]);
    check
}
