//! Why the memory of identities did not answer.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a key file was not written or did not answer.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The machine failed.
    #[error("{} failed while {doing}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What failed.
        source: io::Error,
    },
    /// The file does not say what was written. Nothing of the block was used.
    #[error("{} is damaged at block {block}: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The block, from the start of the file; block 0 is its header.
        block: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of a later version of this program.
    #[error(
        "{} has format {found}, and this program knows formats up to {known}; \
         use the version that wrote it, or a later one",
        file.display()
    )]
    NewerFormat {
        /// The file.
        file: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// An entry that the file would not give back as it is.
    #[error("{} cannot hold the id at position {position}: {reason}", file.display())]
    Refused {
        /// The file that was being written.
        file: PathBuf,
        /// The position of the entry.
        position: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl KeyFileError {
    /// For `map_err`: names the file and the task.
    pub(super) fn io(file: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            file: file.to_owned(),
            doing,
            source,
        }
    }

    /// A block that does not say what was written.
    pub(super) fn damaged(file: &Path, block: u64, reason: &'static str) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            block,
            reason,
        }
    }
}
