//! `synor admin journal`: the entries, in order.

use clap::Args;
use serde::{Deserialize, Serialize};
use synor_economics::billing::JournalEntry;

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// Which of them.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The most entries to show.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Those after a place in the journal.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Placed {
    sequence: u64,
    #[serde(flatten)]
    entry: JournalEntry,
}

/// A part of the journal.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    items: Vec<Placed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<u64>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let Arguments { limit, after } = arguments;
    let path = format!("/admin/journal?limit={limit}&after={after}");
    show(&session.get(&path).await?)
}

/// One row for each posting.
fn show(part: &Part) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[
        number("Entry", "sequence"),
        text("Posted", "posted_at"),
        text("What", "description"),
        text("Account", "account"),
        number("SYNOR", "amount_micro_synor"),
    ]);
    for Placed { sequence, entry } in &part.items {
        for (at, posting) in entry.postings.iter().enumerate() {
            // People read the entry once, above its postings.
            let once = |shown: String| if at == 0 { shown } else { String::new() };
            table.row([
                Field::new(once(format::count(*sequence)), sequence),
                Field::new(once(format::date(entry.posted_at)), entry.posted_at),
                Field::new(once(entry.description.clone()), &entry.description),
                Field::from(posting.account.to_string()),
                Field::from(posting.amount_micro_synor),
            ]);
        }
    }
    let answer = Answer::new(part)?;
    if table.is_empty() {
        return Ok(answer.line("There is no entry.").table_only_in_csv(table));
    }
    let answer = answer.table(table);
    Ok(match part.next_after {
        Some(next) => answer.line(format!("\nThe journal goes on: --after {next}")),
        None => answer,
    })
}
