//! Which files are the log. The manifest is replaced whole, and only when every file that it names is
//! durable; what it replaces is deleted only after that. So whenever the power goes, either the old
//! or the new one is there, and all of its files are.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::archive::{Written, index_path};
use super::fault::Fault;
use super::frame::Chain;
use super::storage::replace;
use super::totals::TotalsRange;
use crate::error::UsageLogError;
use crate::log::{LogPosition, StreamPosition};

/// The newest format known here.
const FORMAT: i64 = 1;
const NAME: &str = "manifest";
/// What the first line begins with; the digest of the rest follows.
const TITLE: &str = "synor usage log, digest ";

/// The live files and what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: i64,
    /// The secret that identities are hashed with.
    pub(super) key: [u8; 16],
    pub(super) meters: MetersFile,
    /// How far streams were read at the end of the last sealed segment.
    pub(super) streams: Vec<StreamPosition>,
    /// The sealed segments, oldest first.
    pub(super) segments: Vec<SegmentFiles>,
    /// The names of the key files, oldest first.
    pub(super) keys: Vec<String>,
    /// The totals, oldest first.
    pub(super) totals: Vec<TotalsRange>,
    /// Ids of events that happened before this, in seconds, may have been forgotten: none of then may
    /// be taken any more, whatever the clock says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) remembers_from_secs: Option<i64>,
}

/// How much of the file of meters is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MetersFile {
    pub(super) count: usize,
    pub(super) bytes: u64,
    pub(super) digest: [u8; 32],
}

/// A sealed segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentFiles {
    pub(super) number: u64,
    pub(super) first: LogPosition,
    pub(super) last: LogPosition,
    /// The chain at its end.
    pub(super) chain: Chain,
    /// How many of its positions are withdrawals.
    pub(super) withdrawals: u64,
    pub(super) ledger_digest: [u8; 32],
    /// Its events; none if there are none or they have expired.
    pub(super) archive: Option<ArchiveFiles>,
    /// Whether its events were deleted because of their age.
    pub(super) expired: bool,
}

/// The files of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ArchiveFiles {
    pub(super) rows: u64,
    pub(super) first_position: LogPosition,
    pub(super) time_min: i64,
    pub(super) time_max: i64,
    pub(super) parquet_bytes: u64,
    pub(super) parquet_digest: [u8; 32],
    pub(super) index_bytes: u64,
    pub(super) index_digest: [u8; 32],
}

impl From<&Written> for ArchiveFiles {
    fn from(written: &Written) -> Self {
        Self {
            rows: written.rows,
            first_position: written.first_position,
            time_min: written.time_min,
            time_max: written.time_max,
            parquet_bytes: written.parquet_bytes,
            parquet_digest: written.parquet_digest,
            index_bytes: written.index_bytes,
            index_digest: written.index_digest,
        }
    }
}

impl From<&ArchiveFiles> for Written {
    fn from(files: &ArchiveFiles) -> Self {
        Self {
            rows: files.rows,
            first_position: files.first_position,
            time_min: files.time_min,
            time_max: files.time_max,
            parquet_bytes: files.parquet_bytes,
            parquet_digest: files.parquet_digest,
            index_bytes: files.index_bytes,
            index_digest: files.index_digest,
        }
    }
}

impl SegmentFiles {
    /// The Parquet file.
    pub(super) fn archive_path(&self, folder: &Path) -> PathBuf {
        archive_path(folder, self.number)
    }

    /// The file of frames and withdrawals.
    pub(super) fn ledger_path(&self, folder: &Path) -> PathBuf {
        ledger_path(folder, self.number)
    }
}

/// The Parquet file of a segment.
pub(super) fn archive_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.parquet"))
}

/// The file of frames and withdrawals of a segment.
pub(super) fn ledger_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.ledger"))
}

impl Manifest {
    /// The manifest of a log without sealed segments.
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self {
            format: FORMAT,
            key,
            meters: MetersFile {
                count: 0,
                bytes: 0,
                digest: *blake3::hash(&[]).as_bytes(),
            },
            streams: Vec::new(),
            segments: Vec::new(),
            keys: Vec::new(),
            totals: Vec::new(),
            remembers_from_secs: None,
        }
    }

    /// Where the manifest of a log is.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join(NAME)
    }

    /// Reads the manifest of a folder; none if there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Fault> {
        let path = Self::path(folder);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(Fault::io(&path))?,
        };
        Self::parse(&path, &bytes).map(Some)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Fault> {
        let body_at = TITLE.len() + 64 + 1;
        let differs = || Fault::damaged(path, 0, "it differs from its digest");
        let (head, body) = bytes.split_at_checked(body_at).ok_or_else(differs)?;
        let expected = format!("{TITLE}{}\n", blake3::hash(body).to_hex());
        if head != expected.as_bytes() {
            return Err(differs());
        }
        #[derive(Deserialize)]
        struct Format {
            format: i64,
        }
        let unreadable = |error| Fault::damaged(path, 0, error);
        let Format { format } = serde_json::from_slice(body).map_err(unreadable)?;
        if format > FORMAT {
            return Err(Fault::Complete(UsageLogError::NewerFormat {
                log: path.display().to_string(),
                found: format,
                known: FORMAT,
            }));
        }
        serde_json::from_slice(body).map_err(unreadable)
    }

    /// Makes this the manifest of the folder, durably.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Fault> {
        let path = Self::path(folder);
        let body = serde_json::to_vec(self).map_err(|e| Fault::io(&path)(e.into()))?;
        let mut bytes = format!("{TITLE}{}\n", blake3::hash(&body).to_hex()).into_bytes();
        bytes.extend_from_slice(&body);
        replace(&path, &bytes).map_err(Fault::io(&path))
    }

    /// The last sealed position.
    pub(super) fn last(&self) -> LogPosition {
        self.segments.last().map_or(0, |segment| segment.last)
    }

    /// The chain at the end of what is sealed.
    pub(super) fn chain(&self) -> Chain {
        self.segments
            .last()
            .map_or([0; 32], |segment| segment.chain)
    }

    /// The number of the first segment that is not sealed.
    pub(super) fn next_segment(&self) -> u64 {
        let last = self.segments.last().map_or(0, |segment| segment.number);
        last.saturating_add(1)
    }

    /// Every file that it names.
    pub(super) fn files(&self, folder: &Path) -> HashSet<PathBuf> {
        let mut files = HashSet::new();
        for segment in &self.segments {
            files.insert(segment.ledger_path(folder));
            if segment.archive.is_some() && !segment.expired {
                let parquet = segment.archive_path(folder);
                files.insert(index_path(&parquet));
                files.insert(parquet);
            }
        }
        for totals in &self.totals {
            files.insert(totals.sums_path(folder));
            files.insert(totals.samples_path(folder));
        }
        files.extend(self.keys.iter().map(|name| folder.join(name)));
        files
    }
}
