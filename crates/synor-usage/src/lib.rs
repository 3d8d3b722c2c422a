//! The usage log: what services report, kept exactly once, and read as bills and charts.
//!
//! [`UsageLog`] is the seam. Its backends are [`sqlite`], for one machine; every backend passes the
//! tests of [`conformance`]. [`import`] reads events from files.
#![deny(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss
)]

pub mod conformance;
pub mod error;
pub mod import;
pub mod log;
pub(crate) mod segments;
pub mod series;
pub mod sqlite;

pub use error::UsageLogError;
pub use log::{
    Appended, Batch, ChangeQuery, Duplicate, EventQuery, LogCheck, LogPosition, LoggedEvent,
    PAGE_EVENTS_MAX, Page, StreamPosition, SummaryQuery, UsageLog,
};
pub use series::{STEPS_MAX, Series, SeriesLine, SeriesQuery, SplitBy, Step};
pub use sqlite::SqliteUsageLog;
