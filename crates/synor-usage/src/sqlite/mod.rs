//! A usage log in one SQLite file.
/// A usage log in one SQLite file.
pub struct SqliteUsageLog;
