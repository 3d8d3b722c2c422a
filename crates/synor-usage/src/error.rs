//! Why a usage log did not do what it was asked.

use std::error::Error;
use std::sync::Arc;

use synor_economics::id::AccountId;
use synor_economics::metering::EventId;
use synor_economics::money::MoneyError;
use synor_economics::period::{PeriodError, Timestamp};
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
    /// A file of the log that does not say what was written.
    #[error("the usage log's file {file} is damaged at byte {offset}: {reason}")]
    DamagedFile {
        /// Which file.
        file: String,
        /// Where what differs begins, in bytes.
        offset: u64,
        /// What differs.
        reason: String,
    },
    /// An event so old that the log may have forgotten whether it was counted. Nothing of its batch
    /// was appended.
    #[error(
        "event `{}` of `{}` for account {} is too old: it happened at {time}, and this log knows only \
         what happened from {earliest} on",
        event.id, event.source, event.account
    )]
    TooOld {
        /// Which event.
        event: Box<EventId>,
        /// When it happened.
        time: Timestamp,
        /// The earliest time that an event may have.
        earliest: Timestamp,
    },
    /// Events that were kept for as long as they had to be, and then deleted. What they add up to is
    /// still known.
    #[error("the events of the usage log {log} up to position {position} have expired")]
    Expired {
        /// The file or address.
        log: String,
        /// The last position of what expired.
        position: LogPosition,
    },
    /// A log that is open elsewhere and can be open only once.
    #[error("the usage log {log} is in use by another process, or is open in this one already")]
    InUse {
        /// The file or address.
        log: String,
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
