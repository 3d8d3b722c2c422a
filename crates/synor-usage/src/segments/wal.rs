//! The write-ahead file of a segment: a header, then one frame after the other.
//!
//! A file gets its name when its header is durable, so a header that does not read is damage. The one
//! frame being written when the power goes may be torn: then nothing valid follows it, because the
//! next frame is written only after a sync, and nothing in it was acknowledged. It is cut off. A frame
//! that does not read and has a valid one after it is damage, and is reported.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::Fault;
use super::frame::{Chain, Frame, HEADER_BYTES, MAGIC, PREFIX_BYTES, follow, read_prefix};
use super::storage::{LogFile, Storage, sync_folder};
use crate::error::UsageLogError;
use crate::log::LogPosition;

/// Where the first frame begins.
pub(super) const FRAMES_AT: u64 = 64;
const FILE_MAGIC: [u8; 8] = *b"SYNORWAL";
/// The newest format known here.
const FORMAT: u32 = 1;
const CRC_AT: usize = 60;

/// An open write-ahead file. Any number of threads may read from it what was synced.
#[derive(Debug)]
pub(super) struct Wal {
    path: PathBuf,
    file: Box<dyn LogFile>,
    start: WalStart,
    /// Up to where there is room on the disk.
    reserved: AtomicU64,
}

/// What a write-ahead file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WalStart {
    /// The number of its segment.
    pub(super) segment: u64,
    /// The first position that it may hold.
    pub(super) first: LogPosition,
    /// The chain before it.
    pub(super) chain: Chain,
}

/// How far a write-ahead file goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WalEnd {
    /// Where the next frame goes.
    pub(super) offset: u64,
    /// The last position.
    pub(super) position: LogPosition,
    /// The chain at the end.
    pub(super) chain: Chain,
}

impl WalStart {
    /// The end of a file without frames.
    pub(super) fn end(&self) -> WalEnd {
        WalEnd {
            offset: FRAMES_AT,
            position: self.first.saturating_sub(1),
            chain: self.chain,
        }
    }
}

impl Wal {
    /// The name of a segment's write-ahead file.
    pub(super) fn path_of(folder: &Path, segment: u64) -> PathBuf {
        folder.join(format!("{segment:010}.wal"))
    }

    /// Creates the write-ahead file of a segment; durable when it returns.
    pub(super) fn create(
        storage: &dyn Storage,
        folder: &Path,
        start: WalStart,
    ) -> Result<Self, Fault> {
        let path = Self::path_of(folder, start.segment);
        let beside = path.with_extension("wal-new");
        let created = || {
            let file = storage.create(&beside)?;
            file.write_at(&header(start), 0)?;
            file.sync()?;
            std::fs::rename(&beside, &path)?;
            sync_folder(folder)?;
            Ok(file)
        };
        let file = created().map_err(Fault::io(&path))?;
        Ok(Self {
            path,
            file,
            start,
            reserved: AtomicU64::new(0),
        })
    }

    /// Opens a write-ahead file and reads its header.
    pub(super) fn open(storage: &dyn Storage, path: &Path) -> Result<Self, Fault> {
        let file = storage.open(path).map_err(Fault::io(path))?;
        let mut head = [0; 64];
        if file.length().map_err(Fault::io(path))? < FRAMES_AT {
            return Err(Fault::damaged(
                path,
                0,
                "the file is shorter than its header",
            ));
        }
        file.read_at(&mut head, 0).map_err(Fault::io(path))?;
        let start = parse_header(path, &head)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            start,
            reserved: AtomicU64::new(0),
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it begins with.
    pub(super) fn start(&self) -> WalStart {
        self.start
    }

    /// Writes a frame and syncs it. Room is made `ahead` bytes at a time: a sync of a file that does
    /// not grow takes a third of the time.
    pub(super) fn append(&self, frame: &[u8], offset: u64, ahead: u64) -> Result<(), Fault> {
        let end = offset.saturating_add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
        if end > self.reserved.load(Ordering::Relaxed) {
            let to = end.saturating_add(ahead);
            self.file.reserve(offset, to.saturating_sub(offset));
            self.reserved.store(to, Ordering::Relaxed);
        }
        let appended = || {
            self.file.write_at(frame, offset)?;
            self.file.sync()
        };
        appended().map_err(Fault::io(&self.path))
    }

    /// Cuts off what is behind the end.
    pub(super) fn cut(&self, end: WalEnd) -> Result<(), Fault> {
        let cut = || {
            if self.file.length()? == end.offset {
                return Ok(());
            }
            self.file.set_length(end.offset)?;
            self.file.sync()
        };
        cut().map_err(Fault::io(&self.path))
    }

    /// The packed event that begins at this offset in the file.
    pub(super) fn row(&self, offset: u64) -> Result<Vec<u8>, Fault> {
        // Most records are short: one read has the prefix and the row.
        const GUESS: usize = 256;
        let prefix_at = offset.saturating_sub(PREFIX_BYTES as u64);
        let available = self.file.length().map_err(Fault::io(&self.path))?;
        let available = usize::try_from(available.saturating_sub(prefix_at)).unwrap_or(GUESS);
        let mut bytes = vec![0; GUESS.min(available)];
        self.read(&mut bytes, prefix_at)?;
        let early = || Fault::damaged(&self.path, prefix_at, "a record ends early");
        let prefix = bytes.first_chunk::<PREFIX_BYTES>().ok_or_else(early)?;
        let (length, is_withdrawal) = read_prefix(*prefix);
        if is_withdrawal || length > available {
            return Err(Fault::damaged(&self.path, prefix_at, "no event is here"));
        }
        bytes.drain(..PREFIX_BYTES);
        let known = bytes.len();
        bytes.resize(length, 0);
        if length > known {
            let at = offset.saturating_add(known as u64);
            self.read(&mut bytes[known..], at)?;
        }
        Ok(bytes)
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), Fault> {
        self.file
            .read_at(bytes, offset)
            .map_err(Fault::io(&self.path))
    }

    /// How long the file is, in bytes.
    pub(super) fn length(&self) -> Result<u64, Fault> {
        self.file.length().map_err(Fault::io(&self.path))
    }

    /// The whole file.
    pub(super) fn contents(&self) -> Result<Vec<u8>, Fault> {
        self.contents_to(self.length()?)
    }

    /// The file up to an offset.
    pub(super) fn contents_to(&self, end: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        self.read_contents_to(end, &mut bytes)?;
        Ok(bytes)
    }

    /// The file up to an offset, in place of what `bytes` held.
    pub(super) fn read_contents_to(&self, end: u64, bytes: &mut Vec<u8>) -> Result<(), Fault> {
        bytes.resize(usize::try_from(end).unwrap_or(usize::MAX), 0);
        self.read(bytes, 0)
    }

    /// Reads every frame, gives each to `each` with the offset of its payload, and says where the
    /// frames end. Only in the newest file, which was being written to, may the last frame be torn.
    pub(super) fn replay(
        &self,
        is_newest: bool,
        mut each: impl FnMut(&Frame<'_>, u64) -> Result<(), Fault>,
    ) -> Result<WalEnd, Fault> {
        let bytes = self.contents()?;
        self.walk(&bytes, is_newest, &mut each)
    }

    /// Reads every frame up to an offset at which one is known to end, and says where they end.
    pub(super) fn verify(
        &self,
        to: u64,
        mut each: impl FnMut(&Frame<'_>, u64) -> Result<(), Fault>,
    ) -> Result<WalEnd, Fault> {
        let bytes = self.contents_to(to)?;
        let end = self.walk(&bytes, false, &mut each)?;
        if end.offset == to {
            return Ok(end);
        }
        Err(Fault::damaged(&self.path, end.offset, "frames are missing"))
    }

    fn walk(
        &self,
        bytes: &[u8],
        may_be_torn: bool,
        each: &mut dyn FnMut(&Frame<'_>, u64) -> Result<(), Fault>,
    ) -> Result<WalEnd, Fault> {
        let start = parse_header(&self.path, bytes.first_chunk().unwrap_or(&[0; 64]))?;
        let mut end = start.end();
        loop {
            let at = usize::try_from(end.offset).unwrap_or(usize::MAX);
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.iter().all(|&byte| byte == 0) {
                return Ok(end);
            }
            let damaged = |reason: &str| Fault::damaged(&self.path, end.offset, reason);
            let frame = match Frame::parse(rest) {
                Ok(frame) => frame,
                Err(_) if may_be_torn && !holds_frame(rest) => return Ok(end),
                Err(reason) => return Err(damaged(reason)),
            };
            end = follow_frame(end, &frame).map_err(damaged)?;
            let payload = at.saturating_add(HEADER_BYTES);
            each(&frame, u64::try_from(payload).unwrap_or(u64::MAX))?;
        }
    }
}

/// The end after one more frame, if it follows from what is before.
pub(super) fn follow_frame(end: WalEnd, frame: &Frame<'_>) -> Result<WalEnd, &'static str> {
    let next = end.position.saturating_add(1);
    if frame.header.first != next {
        return Err("the frame does not begin at the position after the frame before");
    }
    let chain = follow(end.chain, next, frame.records_bytes());
    if chain != frame.header.chain {
        return Err("the chain does not follow from the frame before");
    }
    let length = u64::try_from(frame.length()).unwrap_or(u64::MAX);
    Ok(WalEnd {
        offset: end.offset.saturating_add(length),
        position: end.position.saturating_add(frame.header.records()),
        chain,
    })
}

/// Whether a valid frame begins anywhere behind the first byte.
fn holds_frame(bytes: &[u8]) -> bool {
    let mut from = 1;
    while let Some(rest) = bytes.get(from..) {
        let Some(at) = find(rest, &MAGIC) else {
            return false;
        };
        if Frame::parse(&rest[at..]).is_ok() {
            return true;
        }
        from = from.saturating_add(at).saturating_add(1);
    }
    false
}

fn find(bytes: &[u8], what: &[u8; 8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn header(start: WalStart) -> [u8; 64] {
    let mut head = [0; 64];
    head[..8].copy_from_slice(&FILE_MAGIC);
    head[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    head[12..20].copy_from_slice(&start.segment.to_le_bytes());
    head[20..28].copy_from_slice(&start.first.to_le_bytes());
    head[28..CRC_AT].copy_from_slice(&start.chain);
    let crc = crc32c::crc32c(&head[..CRC_AT]);
    head[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    head
}

fn parse_header(path: &Path, head: &[u8; 64]) -> Result<WalStart, Fault> {
    let damaged = |reason| Err(Fault::damaged(path, 0, reason));
    if head[..8] != FILE_MAGIC {
        return damaged("it does not begin as a write-ahead file does");
    }
    if head[CRC_AT..] != crc32c::crc32c(&head[..CRC_AT]).to_le_bytes() {
        return damaged("the header differs from its checksum");
    }
    let word = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let found = word(8) & u64::from(u32::MAX);
    if found > u64::from(FORMAT) {
        return Err(Fault::Complete(UsageLogError::NewerFormat {
            log: path.display().to_string(),
            found: i64::try_from(found).unwrap_or(i64::MAX),
            known: i64::from(FORMAT),
        }));
    }
    let mut chain = [0; 32];
    chain.copy_from_slice(&head[28..CRC_AT]);
    Ok(WalStart {
        segment: word(12),
        first: word(20),
        chain,
    })
}
