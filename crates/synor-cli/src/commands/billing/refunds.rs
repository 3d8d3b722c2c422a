//! `synor billing refunds`

use serde_json::Value;
use synor_engine::{RefundStatus, RefundTransfer};

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let found: Value = session.get("/billing/refunds").await?;
    let refunds: Vec<RefundTransfer> = serde_json::from_value(found["items"].clone())?;
    let mut table = Table::new(&[
        text("Date", "created_at"),
        text("To", "to"),
        text("State", "state"),
        number("SYNOR", "amount_micro_synor"),
    ]);
    for refund in &refunds {
        let (shown, raw) = match &refund.status {
            RefundStatus::Pending => ("on its way".to_owned(), "pending"),
            RefundStatus::Confirmed => ("transferred".to_owned(), "confirmed"),
            RefundStatus::Refused { reason } => (format!("became credit: {reason}"), "refused"),
        };
        table.row([
            Field::new(format::date(refund.created_at), refund.created_at.secs()),
            Field::from(refund.to.to_string()),
            Field::new(shown, raw),
            Field::from(refund.amount_micro_synor),
        ]);
    }
    let answer = Answer::new(&found)?;
    if refunds.is_empty() {
        return Ok(answer
            .line("Nothing was refunded to an address.")
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
