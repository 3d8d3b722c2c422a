//! Where the book of record lies: in the data folder, or in PostgreSQL for several nodes.

use std::sync::Arc;

use serde::Deserialize;
use synor_store::{POSTGRES_SCHEMA, PostgresStore, SqliteStore, Store};

use crate::data_folder::DataFolder;
use crate::error::error;

/// `[storage]` of `synor.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// `postgres://…` [default: `book.sqlite` in the data folder].
    pub book: Option<String>,
}

impl Storage {
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
    if !is_postgres(url) {
        return Err(error(format!(
            "storage.book: `{}` is not an address such as postgres://user@host:5432/database",
            without_password(url)
        )));
    }
    Ok(PostgresStore::connect(url, POSTGRES_SCHEMA).await?)
}

/// Whether this is the address of a PostgreSQL database.
pub fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
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
