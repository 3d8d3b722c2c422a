//! `synor admin statement`: what moved an account of the journal, with its balance after each.

use clap::Args;
use serde::{Deserialize, Serialize};
use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_engine::StatementLine;

use super::journal_time::{day_end, day_start};
use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// Lines that are asked for at once.
const PAGE: usize = 10_000;

/// Whose statement, and when.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The account of the journal, such as liabilities:prepaid:acme.
    ledger_account: LedgerAccount,
    /// From this day on (2026-01-01), or from this instant, in UTC.
    #[arg(long, value_name = "DATE", value_parser = day_start)]
    from: Option<Timestamp>,
    /// To the end of this day, or before this instant.
    #[arg(long, value_name = "DATE", value_parser = day_end)]
    to: Option<Timestamp>,
}

/// A part of a statement, or all of it.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    ledger_account: LedgerAccount,
    opening_micro_synor: MicroSynor,
    items: Vec<StatementLine>,
    closing_micro_synor: MicroSynor,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    next_cursor: Option<String>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut statement = part(&arguments, None, session).await?;
    while let Some(cursor) = statement.next_cursor.take() {
        let more = part(&arguments, Some(cursor), session).await?;
        statement.items.extend(more.items);
        statement.closing_micro_synor = more.closing_micro_synor;
        statement.next_cursor = more.next_cursor;
    }
    show(&statement)
}

async fn part(
    arguments: &Arguments,
    cursor: Option<String>,
    session: &Session,
) -> anyhow::Result<Shown> {
    let mut query = vec![
        ("ledger_account", arguments.ledger_account.to_string()),
        ("limit", PAGE.to_string()),
    ];
    let secs = |time: Timestamp| time.secs().to_string();
    query.extend(arguments.from.map(|from| ("from", secs(from))));
    query.extend(arguments.to.map(|to| ("to", secs(to))));
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    session.get_with("/admin/ledger/statement", &query).await
}

fn show(statement: &Shown) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[
        number("Entry", "sequence"),
        text("Posted", "posted_at"),
        text("What", "description"),
        number("SYNOR", "amount_micro_synor"),
        number("Balance", "balance_micro_synor"),
    ]);
    for line in &statement.items {
        table.row([
            Field::from(line.sequence),
            Field::new(format::date(line.posted_at), line.posted_at),
            Field::from(line.description.clone()),
            Field::from(line.amount_micro_synor),
            Field::from(line.balance_micro_synor),
        ]);
    }
    let (account, opening) = (&statement.ledger_account, statement.opening_micro_synor);
    let answer = Answer::new(statement)?.line(format!(
        "{account}: {} at the start",
        format::money(opening)
    ));
    if statement.items.is_empty() {
        return Ok(answer.line("Nothing moved it.").table_only_in_csv(table));
    }
    Ok(answer.line("").table(table))
}
