//! `synor spot interruptions`

use serde_json::Value;
use synor_store::SpotInterruption;

use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let all: Value = session.get("/spot/interruptions").await?;
    let mut table = Table::new(&[
        text("When", "at"),
        text("Bid", "bid"),
        text("Market", "market"),
        number("Lost", "lost"),
        number("Kept", "kept"),
        text("Unit", "unit"),
    ]);
    for item in items(&all) {
        let stopped: SpotInterruption = serde_json::from_value(item)?;
        let unit = stopped.market.resource.spec().base_unit;
        let lost = &stopped.interruption;
        table.row([
            Field::new(lost.at.to_string(), lost.at.secs()),
            Field::from(lost.bid.to_string()),
            Field::from(stopped.market.to_string()),
            Field::from(lost.lost.to_string()),
            Field::from(lost.kept.to_string()),
            Field::from(unit.to_string()),
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        let line = "Nothing was ever stopped.";
        return Ok(answer.line(line).table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
