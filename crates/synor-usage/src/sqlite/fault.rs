//! What can go wrong inside the backend, before it is known for whom.

use std::sync::Arc;

use synor_economics::id::AccountId;
use synor_economics::money::MoneyError;

use crate::error::UsageLogError;
use crate::log::LogPosition;

/// A failure that does not name the file and the task yet; [`Fault::named`] adds them.
pub(super) enum Fault {
    /// SQLite failed, or a stored value is not of its type.
    Sqlite(rusqlite::Error),
    /// A stored event does not say what was appended.
    Damaged {
        /// Where.
        position: LogPosition,
        /// What differs.
        reason: String,
    },
    /// Anything that is complete as it is.
    Complete(UsageLogError),
}

impl Fault {
    /// A sum that does not fit.
    pub(super) fn sum(account: &AccountId, source: MoneyError) -> Self {
        Self::Complete(UsageLogError::Sum {
            account: account.clone(),
            source,
        })
    }

    /// The error that names the file and the task.
    pub(super) fn named(self, log: &str, doing: &'static str) -> UsageLogError {
        let log = log.to_owned();
        match self {
            Self::Sqlite(error) => UsageLogError::Backend {
                log,
                doing,
                source: Arc::new(error),
            },
            Self::Damaged { position, reason } => UsageLogError::Damaged {
                log,
                position,
                reason,
            },
            Self::Complete(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<UsageLogError> for Fault {
    fn from(error: UsageLogError) -> Self {
        Self::Complete(error)
    }
}
