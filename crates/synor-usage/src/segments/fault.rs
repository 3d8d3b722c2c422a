//! What can go wrong inside the log, before it is known for which request.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use synor_economics::id::AccountId;
use synor_economics::money::MoneyError;

use super::identities::KeyFileError;
use super::row::RowError;
use crate::error::UsageLogError;

/// A failure that does not name the log and the task yet; [`Fault::named`] adds them.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// A file or what reads it failed.
    Failed(Arc<dyn Error + Send + Sync>),
    /// A file does not say what was written.
    Damaged {
        /// The file.
        file: PathBuf,
        /// The byte at which it begins to differ, or where what differs begins.
        offset: u64,
        /// What differs.
        reason: String,
    },
    /// Anything that is complete as it is.
    Complete(UsageLogError),
}

impl Fault {
    /// A file that does not say what was written.
    pub(super) fn damaged(file: &Path, offset: u64, reason: impl ToString) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            offset,
            reason: reason.to_string(),
        }
    }

    /// For `map_err`: names the file.
    pub(super) fn io(file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let message = format!("{}: {source}", file.display());
            Self::Failed(Arc::new(io::Error::new(source.kind(), message)))
        }
    }

    /// A sum that does not fit.
    pub(super) fn sum(account: &AccountId, source: MoneyError) -> Self {
        Self::Complete(UsageLogError::Sum {
            account: account.clone(),
            source,
        })
    }

    /// The error that names the log and the task.
    pub(super) fn named(self, log: &str, doing: &'static str) -> UsageLogError {
        match self {
            Self::Failed(source) => UsageLogError::Backend {
                log: log.to_owned(),
                doing,
                source,
            },
            Self::Damaged {
                file,
                offset,
                reason,
            } => UsageLogError::DamagedFile {
                file: file.display().to_string(),
                offset,
                reason,
            },
            Self::Complete(error) => error,
        }
    }

    /// As a line in a list of problems.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Failed(source) => {
                let mut line = source.to_string();
                let mut cause = source.source();
                while let Some(deeper) = cause {
                    line = format!("{line}: {deeper}");
                    cause = deeper.source();
                }
                line
            }
            Self::Damaged {
                file,
                offset,
                reason,
            } => format!("{} at byte {offset}: {reason}", file.display()),
            Self::Complete(error) => error.to_string(),
        }
    }
}

impl From<UsageLogError> for Fault {
    fn from(error: UsageLogError) -> Self {
        Self::Complete(error)
    }
}

impl From<KeyFileError> for Fault {
    fn from(error: KeyFileError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

impl From<RowError> for Fault {
    fn from(error: RowError) -> Self {
        Self::Failed(Arc::new(error))
    }
}
