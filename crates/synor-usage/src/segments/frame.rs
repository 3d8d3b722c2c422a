//! One frame of a write-ahead file: what one sync made durable.
//!
//! | bytes | |
//! |---|---|
//! | 8 | magic |
//! | 8 | length of the payload |
//! | 8 | position of the first record |
//! | 4 | number of events |
//! | 4 | number of withdrawals |
//! | 4 | length of the stream positions, the last part of the payload |
//! | 32 | chain: the digest of the chain before, the first position and the records |
//! | 4 | CRC-32C of everything else in the frame |
//!
//! The payload is records, each with a prefix of four bytes (length and kind), in order of position,
//! then stream positions. Those are not part of the chain: they say how far another log was read.
//! All numbers are little-endian.

use super::row::{RowError, RowRef, decode};
use crate::log::{LogPosition, StreamPosition};

/// The size of a frame without its payload.
pub(super) const HEADER_BYTES: usize = 72;
/// The size of what precedes a record.
pub(super) const PREFIX_BYTES: usize = 4;
/// The longest record, in bytes.
pub(super) const RECORD_MAX: usize = 1 << 24;
pub(super) const MAGIC: [u8; 8] = *b"\xf5SYNFRM1";
const CRC_AT: usize = HEADER_BYTES - 4;

/// The digest over everything that a log acknowledged.
pub(super) type Chain = [u8; 32];

/// What stands before the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) payload_bytes: usize,
    pub(super) first: LogPosition,
    pub(super) events: u32,
    pub(super) withdrawals: u32,
    pub(super) streams_bytes: usize,
    pub(super) chain: Chain,
}

impl Header {
    /// How many positions the frame takes.
    pub(super) fn records(&self) -> u64 {
        u64::from(self.events).saturating_add(u64::from(self.withdrawals))
    }
}

/// A frame that was read and whose checksum holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
}

/// A record of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// An event that was accepted.
    Event(RowRef<'a>),
    /// An event that counts no more. Its row's position is that of the event.
    Withdrawal(RowRef<'a>),
}

impl<'a> Frame<'a> {
    /// The frame that begins with these bytes, or what is wrong with it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let (head, rest) = bytes
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or("the frame ends early")?;
        let header = parse_header(head)?;
        let payload = rest
            .get(..header.payload_bytes)
            .ok_or("the frame ends early")?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head[..CRC_AT]), payload);
        if head[CRC_AT..] != crc.to_le_bytes() {
            return Err("the frame differs from its checksum");
        }
        if header.streams_bytes > payload.len() {
            return Err("the frame contradicts itself");
        }
        Ok(Self { header, payload })
    }

    /// How long the frame is, in bytes.
    pub(super) fn length(&self) -> usize {
        HEADER_BYTES.saturating_add(self.payload.len())
    }

    /// The records' bytes.
    pub(super) fn records_bytes(&self) -> &'a [u8] {
        let records = self.payload.len().saturating_sub(self.header.streams_bytes);
        &self.payload[..records]
    }

    /// The records with their positions and where each begins in the payload.
    pub(super) fn records(&self) -> Records<'a> {
        Records {
            bytes: self.records_bytes(),
            at: 0,
            position: self.header.first,
        }
    }

    /// How far streams were read.
    pub(super) fn streams(&self) -> Result<Vec<StreamPosition>, RowError> {
        let records = self.payload.len().saturating_sub(self.header.streams_bytes);
        decode_streams(&self.payload[records..])
    }
}

fn parse_header(head: &[u8; HEADER_BYTES]) -> Result<Header, &'static str> {
    if head[..8] != MAGIC {
        return Err("no frame begins here");
    }
    let word = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let half = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&head[at..at + 4]);
        u32::from_le_bytes(bytes)
    };
    let mut chain = [0; 32];
    chain.copy_from_slice(&head[36..CRC_AT]);
    let size = |bytes: u64| usize::try_from(bytes).map_err(|_| "the frame ends early");
    Ok(Header {
        payload_bytes: size(word(8))?,
        first: word(16),
        events: half(24),
        withdrawals: half(28),
        streams_bytes: size(u64::from(half(32)))?,
        chain,
    })
}

/// The chain after a frame's records. A frame without records leaves it as it is.
pub(super) fn follow(chain: Chain, first: LogPosition, records: &[u8]) -> Chain {
    if records.is_empty() {
        return chain;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&chain);
    hasher.update(&first.to_le_bytes());
    hasher.update(records);
    *hasher.finalize().as_bytes()
}

/// Walks over the records of a frame.
#[derive(Debug, Clone)]
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    position: LogPosition,
}

/// A record, its position, and where its row begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) position: LogPosition,
    /// Where the packed event begins in the payload.
    pub(super) at: usize,
    /// The record as it is written, with its prefix.
    pub(super) bytes: &'a [u8],
    pub(super) record: Record<'a>,
}

const EARLY: RowError = RowError::Malformed("a record ends early");

impl<'a> Records<'a> {
    /// The records of these bytes, the first of which has this position.
    pub(super) fn of(bytes: &'a [u8], position: LogPosition) -> Self {
        Self {
            bytes,
            at: 0,
            position,
        }
    }

    fn placed(&mut self) -> Result<Placed<'a>, RowError> {
        let rest = self.bytes.get(self.at..).ok_or(EARLY)?;
        let (prefix, rest) = rest.split_first_chunk::<PREFIX_BYTES>().ok_or(EARLY)?;
        let (length, is_withdrawal) = read_prefix(*prefix);
        let body = rest.get(..length).ok_or(EARLY)?;
        let whole = self.at;
        let start = whole.saturating_add(PREFIX_BYTES);
        self.at = start.saturating_add(length);
        let position = self.position;
        self.position = position.saturating_add(1);
        let (at, record) = if is_withdrawal {
            let (event, row) = body.split_first_chunk::<8>().ok_or(EARLY)?;
            let row = decode(u64::from_le_bytes(*event), row)?;
            (start.saturating_add(8), Record::Withdrawal(row))
        } else {
            (start, Record::Event(decode(position, body)?))
        };
        Ok(Placed {
            position,
            at,
            bytes: self.bytes.get(whole..self.at).ok_or(EARLY)?,
            record,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Placed<'a>, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let placed = self.placed();
        if placed.is_err() {
            self.at = self.bytes.len();
        }
        Some(placed)
    }
}

/// The length of the record that follows, and whether it is a withdrawal.
pub(super) fn read_prefix(prefix: [u8; PREFIX_BYTES]) -> (usize, bool) {
    let word = u32::from_le_bytes(prefix);
    (
        usize::try_from(word >> 1).unwrap_or(usize::MAX),
        word & 1 == 1,
    )
}

/// Appends a record whose body `write` writes. `None` if it is too long; then `out` is as before.
pub(super) fn put_record(
    out: &mut Vec<u8>,
    is_withdrawal: bool,
    write: impl FnOnce(&mut Vec<u8>),
) -> Option<()> {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    let body = out.len();
    write(out);
    let length = out.len().saturating_sub(body);
    if length > RECORD_MAX {
        out.truncate(start);
        return None;
    }
    let word = u32::try_from(length).ok()? << 1 | u32::from(is_withdrawal);
    out[start..body].copy_from_slice(&word.to_le_bytes());
    Some(())
}

/// Collects the records of one frame.
#[derive(Debug, Default)]
pub(super) struct FrameBuilder {
    bytes: Vec<u8>,
    events: u32,
    withdrawals: u32,
    streams: Vec<u8>,
}

impl FrameBuilder {
    /// Begins a frame.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES, 0);
        self.streams.clear();
        (self.events, self.withdrawals) = (0, 0);
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() <= HEADER_BYTES && self.streams.is_empty()
    }

    /// How many positions the frame takes so far.
    pub(super) fn records(&self) -> u64 {
        u64::from(self.events).saturating_add(u64::from(self.withdrawals))
    }

    /// Where the next byte goes, from the start of the frame.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Appends records of events as they are.
    pub(super) fn events(&mut self, records: &[u8], count: u32) {
        self.bytes.extend_from_slice(records);
        self.events = self.events.saturating_add(count);
    }

    /// Appends a withdrawal. `row` is the packed event.
    pub(super) fn withdrawal(&mut self, event: LogPosition, row: &[u8]) {
        // A row that was a record once is not too long to be one again, eight bytes aside.
        let put = put_record(&mut self.bytes, true, |out| {
            out.extend_from_slice(&event.to_le_bytes());
            out.extend_from_slice(row);
        });
        debug_assert!(put.is_some());
        self.withdrawals = self.withdrawals.saturating_add(1);
    }

    /// Notes how far a stream was read.
    pub(super) fn stream(&mut self, read: &StreamPosition) {
        put_stream(&mut self.streams, read);
    }

    /// The whole frame, and the chain after it.
    pub(super) fn finish(&mut self, first: LogPosition, chain: Chain) -> (&[u8], Chain) {
        let chain = follow(chain, first, &self.bytes[HEADER_BYTES..]);
        self.bytes.extend_from_slice(&self.streams);
        let payload = self.bytes.len().saturating_sub(HEADER_BYTES);
        let wide = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let streams = u32::try_from(self.streams.len()).unwrap_or(u32::MAX);
        let head = &mut self.bytes[..HEADER_BYTES];
        head[..8].copy_from_slice(&MAGIC);
        head[8..16].copy_from_slice(&wide(payload).to_le_bytes());
        head[16..24].copy_from_slice(&first.to_le_bytes());
        head[24..28].copy_from_slice(&self.events.to_le_bytes());
        head[28..32].copy_from_slice(&self.withdrawals.to_le_bytes());
        head[32..36].copy_from_slice(&streams.to_le_bytes());
        head[36..CRC_AT].copy_from_slice(&chain);
        let crc = crc32c::crc32c(&self.bytes[..CRC_AT]);
        let crc = crc32c::crc32c_append(crc, &self.bytes[HEADER_BYTES..]);
        self.bytes[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        (&self.bytes, chain)
    }
}

/// Appends a stream position: partition, offset, length of the name, name.
pub(super) fn put_stream(out: &mut Vec<u8>, read: &StreamPosition) {
    out.extend_from_slice(&read.partition.to_le_bytes());
    out.extend_from_slice(&read.next_offset.to_le_bytes());
    let length = u32::try_from(read.stream.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(read.stream.as_bytes());
}

/// Reads what [`put_stream`] wrote.
pub(super) fn decode_streams(mut bytes: &[u8]) -> Result<Vec<StreamPosition>, RowError> {
    let mut streams = Vec::new();
    while !bytes.is_empty() {
        let (partition, rest) = bytes.split_first_chunk::<4>().ok_or(EARLY)?;
        let (next_offset, rest) = rest.split_first_chunk::<8>().ok_or(EARLY)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(EARLY)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| EARLY)?;
        let (name, rest) = rest.split_at_checked(length).ok_or(EARLY)?;
        let name = std::str::from_utf8(name)
            .map_err(|_| RowError::Malformed("the name of a stream is not UTF-8"))?;
        streams.push(StreamPosition {
            stream: name.to_owned(),
            partition: u32::from_le_bytes(*partition),
            next_offset: u64::from_le_bytes(*next_offset),
        });
        bytes = rest;
    }
    Ok(streams)
}
