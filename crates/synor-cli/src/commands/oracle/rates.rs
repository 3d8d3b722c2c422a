//! `synor oracle rates`

use serde_json::Value;
use synor_store::PeriodRate;

use super::time;
use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let rates: Value = session.get("/oracle/rates").await?;
    let mut table = Table::new(&[
        text("Month", "month"),
        number("USD", "usd_per_synor"),
        text("Decided", "decided_at"),
        text("From", "origin"),
    ]);
    for item in items(&rates) {
        let PeriodRate { month, rate, .. } = serde_json::from_value(item)?;
        table.row([
            Field::from(month.to_string()),
            Field::from(rate.usd_per_synor.to_string()),
            time(rate.decided_at),
            Field::from(rate.describe()),
        ]);
    }
    let answer = Answer::new(&rates)?;
    if table.is_empty() {
        let line = "No month has been billed at a rate yet.";
        return Ok(answer.line(line).table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
