//! `synor billing invoices`

use clap::Args;
use serde_json::Value;
use synor_economics::billing::Invoice;
use synor_economics::money::MicroSynor;

use crate::client::{Session, items};
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// How many.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The most to list.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let page: Value = session
        .get(&format!("/billing/invoices?limit={}", arguments.limit))
        .await?;
    let mut table = Table::new(&[
        text("Invoice", "number"),
        text("Month", "month"),
        text("Status", "status"),
        text("Due", "due_date"),
        number("Total", "total_due_micro_synor"),
        number("Owed", "outstanding_micro_synor"),
    ]);
    let mut owed = MicroSynor::ZERO;
    for item in items(&page) {
        let invoice: Invoice = serde_json::from_value(item)?;
        let open = invoice.outstanding()?;
        owed = owed.checked_add(open)?;
        table.row([
            Field::from(invoice.number.to_string()),
            Field::from(invoice.month.to_string()),
            Field::from(invoice.status.name()),
            Field::new(format::date(invoice.due_date), invoice.due_date.secs()),
            Field::from(invoice.total_due_micro_synor),
            Field::from(open),
        ]);
    }
    let answer = Answer::new(&page)?;
    if table.is_empty() {
        let next = "`synor billing invoice --current` shows the running one";
        return Ok(answer
            .line(format!("No month has been closed yet; {next}."))
            .table(table));
    }
    let empty = || Field::from("");
    table.total([
        Field::from("Owed"),
        empty(),
        empty(),
        empty(),
        empty(),
        Field::from(owed),
    ]);
    let more = page["next_cursor"].is_string();
    let answer = answer.table(table);
    Ok(if more {
        answer.line("there are more; raise --limit")
    } else {
        answer
    })
}
