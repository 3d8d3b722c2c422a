//! `synor billing credit-notes`

use serde_json::Value;
use synor_economics::billing::CreditNote;

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(invoice: Option<&str>, session: &Session) -> anyhow::Result<Answer> {
    let path = match invoice {
        Some(invoice) => format!("/billing/invoices/{invoice}/credit-notes"),
        None => "/billing/credit-notes".to_owned(),
    };
    let found: Value = session.get(&path).await?;
    let notes: Vec<CreditNote> = serde_json::from_value(found["items"].clone())?;
    let mut table = Table::new(&[
        text("Number", "number"),
        text("On", "invoice_number"),
        text("Date", "created_at"),
        text("Reason", "reason"),
        number("SYNOR", "amount_micro_synor"),
    ]);
    for note in &notes {
        table.row([
            Field::from(note.number.to_string()),
            Field::from(note.invoice_number.to_string()),
            Field::new(format::date(note.created_at), note.created_at.secs()),
            Field::from(note.reason.clone()),
            Field::from(note.amount_micro_synor),
        ]);
    }
    let answer = Answer::new(&found)?;
    if notes.is_empty() {
        return Ok(answer
            .line("There are no credit notes.")
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
