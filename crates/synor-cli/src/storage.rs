//! Where the usage log and the book of record lie: in the data folder, or in PostgreSQL for several
//! nodes.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use serde::Deserialize;
use synor_economics::period::DAY_SECS;
use synor_engine::{Clock, SystemClock};
use synor_store::{POSTGRES_SCHEMA, PostgresStore, SqliteStore, Store};
use synor_usage::{
    Forgetting, PostgresUsageLog, SegmentOptions, SegmentedUsageLog, SqliteUsageLog, UsageLog,
};

use crate::data_folder::DataFolder;
use crate::error::{error, error_with_help};

/// The usage log in segments.
const SEGMENTS: &str = "segments";
/// The usage log in one SQLite file.
const SQLITE: &str = "sqlite";

/// `[storage]` of `synor.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// `postgres://…` [default: `book.sqlite` in the data folder].
    pub book: Option<String>,
    /// `segments` or `sqlite`, both in the data folder, or `postgres://…` [default: segments, or
    /// SQLite where the folder has such a log already].
    pub usage_log: Option<String>,
    /// Events after which a segment is sealed [default: a million].
    pub segment_events: Option<NonZeroUsize>,
    /// Events that happened longer ago than this are refused, because their ids may have been
    /// forgotten [default: none are].
    pub dedup_window_days: Option<NonZeroU32>,
    /// Events that happened longer ago than this are not kept; what they add up to is [default: all
    /// are kept].
    pub retention_days: Option<NonZeroU32>,
}

impl Storage {
    /// Opens the usage log.
    pub async fn usage_log(&self, folder: &DataFolder) -> anyhow::Result<Arc<dyn UsageLog>> {
        let (segments, sqlite) = (folder.file("usage"), folder.file("usage.sqlite"));
        let kept_in = match self.usage_log.as_deref() {
            Some(kept_in) => kept_in,
            None if segments.exists() && sqlite.exists() => {
                return Err(error_with_help(
                    format!("{} has two usage logs", folder.path().display()),
                    "say which one counts in synor.toml: [storage] usage_log = \"segments\" or \"sqlite\"",
                ));
            }
            None if sqlite.exists() => SQLITE,
            None => SEGMENTS,
        };
        let is_segmented = kept_in == SEGMENTS;
        if let Some(setting) = self.of_segments().filter(|_| !is_segmented) {
            let message = format!("storage.{setting} is for a usage log in segments");
            return Err(error(message));
        }
        Ok(match kept_in {
            SEGMENTS => {
                let options = self.segment_options();
                let opened = move || SegmentedUsageLog::open(segments, options);
                Arc::new(tokio::task::spawn_blocking(opened).await??)
            }
            SQLITE => Arc::new(SqliteUsageLog::open(sqlite)?),
            url => {
                refuse_other_than_postgres("usage_log", url)?;
                Arc::new(PostgresUsageLog::connect(url).await?)
            }
        })
    }

    /// Refuses places that cannot be, without opening any.
    pub fn check(&self) -> anyhow::Result<()> {
        if let Some(book) = &self.book {
            refuse_other_than_postgres("book", book)?;
        }
        match self.usage_log.as_deref() {
            None | Some(SEGMENTS | SQLITE) => Ok(()),
            Some(url) => refuse_other_than_postgres("usage_log", url),
        }
    }

    /// What lies in PostgreSQL, and not in the data folder.
    pub fn in_postgres(&self) -> Vec<String> {
        let is_url = |place: &&String| place.contains("://");
        let book = self.book.as_ref().filter(is_url).map(|_| "book");
        let usage_log = self.usage_log.as_ref().filter(is_url).map(|_| "usage log");
        book.into_iter()
            .chain(usage_log)
            .map(str::to_owned)
            .collect()
    }

    /// A setting that only a segmented log has, if one is set.
    fn of_segments(&self) -> Option<&'static str> {
        let set = [
            ("segment_events", self.segment_events.is_some()),
            ("dedup_window_days", self.dedup_window_days.is_some()),
            ("retention_days", self.retention_days.is_some()),
        ];
        set.into_iter()
            .find(|(_, is_set)| *is_set)
            .map(|(name, _)| name)
    }

    fn segment_options(&self) -> SegmentOptions {
        let options = match self.segment_events {
            Some(events) => SegmentOptions::with_segment_events(events.get()),
            None => SegmentOptions::default(),
        };
        let secs = |days: NonZeroU32| i64::from(days.get()).saturating_mul(DAY_SECS);
        let (window, retention) = (self.dedup_window_days, self.retention_days);
        if window.is_none() && retention.is_none() {
            return options;
        }
        options.that_forgets(Forgetting {
            dedup_window_secs: window.map(secs),
            retention_secs: retention.map(secs),
            clock: Arc::new(|| SystemClock.now()),
        })
    }

    /// Opens the book.
    pub async fn book(&self, folder: &DataFolder) -> anyhow::Result<Arc<dyn Store>> {
        Ok(match &self.book {
            None => Arc::new(SqliteStore::open(&folder.file("book.sqlite"))?),
            Some(url) => Arc::new(postgres_book(url).await?),
        })
    }
}

/// The book in the database at an address.
pub async fn postgres_book(url: &str) -> anyhow::Result<PostgresStore> {
    refuse_other_than_postgres("book", url)?;
    Ok(PostgresStore::connect(url, POSTGRES_SCHEMA).await?)
}

fn refuse_other_than_postgres(setting: &str, url: &str) -> anyhow::Result<()> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(());
    }
    Err(error(format!(
        "storage.{setting}: `{}` is not an address such as postgres://user@host:5432/database{}",
        without_password(url),
        if setting == "usage_log" {
            ", nor `segments` or `sqlite`"
        } else {
            ""
        }
    )))
}

/// An address as it may be shown.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(host)) if scheme < host => {
            format!("{}://…{}", &url[..scheme], &url[host..])
        }
        _ => url.to_owned(),
    }
}
