//! `synor admin dead-letters`: what came through a stream and could not be counted.
//!
//! Without a server elsewhere, they are read from the data folder's file: whoever has the folder, be
//! it a server or a worker, they can be looked at.

use clap::Args;
use serde::{Deserialize, Serialize};
use synor_streams::{DeadLetters, ShownLetter};

use crate::args::Global;
use crate::client::{FOLDER, Session};
use crate::data_folder::DataFolder;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};
use crate::stream::{DEAD_LETTERS, open_dead_letters};

/// Which of them.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The most to show, up to 1000.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Those after a part that was shown before.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: u64,
}

/// A part of the list.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    items: Vec<ShownLetter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<u64>,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<Answer> {
    let part = match &global.server {
        Some(_) => served(&arguments, global).await?,
        None => of_folder(&arguments, global).await?,
    };
    show(&part)
}

async fn served(arguments: &Arguments, global: &Global) -> anyhow::Result<Part> {
    let session = Session::connect(global).await?;
    let Arguments { limit, after } = arguments;
    let path = format!("/admin/dead-letters?limit={limit}&after={after}");
    let part = session.get(&path).await;
    session.close().await;
    part
}

async fn of_folder(arguments: &Arguments, global: &Global) -> anyhow::Result<Part> {
    let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
    if !folder.file(DEAD_LETTERS).exists() {
        return Ok(Part::default());
    }
    let letters = open_dead_letters(&folder)?;
    let page = letters
        .list(arguments.after, arguments.limit.into())
        .await?;
    Ok(Part {
        items: page.letters.iter().map(|letter| letter.shown()).collect(),
        next_after: page.next_after,
    })
}

fn show(part: &Part) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[
        text("Stream", "stream"),
        number("Partition", "partition"),
        text("Entry", "entry"),
        text("Stored", "stored_at"),
        text("Reason", "reason"),
        number("Bytes", "bytes"),
        text("Begins", "excerpt"),
    ]);
    for letter in &part.items {
        table.row([
            Field::from(letter.stream.clone()),
            Field::from(u64::from(letter.partition)),
            Field::from(letter.entry.clone()),
            Field::new(letter.stored_at.to_string(), letter.stored_at.secs()),
            Field::new(one_line(&letter.reason), &letter.reason),
            Field::new(format::count(letter.bytes as u64), letter.bytes),
            Field::new(one_line(&letter.excerpt), &letter.excerpt),
        ]);
    }
    let answer = Answer::new(part)?;
    if table.is_empty() {
        return Ok(answer.line("No dead letters.").table_only_in_csv(table));
    }
    let answer = answer.table(table);
    Ok(match part.next_after {
        None => answer,
        Some(after) => answer.line(format!("More of them: --after {after}")),
    })
}

/// A text without what would break a table, or a terminal.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.collect()
}
