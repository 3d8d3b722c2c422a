//! A Parquet file of which every byte is compared with its digest before anything reads it.
//!
//! Parquet's own checksums cover the pages' data, but not their headers and not the footer, where
//! one altered bit can turn values into others. Here the file is read in the parts of which the
//! index has digests.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::error::ArchiveError;
use super::index::Index;
use super::tree::{LEAF_BYTES, LEAF_LEN, leaf_digest};

/// The files of an archive.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) parquet: File,
    pub(super) path: PathBuf,
    pub(super) index: Index,
}

/// The Parquet file for the time of one question. It keeps the last part and the last block of
/// digests, because small pages lie side by side.
pub(super) struct Verified {
    files: Arc<Files>,
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    part: Option<(u64, Bytes)>,
    digests: Option<(u64, [u8; 4_096])>,
}

impl Verified {
    pub(super) fn new(files: Arc<Files>) -> Self {
        Self {
            files,
            recent: Mutex::default(),
        }
    }

    /// Bytes `start..end` of the file.
    fn read(&self, start: u64, end: u64) -> std::result::Result<Bytes, ArchiveError> {
        let length = self.len();
        if start > end || end > length {
            let reason = format!("something should be at bytes {start} to {end} of {length}");
            return Err(ArchiveError::damaged(&self.files.path, reason));
        }
        if start == end {
            return Ok(Bytes::new());
        }
        let (first, last) = (start / LEAF_LEN, (end - 1) / LEAF_LEN);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = match &recent.part {
            Some((number, part)) if *number == first && first == last => part.clone(),
            _ => self.read_parts(first, last, &mut recent)?,
        };
        let offset = first * LEAF_LEN;
        Ok(parts.slice(local(start - offset)..local(end - offset)))
    }

    fn read_parts(
        &self,
        first: u64,
        last: u64,
        recent: &mut Recent,
    ) -> std::result::Result<Bytes, ArchiveError> {
        let path = &self.files.path;
        let start = first * LEAF_LEN;
        let end = self.len().min((last + 1).saturating_mul(LEAF_LEN));
        let mut bytes = vec![0; local(end - start)];
        match self.files.parquet.read_exact_at(&mut bytes, start) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(ArchiveError::damaged(path, "it was cut short"));
            }
            Err(error) => return Err(ArchiveError::io(path, "reading it")(error)),
        }
        for (number, part) in (first..).zip(bytes.chunks(LEAF_BYTES)) {
            let wanted = Index::parts_block(number);
            let block = match &recent.digests {
                Some((held, block)) if *held == wanted => block,
                _ => {
                    &recent
                        .digests
                        .insert((wanted, self.files.index.parts(wanted)?))
                        .1
                }
            };
            if leaf_digest(number, part) != Index::part_digest(block, number) {
                let from = number * LEAF_LEN;
                let reason = format!("the 16 KiB from byte {from} differ from their digest");
                return Err(ArchiveError::damaged(path, reason));
            }
        }
        let bytes = Bytes::from(bytes);
        // A copy, so that a long read is not kept for the sake of its end.
        let tail = bytes.chunks(LEAF_BYTES).next_back().unwrap_or_default();
        recent.part = Some((last, Bytes::copy_from_slice(tail)));
        Ok(bytes)
    }
}

/// A distance within what is read at once. One that did not fit would fail on the slice.
fn local(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

impl Length for Verified {
    fn len(&self) -> u64 {
        self.files.index.header().parquet_bytes
    }
}

impl ChunkReader for Verified {
    type T = Reader<Bytes>;

    /// The library uses this only for the few bytes at the end.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let rest = self.read(start, self.len());
        Ok(rest.map_err(external)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = u64::try_from(length)
            .ok()
            .and_then(|length| start.checked_add(length));
        self.read(start, end.unwrap_or(u64::MAX)).map_err(external)
    }
}

fn external(error: ArchiveError) -> ParquetError {
    ParquetError::External(Box::new(error))
}
