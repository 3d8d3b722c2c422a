//! Where the usage log and the book of record lie: in the data folder, or in PostgreSQL for several
//! nodes.

use std::sync::Arc;

use serde::Deserialize;
use synor_store::{POSTGRES_SCHEMA, PostgresStore, SqliteStore, Store};
use synor_usage::{PostgresUsageLog, SqliteUsageLog, UsageLog};

use crate::data_folder::DataFolder;
use crate::error::error;

/// `[storage]` of `synor.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// `postgres://…` [default: `book.sqlite` in the data folder].
    pub book: Option<String>,
    /// `postgres://…` [default: in the data folder].
    pub usage_log: Option<String>,
}

impl Storage {
    /// Opens the usage log.
    pub async fn usage_log(&self, folder: &DataFolder) -> anyhow::Result<Arc<dyn UsageLog>> {
        Ok(match &self.usage_log {
            None => Arc::new(SqliteUsageLog::open(folder.file("usage.sqlite"))?),
            Some(url) => {
                refuse_other_than_postgres("usage_log", url)?;
                Arc::new(PostgresUsageLog::connect(url).await?)
            }
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
        "storage.{setting}: `{}` is not an address such as postgres://user@host:5432/database",
        without_password(url)
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
