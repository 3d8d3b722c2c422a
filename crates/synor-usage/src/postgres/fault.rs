//! What can go wrong inside the backend, before it is known for whom.

use std::error::Error;
use std::sync::Arc;

use deadpool_postgres::PoolError;
use synor_economics::id::AccountId;
use synor_economics::money::MoneyError;
use tokio_postgres::error::SqlState;

use crate::error::UsageLogError;
use crate::log::LogPosition;

/// A failure that does not name the log and the task yet; [`Fault::named`] adds them.
pub(super) enum Fault {
    /// The server refused, or the connection to it broke.
    Postgres(tokio_postgres::Error),
    /// There is no connection to be had.
    Pool(PoolError),
    /// A stored value does not say what was appended.
    Damaged {
        /// Where.
        position: LogPosition,
        /// What differs.
        reason: String,
    },
    /// A value that this program never wrote, wherever it lies.
    Strange(Arc<dyn Error + Send + Sync>),
    /// Someone else has written what this transaction was about to write.
    Overtaken,
    /// Anything that is complete as it is.
    Complete(UsageLogError),
}

impl Fault {
    /// A sum that does not fit.
    pub(super) fn sum(account: &AccountId) -> Self {
        Self::Complete(UsageLogError::Sum {
            account: account.clone(),
            source: MoneyError::Overflow,
        })
    }

    /// Whether the same transaction, begun anew, may well succeed.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Overtaken => true,
            Self::Postgres(error) => error.code().is_some_and(|code| {
                *code == SqlState::T_R_SERIALIZATION_FAILURE
                    || *code == SqlState::T_R_DEADLOCK_DETECTED
            }),
            _ => false,
        }
    }

    /// Whether the connection is of no more use.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Postgres(error) => match error.as_db_error() {
                // An operator or a crash ended the session.
                Some(error) => error.code().code().starts_with("57P"),
                None => true,
            },
            _ => false,
        }
    }

    /// The error that names the log and the task.
    pub(super) fn named(self, log: &str, doing: &'static str) -> UsageLogError {
        let source: Arc<dyn Error + Send + Sync> = match self {
            Self::Postgres(error) => Arc::new(error),
            Self::Pool(PoolError::Backend(error)) => Arc::new(error),
            Self::Pool(error) => Arc::new(error),
            Self::Strange(reason) => reason,
            Self::Overtaken => shared("others kept writing the same events"),
            Self::Damaged { position, reason } => {
                return UsageLogError::Damaged {
                    log: log.to_owned(),
                    position,
                    reason,
                };
            }
            Self::Complete(error) => return error,
        };
        UsageLogError::Backend {
            log: log.to_owned(),
            doing,
            source,
        }
    }
}

/// A reason in words, as the source of an error.
pub(super) fn shared(reason: &str) -> Arc<dyn Error + Send + Sync> {
    Box::<dyn Error + Send + Sync>::from(reason).into()
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<UsageLogError> for Fault {
    fn from(error: UsageLogError) -> Self {
        Self::Complete(error)
    }
}
