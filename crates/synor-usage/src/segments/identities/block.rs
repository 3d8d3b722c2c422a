//! How bytes lie in a key file: in blocks that each say whether they are what was written.
//!
//! ```text
//! block 0       the header
//! block 1 …     entries, in the order of their hashes
//! then          the index: the first 32 bits of the first hash of every block of entries
//!
//! a block       4,080 bytes, then its number (8 bytes), the file's tag (4), a CRC-32C of it all (4)
//! ```
//!
//! The number and the tag tell a block from one of another place or file, which a disk that lost a
//! write gives back with a checksum that is right. Numbers are little-endian; only hashes are not.

use super::entry::ENTRY_BYTES;

/// The size of a block: a page, so that a look-up that is not cached is one read of the disk.
pub(super) const BLOCK_BYTES: usize = 4096;
/// What a block holds besides its trailer.
pub(super) const BODY_BYTES: usize = 4080;
/// How many entries a block holds.
pub(super) const ENTRIES_PER_BLOCK: usize = BODY_BYTES / ENTRY_BYTES;
/// How many hash prefixes a block of the index holds.
pub(super) const PREFIXES_PER_BLOCK: usize = BODY_BYTES / 4;
/// The newest format known here.
pub(super) const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"SYNORIDS";
const SUM_AT: usize = BLOCK_BYTES - 4;

/// Ends the block that `bytes` ends in: fills it with zeros and writes its trailer.
pub(super) fn end_block(bytes: &mut Vec<u8>, number: u64, tag: u32) {
    let start = bytes.len() / BLOCK_BYTES * BLOCK_BYTES;
    bytes.resize(start + BODY_BYTES, 0);
    bytes.extend(number.to_le_bytes());
    bytes.extend(tag.to_le_bytes());
    let sum = crc32c::crc32c(&bytes[start..]);
    bytes.extend(sum.to_le_bytes());
}

/// Whether a block is what [`end_block`] made of it; if not, what is wrong.
pub(super) fn check_block(
    block: &[u8; BLOCK_BYTES],
    number: u64,
    tag: u32,
) -> Result<(), &'static str> {
    check_sum(block)?;
    if block[BODY_BYTES..BODY_BYTES + 8] != number.to_le_bytes() {
        return Err("it is the block of another place");
    }
    if block[BODY_BYTES + 8..SUM_AT] != tag.to_le_bytes() {
        return Err("it is the block of another file");
    }
    Ok(())
}

fn check_sum(block: &[u8; BLOCK_BYTES]) -> Result<(), &'static str> {
    match crc32c::crc32c(&block[..SUM_AT]).to_le_bytes() == block[SUM_AT..] {
        true => Ok(()),
        false => Err("its checksum does not match"),
    }
}

/// What the first block says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// How many entries the file has.
    pub(super) count: u64,
    /// The first position that the file speaks for.
    pub(super) first: u64,
    /// The last position that the file speaks for.
    pub(super) last: u64,
}

/// Why a first block is not the header of a key file that can be read.
pub(super) enum HeaderFault {
    /// It is not what was written, or never was a header.
    Damaged(&'static str),
    /// It has a later format.
    Newer(u32),
}

impl Header {
    /// What the blocks of the file carry. Known before the entries are, which a merge drops some of.
    pub(super) fn tag(self) -> u32 {
        let first = crc32c::crc32c(&self.first.to_le_bytes());
        crc32c::crc32c_append(first, &self.last.to_le_bytes())
    }

    /// How many blocks of entries the file has.
    pub(super) fn entry_blocks(self) -> u64 {
        self.count.div_ceil(ENTRIES_PER_BLOCK as u64)
    }

    /// How many blocks of index follow them.
    pub(super) fn index_blocks(self) -> u64 {
        self.entry_blocks().div_ceil(PREFIXES_PER_BLOCK as u64)
    }

    /// The first block.
    pub(super) fn to_block(self) -> Vec<u8> {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        block.extend(MAGIC);
        block.extend(FORMAT.to_le_bytes());
        for number in [self.count, self.first, self.last] {
            block.extend(number.to_le_bytes());
        }
        end_block(&mut block, 0, self.tag());
        block
    }

    /// Reads what [`Header::to_block`] wrote.
    pub(super) fn from_block(block: &[u8; BLOCK_BYTES]) -> Result<Self, HeaderFault> {
        if block[..8] != MAGIC {
            return Err(HeaderFault::Damaged("it does not begin a key file"));
        }
        check_sum(block).map_err(HeaderFault::Damaged)?;
        let format = u32::from_le_bytes(bytes_at(block, 8));
        if format > FORMAT {
            return Err(HeaderFault::Newer(format));
        }
        let header = Self {
            count: u64::from_le_bytes(bytes_at(block, 12)),
            first: u64::from_le_bytes(bytes_at(block, 20)),
            last: u64::from_le_bytes(bytes_at(block, 28)),
        };
        check_block(block, 0, header.tag()).map_err(HeaderFault::Damaged)?;
        Ok(header)
    }
}

fn bytes_at<const N: usize>(block: &[u8; BLOCK_BYTES], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&block[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u64, tag: u32) -> [u8; BLOCK_BYTES] {
        let mut bytes = b"some".to_vec();
        end_block(&mut bytes, number, tag);
        bytes.try_into().unwrap()
    }

    #[test]
    fn a_block_of_another_place_or_file_is_told() {
        assert_eq!(check_block(&block(3, 9), 3, 9), Ok(()));
        assert!(
            check_block(&block(3, 9), 4, 9)
                .unwrap_err()
                .contains("place")
        );
        assert!(
            check_block(&block(3, 9), 3, 8)
                .unwrap_err()
                .contains("file")
        );
    }

    #[test]
    fn a_header_reads_back_and_a_later_format_is_told() {
        let header = Header {
            count: 5,
            first: 10,
            last: 20,
        };
        let mut bytes = header.to_block();
        let read = Header::from_block(bytes.as_slice().try_into().unwrap());
        assert!(matches!(read, Ok(found) if found == header));

        bytes.truncate(BODY_BYTES);
        bytes[8] = 2;
        end_block(&mut bytes, 0, header.tag());
        let read = Header::from_block(bytes.as_slice().try_into().unwrap());
        assert!(matches!(read, Err(HeaderFault::Newer(2))));
    }
}
