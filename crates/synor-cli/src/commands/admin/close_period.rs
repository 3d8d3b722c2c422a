//! `synor admin close-period`

use serde_json::json;
use synor_economics::period::Month;
use synor_engine::{ClosedInvoice, ClosedPeriod};

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};
use crate::progress;

pub async fn run(month: Month, session: &Session) -> anyhow::Result<Answer> {
    let spinner = progress::waiting(format!("closing {month}"));
    let closed: anyhow::Result<ClosedPeriod> = session
        .post(&format!("/admin/periods/{month}/close"), &json!({}), None)
        .await;
    spinner.finish_and_clear();
    show(month, &closed?)
}

/// What closing a month came to.
pub fn show(month: Month, closed: &ClosedPeriod) -> anyhow::Result<Answer> {
    let table = invoices(closed);
    let mut answer = Answer::new(closed)?;
    answer = if closed.invoices.is_empty() {
        answer
            .line(format!("{month}: no new invoices"))
            .table_only_in_csv(table)
    } else {
        answer.table(table)
    };
    answer = answer.line(format!(
        "{} accounts had theirs already, {} used nothing",
        format::count(closed.already_closed),
        format::count(closed.without_usage)
    ));
    for failed in &closed.failed {
        answer = answer.line(format!(
            "not billed: {}: {}",
            failed.account_id, failed.reason
        ));
    }
    if let Some(more) = more(closed.failed_count, closed.failed.len()) {
        answer = answer.line(format!("not billed: {more}"));
    }
    Ok(answer)
}

/// The listed invoices, how many are not listed, and the sums of all.
fn invoices(closed: &ClosedPeriod) -> Table {
    let mut table = Table::new(&[
        text("Invoice", "number"),
        text("Account", "account_id"),
        number("Lines", "lines"),
        number("Subtotal", "subtotal_micro_synor"),
        number("Due", "total_due_micro_synor"),
        text("Status", "status"),
    ]);
    for invoice in &closed.invoices {
        table.row(row(invoice));
    }
    let made = closed.invoice_count;
    let mut count = match made {
        1 => "1 invoice".to_owned(),
        _ => format!("{} invoices", format::count(made)),
    };
    if let Some(more) = more(made, closed.invoices.len()) {
        count = format!("{more}; {count}");
    }
    table.total([
        Field::from(count),
        Field::from(""),
        Field::from(""),
        Field::from(closed.subtotal_micro_synor),
        Field::from(closed.total_due_micro_synor),
        Field::from(""),
    ]);
    table
}

fn row(invoice: &ClosedInvoice) -> [Field; 6] {
    [
        Field::from(invoice.number.to_string()),
        Field::from(invoice.account_id.to_string()),
        Field::from(invoice.line_count),
        Field::from(invoice.subtotal_micro_synor),
        Field::from(invoice.total_due_micro_synor),
        Field::from(invoice.status.name()),
    ]
}

/// Says how many are not listed, if not all are.
fn more(count: u64, listed: usize) -> Option<String> {
    let unlisted = count.saturating_sub(listed as u64);
    (unlisted > 0).then(|| format!("… and {} more", format::count(unlisted)))
}
