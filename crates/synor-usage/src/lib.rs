//! The usage log: what services report, kept exactly once, and read as bills and charts.
//!
//! [`UsageLog`] is the seam. Its backends are [`segments`] and [`sqlite`], for one machine, and
//! `postgres`, for several; every backend passes the tests of [`conformance`]. [`import`] reads
//! events from files, and [`export`] writes them.
#![deny(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss
)]

mod aggregate;
pub mod conformance;
pub mod error;
pub mod export;
pub mod import;
pub mod log;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod segments;
pub mod series;
pub mod sqlite;

mod findings;
mod prepared;

pub use aggregate::{Aggregate, UnknownAggregate};
pub use error::UsageLogError;
pub use log::{
    Appended, Batch, ChangeQuery, Duplicate, EventQuery, LogCheck, LogPosition, LoggedEvent,
    PAGE_EVENTS_MAX, Page, StreamPosition, SummaryQuery, UsageLog,
};
#[cfg(feature = "postgres")]
pub use postgres::PostgresUsageLog;
pub use segments::{Forgetting, SegmentOptions, SegmentedUsageLog};
pub use series::{STEPS_MAX, Series, SeriesLine, SeriesQuery, SplitBy, Step};
pub use sqlite::SqliteUsageLog;
