//! Why an archive file could not be written or read, always with its name.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use thiserror::Error;

/// Why an archive file could not be written or read.
#[derive(Debug, Error)]
pub(crate) enum ArchiveError {
    /// The system refused.
    #[error("archive file {} failed while {doing}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file that does not say what was written.
    #[error("archive file {} is damaged: {reason}", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Rows that cannot make a segment.
    #[error("archive file {} cannot hold these rows: {reason}", file.display())]
    Refused {
        /// Which file they were for.
        file: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
}

impl ArchiveError {
    pub(super) fn damaged(file: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn refused(file: &Path, reason: impl Into<String>) -> Self {
        Self::Refused {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    /// The error of a failed operation on a file; to be passed to `map_err`.
    pub(super) fn io(file: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io {
            file,
            doing,
            source,
        }
    }
}

/// Runs a part of the Parquet library on a file. What it finds wrong is damage of the file; should
/// it panic on bytes that it did not expect, that is damage, too. Our own errors pass through it.
pub(super) fn reading<T>(
    file: &Path,
    read: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, ArchiveError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(ParquetError::External(error))) => Err(match error.downcast::<ArchiveError>() {
            Ok(ours) => *ours,
            Err(other) => ArchiveError::damaged(file, other.to_string()),
        }),
        Ok(Err(error)) => Err(ArchiveError::damaged(file, error.to_string())),
        Err(_) => Err(ArchiveError::damaged(file, "it cannot be decoded")),
    }
}
