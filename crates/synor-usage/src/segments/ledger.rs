//! What a sealed segment keeps beside its events: how its records were framed, so that the chain can
//! be followed again, and the withdrawals that were made in it.
//!
//! A magic, the number of frames, the number of records of each, then the withdrawals, each as its
//! position and the record of the write-ahead file; last, a checksum.

use std::path::Path;

use super::active::FrameMark;
use super::fault::Fault;
use super::frame::{PREFIX_BYTES, Record, Records, read_prefix};
use super::sorted::first;
use super::storage::replace;
use crate::log::LogPosition;
use synor_economics::metering::UsageEvent;

const MAGIC: [u8; 8] = *b"SYNLEDG1";

/// What a ledger says.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) frames: Vec<FrameMark>,
    /// In order of position.
    pub(super) withdrawals: Vec<LedgerWithdrawal>,
}

/// A withdrawal.
#[derive(Debug)]
pub(super) struct LedgerWithdrawal {
    /// Its own position.
    pub(super) position: LogPosition,
    /// The position of its event.
    pub(super) event: LogPosition,
    /// The event.
    pub(super) taken_back: UsageEvent,
    /// The record as it was in the write-ahead file.
    pub(super) record: Vec<u8>,
}

impl Ledger {
    /// Writes a ledger durably and returns its digest.
    pub(super) fn write(
        path: &Path,
        frames: &[FrameMark],
        withdrawals: &[(LogPosition, &[u8])],
    ) -> Result<[u8; 32], Fault> {
        let mut bytes = MAGIC.to_vec();
        let count = u64::try_from(frames.len()).unwrap_or(u64::MAX);
        bytes.extend_from_slice(&count.to_le_bytes());
        for frame in frames {
            bytes.extend_from_slice(&frame.records.to_le_bytes());
        }
        for (position, record) in withdrawals {
            bytes.extend_from_slice(&position.to_le_bytes());
            bytes.extend_from_slice(record);
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        replace(path, &bytes).map_err(Fault::io(path))?;
        Ok(*blake3::hash(&bytes).as_bytes())
    }

    /// Reads a ledger.
    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        let bytes = std::fs::read(path).map_err(Fault::io(path))?;
        let damaged = |reason: &str| Fault::damaged(path, 0, reason);
        let split = bytes.split_last_chunk::<4>();
        let (content, crc) = split.ok_or_else(|| damaged("the file ends early"))?;
        if *crc != crc32c::crc32c(content).to_le_bytes() {
            return Err(damaged("it differs from its checksum"));
        }
        let rest = content.strip_prefix(&MAGIC);
        let parsed = rest.and_then(|rest| rest.split_first_chunk::<8>());
        let (count, rest) = parsed.ok_or_else(|| damaged("it is no ledger"))?;
        let count = usize::try_from(u64::from_le_bytes(*count)).unwrap_or(usize::MAX);
        let split = count
            .checked_mul(4)
            .and_then(|length| rest.split_at_checked(length));
        let (frames, mut rest) = split.ok_or_else(|| damaged("it ends early"))?;
        let frames = frames.as_chunks::<4>().0.iter().map(|records| FrameMark {
            records: u32::from_le_bytes(*records),
        });
        let mut ledger = Self {
            frames: frames.collect(),
            withdrawals: Vec::new(),
        };
        while !rest.is_empty() {
            let (withdrawal, after) =
                withdrawal(rest).ok_or_else(|| damaged("a withdrawal does not read"))?;
            ledger.withdrawals.push(withdrawal);
            rest = after;
        }
        Ok(ledger)
    }
}

fn withdrawal(bytes: &[u8]) -> Option<(LedgerWithdrawal, &[u8])> {
    let (position, rest) = bytes.split_first_chunk::<8>()?;
    let position = u64::from_le_bytes(*position);
    let (length, _) = read_prefix(first(rest));
    let (record, after) = rest.split_at_checked(PREFIX_BYTES.checked_add(length)?)?;
    let placed = Records::of(record, position).next()?.ok()?;
    let Record::Withdrawal(row) = placed.record else {
        return None;
    };
    let withdrawal = LedgerWithdrawal {
        position,
        event: row.position,
        taken_back: row.event().ok()?,
        record: record.to_vec(),
    };
    Some((withdrawal, after))
}
