//! `synor admin migrate`: moves the book from the data folder into PostgreSQL.

use anyhow::Context;
use clap::Args;
use serde_json::json;
use synor_store::{SqliteStore, copy_book};

use crate::args::Global;
use crate::client::FOLDER;
use crate::data_folder::DataFolder;
use crate::error::error_with_help;
use crate::format;
use crate::output::Answer;
use crate::progress;
use crate::storage::postgres_book;

/// Where to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// An empty database, such as postgres://user@host:5432/synor.
    #[arg(long, value_name = "URL")]
    to: String,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<Answer> {
    let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
    let Some(_lock) = folder.lock()? else {
        return Err(error_with_help(
            format!("{} is in use by a running server", folder.path().display()),
            "stop it first: a book that is being written to cannot be moved",
        ));
    };
    let file = folder.file("book.sqlite");
    if !file.exists() {
        return Err(error_with_help(
            format!("there is no book in {}", folder.path().display()),
            "name the data folder with --data DIR",
        ));
    }
    let from = SqliteStore::open(&file)?;
    let to = postgres_book(&arguments.to).await?;
    let bar = progress::waiting("moving the book".to_owned());
    let copied = copy_book(&from, &to, &|rows| {
        bar.set_message(format!("moving the book: {} rows", format::count(rows)))
    })
    .await
    .context("the book was not moved")?;
    bar.finish_and_clear();
    Ok(Answer::new(&json!({
        "documents": copied.documents,
        "entries": copied.entries,
    }))?
    .line(format!(
        "moved and proved: {} documents and {} journal entries",
        format::count(copied.documents),
        format::count(copied.entries)
    ))
    .line("")
    .line("To use it, put into synor.toml:")
    .line("  [storage]")
    .line("  book = \"postgres://…\""))
}
