//! `synor admin close-period`

use serde_json::{Value, json};
use synor_economics::billing::Invoice;
use synor_economics::money::MicroSynor;
use synor_economics::period::Month;

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};
use crate::progress;

pub async fn run(month: Month, session: &Session) -> anyhow::Result<Answer> {
    let spinner = progress::waiting(format!("closing {month}"));
    let closed: anyhow::Result<Value> = session
        .post(&format!("/admin/periods/{month}/close"), &json!({}), None)
        .await;
    spinner.finish_and_clear();
    show(month, &closed?)
}

/// What closing a month came to.
pub fn show(month: Month, closed: &Value) -> anyhow::Result<Answer> {
    let invoices: Vec<Invoice> = serde_json::from_value(closed["invoices"].clone())?;
    let amount = |field: &str| -> anyhow::Result<MicroSynor> {
        Ok(serde_json::from_value(closed[field].clone())?)
    };
    let mut table = Table::new(&[
        text("Invoice", "number"),
        text("Account", "account_id"),
        number("Lines", "lines"),
        number("Subtotal", "subtotal_micro_synor"),
        number("Due", "total_due_micro_synor"),
        text("Status", "status"),
    ]);
    for invoice in &invoices {
        table.row([
            Field::from(invoice.number.to_string()),
            Field::from(invoice.account_id.to_string()),
            Field::from(invoice.line_items.len() as u64),
            Field::from(invoice.subtotal_micro_synor),
            Field::from(invoice.total_due_micro_synor),
            Field::from(invoice.status.name()),
        ]);
    }
    let made = invoices.len() as u64;
    table.total([
        Field::from(match made {
            1 => "1 invoice".to_owned(),
            _ => format!("{} invoices", format::count(made)),
        }),
        Field::from(""),
        Field::from(""),
        Field::from(amount("subtotal_micro_synor")?),
        Field::from(amount("total_due_micro_synor")?),
        Field::from(""),
    ]);
    let mut answer = Answer::new(closed)?;
    answer = if invoices.is_empty() {
        answer
            .line(format!("{month}: no new invoices"))
            .table_only_in_csv(table)
    } else {
        answer.table(table)
    };
    let (had, none) = (&closed["already_closed"], &closed["without_usage"]);
    answer = answer.line(format!(
        "{had} accounts had theirs already, {none} used nothing"
    ));
    for failed in closed["failed"].as_array().into_iter().flatten() {
        let text = |field: &str| failed[field].as_str().unwrap_or_default().to_owned();
        answer = answer.line(format!(
            "not billed: {}: {}",
            text("account_id"),
            text("reason")
        ));
    }
    Ok(answer)
}
