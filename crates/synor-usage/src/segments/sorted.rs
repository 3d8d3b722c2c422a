//! Files of records of one size in order of key, written once and read in checked blocks.
//!
//! Block 0 is the header; then come the blocks of records, each with a checksum that covers its
//! number and the file it belongs to; then the first keys of the blocks, which an open file has in
//! memory: one look-up is one read.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::storage::sync_folder;

const BLOCK_BYTES: usize = 4_096;
const ROOM: usize = BLOCK_BYTES - 4;
const MAGIC: [u8; 8] = *b"SYNSORT1";
const KEY_BYTES: usize = 16;

/// What records are sorted by: account, meter and a time.
pub(super) type Key = (u32, u32, i64);

/// A record of a sorted file.
pub(super) trait Record: Copy {
    /// Its size.
    const BYTES: usize;
    /// Tells files of different records apart.
    const KIND: u8;
    /// What it is sorted by.
    fn key(&self) -> Key;
    /// Writes it to bytes of its size.
    fn put(&self, bytes: &mut [u8]);
    /// Reads what [`Record::put`] wrote.
    fn get(bytes: &[u8]) -> Self;
}

fn per_block<R: Record>() -> usize {
    ROOM / R::BYTES
}

/// The digest of a file that was written, for the manifest.
pub(super) type FileDigest = [u8; 32];

/// Writes a sorted file.
pub(super) struct SortedWriter<R> {
    path: PathBuf,
    beside: PathBuf,
    out: BufWriter<File>,
    hasher: blake3::Hasher,
    tag: u32,
    block: Vec<u8>,
    number: u64,
    count: u64,
    index: Vec<u8>,
    records: PhantomData<R>,
}

impl<R: Record> SortedWriter<R> {
    /// Begins a file. `seed` makes its checksums its own.
    pub(super) fn create(path: &Path, seed: u64) -> Result<Self, Fault> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let file = File::create(&beside).map_err(Fault::io(&beside))?;
        let tag = tag::<R>(seed);
        let mut writer = Self {
            path: path.to_owned(),
            beside,
            out: BufWriter::with_capacity(1 << 18, file),
            hasher: blake3::Hasher::new(),
            tag,
            block: Vec::with_capacity(BLOCK_BYTES),
            number: 0,
            count: 0,
            index: Vec::new(),
            records: PhantomData,
        };
        writer.block.extend_from_slice(&MAGIC);
        writer.block.extend_from_slice(&seed.to_le_bytes());
        writer.block.push(R::KIND);
        writer.end_block()?;
        Ok(writer)
    }

    /// Appends the next record in order.
    pub(super) fn push(&mut self, record: &R) -> Result<(), Fault> {
        let start = self.block.len();
        if start == 0 {
            put_key(record.key(), &mut self.index);
        }
        self.block.resize(start.saturating_add(R::BYTES), 0);
        record.put(&mut self.block[start..]);
        self.count = self.count.saturating_add(1);
        if self.block.len() >= per_block::<R>() * R::BYTES {
            self.end_block()?;
        }
        Ok(())
    }

    /// Ends the file; it is durable and has its name when this returns.
    pub(super) fn finish(mut self) -> Result<(SortedFile<R>, FileDigest), Fault> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let mut tail = std::mem::take(&mut self.index);
        tail.extend_from_slice(&self.count.to_le_bytes());
        let crc = crc32c::crc32c_append(self.tag, &tail);
        tail.extend_from_slice(&crc.to_le_bytes());
        self.write(&tail)?;
        let finished = || {
            let file = self
                .out
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&self.beside, &self.path)?;
            sync_folder(self.path.parent().unwrap_or(Path::new(".")))
        };
        finished().map_err(Fault::io(&self.path))?;
        let digest = *self.hasher.finalize().as_bytes();
        Ok((SortedFile::open(&self.path)?, digest))
    }

    fn end_block(&mut self) -> Result<(), Fault> {
        self.block.resize(ROOM, 0);
        let crc = block_crc(self.tag, self.number, &self.block);
        self.block.extend_from_slice(&crc.to_le_bytes());
        let block = std::mem::take(&mut self.block);
        self.write(&block)?;
        self.block = block;
        self.block.clear();
        self.number = self.number.saturating_add(1);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.hasher.update(bytes);
        self.out.write_all(bytes).map_err(Fault::io(&self.beside))
    }
}

/// An open sorted file.
#[derive(Debug)]
pub(super) struct SortedFile<R> {
    file: File,
    path: PathBuf,
    tag: u32,
    count: u64,
    index: Vec<Key>,
    records: PhantomData<fn() -> R>,
}

/// The block that was read last: neighbours are often asked for one after the other.
#[derive(Debug)]
pub(super) struct LastBlock {
    number: usize,
    bytes: Box<[u8; BLOCK_BYTES]>,
}

impl Default for LastBlock {
    fn default() -> Self {
        Self {
            number: usize::MAX,
            bytes: Box::new([0; BLOCK_BYTES]),
        }
    }
}

impl<R: Record> SortedFile<R> {
    /// Opens a file and reads its header and index.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let damaged = |offset, reason: &str| Fault::damaged(path, offset, reason);
        let file = File::open(path).map_err(Fault::io(path))?;
        let length = file.metadata().map_err(Fault::io(path))?.len();
        let mut header = [0; BLOCK_BYTES];
        if length < BLOCK_BYTES as u64 + 12 {
            return Err(damaged(length, "the file ends early"));
        }
        let read = |bytes: &mut [u8], at| file.read_exact_at(bytes, at).map_err(Fault::io(path));
        read(&mut header, 0)?;
        let seed = u64::from_le_bytes(first(&header[8..]));
        let tag = tag::<R>(seed);
        let crc = block_crc(tag, 0, &header[..ROOM]);
        if header[..8] != MAGIC || header[16] != R::KIND || header[ROOM..] != crc.to_le_bytes() {
            return Err(damaged(0, "the header differs from its checksum"));
        }
        let mut tail = [0; 12];
        read(&mut tail, length.saturating_sub(12))?;
        let count = u64::from_le_bytes(first(&tail));
        let blocks = count.div_ceil(per_block::<R>() as u64);
        let index_at = blocks
            .checked_add(1)
            .and_then(|n| n.checked_mul(BLOCK_BYTES as u64));
        let index_bytes = blocks.checked_mul(KEY_BYTES as u64);
        let index_end = index_at
            .zip(index_bytes)
            .and_then(|(a, b)| a.checked_add(b));
        let (Some(index_at), true) = (index_at, index_end == length.checked_sub(12)) else {
            return Err(damaged(length - 12, "the file is not as long as it says"));
        };
        let tail_bytes = usize::try_from(length.saturating_sub(index_at)).unwrap_or(usize::MAX);
        let mut tail = vec![0; tail_bytes];
        read(&mut tail, index_at)?;
        let (content, crc) = tail.split_at(tail_bytes.saturating_sub(4));
        if crc != crc32c::crc32c_append(tag, content).to_le_bytes() {
            return Err(damaged(index_at, "the index differs from its checksum"));
        }
        let (keys, _) = content.as_chunks::<KEY_BYTES>();
        let blocks = usize::try_from(blocks).unwrap_or(usize::MAX);
        let index = keys.iter().take(blocks).map(get_key).collect();
        Ok(Self {
            path: path.to_owned(),
            tag,
            count,
            index,
            records: PhantomData,
            file,
        })
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The digest of the whole file, read again.
    pub(super) fn digest(&self) -> Result<FileDigest, Fault> {
        let mut hasher = blake3::Hasher::new();
        File::open(&self.path)
            .and_then(|file| hasher.update_reader(file).map(drop))
            .map_err(Fault::io(&self.path))?;
        Ok(*hasher.finalize().as_bytes())
    }

    /// How many records there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many records have keys less than this one.
    pub(super) fn rank(&self, key: Key, last: &mut LastBlock) -> Result<u64, Fault> {
        let after = self.index.partition_point(|first| *first < key);
        let Some(block) = after.checked_sub(1) else {
            return Ok(0);
        };
        let records = self.block(block, last)?;
        let mut within = 0..records.len() / R::BYTES;
        while !within.is_empty() {
            let middle = within.start.midpoint(within.end);
            let at = middle * R::BYTES;
            if R::get(&records[at..at + R::BYTES]).key() < key {
                within.start = middle + 1;
            } else {
                within.end = middle;
            }
        }
        let rank = block * per_block::<R>() + within.start;
        Ok(u64::try_from(rank).unwrap_or(u64::MAX))
    }

    /// The record of a rank.
    pub(super) fn get(&self, rank: u64, last: &mut LastBlock) -> Result<Option<R>, Fault> {
        if rank >= self.count {
            return Ok(None);
        }
        let rank = usize::try_from(rank).unwrap_or(usize::MAX);
        let records = self.block(rank / per_block::<R>(), last)?;
        let at = rank % per_block::<R>() * R::BYTES;
        Ok(records.get(at..at + R::BYTES).map(R::get))
    }

    fn block<'l>(&self, number: usize, last: &'l mut LastBlock) -> Result<&'l [u8], Fault> {
        let in_file = u64::try_from(number).unwrap_or(u64::MAX).saturating_add(1);
        if last.number != number {
            last.number = usize::MAX;
            let at = in_file.saturating_mul(BLOCK_BYTES as u64);
            self.file
                .read_exact_at(&mut *last.bytes, at)
                .map_err(Fault::io(&self.path))?;
            let crc = block_crc(self.tag, in_file, &last.bytes[..ROOM]);
            if last.bytes[ROOM..] != crc.to_le_bytes() {
                let reason = "the block differs from its checksum";
                return Err(Fault::damaged(&self.path, at, reason));
            }
            last.number = number;
        }
        let before = number.saturating_mul(per_block::<R>());
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let here = count.saturating_sub(before).min(per_block::<R>());
        Ok(&last.bytes[..here * R::BYTES])
    }
}

fn tag<R: Record>(seed: u64) -> u32 {
    crc32c::crc32c_append(u32::from(R::KIND), &seed.to_le_bytes())
}

fn block_crc(tag: u32, number: u64, content: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(tag, &number.to_le_bytes());
    crc32c::crc32c_append(crc, content)
}

fn put_key(key: Key, out: &mut Vec<u8>) {
    out.extend_from_slice(&key.0.to_le_bytes());
    out.extend_from_slice(&key.1.to_le_bytes());
    out.extend_from_slice(&key.2.to_le_bytes());
}

fn get_key(bytes: &[u8; KEY_BYTES]) -> Key {
    (
        u32::from_le_bytes(first(bytes)),
        u32::from_le_bytes(first(&bytes[4..])),
        i64::from_le_bytes(first(&bytes[8..])),
    )
}

/// The first bytes of a slice that has that many.
pub(super) fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}
