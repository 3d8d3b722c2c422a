//! Why a usage log did not do what it was asked.

use std::error::Error;
use std::sync::Arc;

use synor_economics::id::AccountId;
use synor_economics::metering::EventId;
use synor_economics::money::MoneyError;
use synor_economics::period::PeriodError;
use thiserror::Error;

use crate::log::LogPosition;

/// Why a usage log did not do what it was asked. `log` is the file or address of the log.
#[derive(Debug, Clone, Error)]
pub enum UsageLogError {
    /// Something that is no usage log, or one that cannot be used as it is.
    #[error("{log} is not a usage log: {reason}")]
    NotALog {
        /// The file or address.
        log: String,
        /// What was found instead.
        reason: String,
    },
    /// A log written by a later version of this program.
    #[error(
        "the usage log {log} has format {found}, and this program knows formats up to {known}; \
         use the version that wrote it, or a later one"
    )]
    NewerFormat {
        /// The file or address.
        log: String,
        /// The format found.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// An event that no validation would have let through. Nothing of its batch was appended.
    #[error("event `{}` of `{}` for account {}: {reason}", event.id, event.source, event.account)]
    Refused {
        /// Which event.
        event: Box<EventId>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A withdrawal of an event that the log does not hold. Nothing of its batch was done.
    #[error("there is no event `{}` of `{}` for account {} to withdraw", event.id, event.source, event.account)]
    UnknownEvent {
        /// Which event.
        event: Box<EventId>,
    },
    /// A stored record that does not say what was appended.
    #[error("the usage log {log} is damaged at position {position}: {reason}")]
    Damaged {
        /// The file or address.
        log: String,
        /// Where.
        position: LogPosition,
        /// What differs.
        reason: String,
    },
    /// The account's usage does not fit 128 bits.
    #[error("the usage of account {account} cannot be summed")]
    Sum {
        /// Whose usage.
        account: AccountId,
        /// Why not.
        source: MoneyError,
    },
    /// A series of more steps than one answer may have.
    #[error("a series may have at most {max} steps; ask for a shorter period or longer steps")]
    TooManySteps {
        /// The most that are allowed.
        max: usize,
    },
    /// A step that the calendar does not have.
    #[error("the period cannot be cut into steps")]
    Calendar(#[from] PeriodError),
    /// What lies beneath the log failed.
    #[error("the usage log {log} failed while {doing}")]
    Backend {
        /// The file or address.
        log: String,
        /// What it was doing.
        doing: &'static str,
        /// What failed. Shared, because one failed commit answers every request that waited on it.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The log is shutting down.
    #[error("the usage log {log} is closed")]
    Closed {
        /// The file or address.
        log: String,
    },
}
