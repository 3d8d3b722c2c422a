//! `synor oracle history`

use clap::Args;
use serde_json::Value;
use synor_economics::oracle::HistoryPoint;
use synor_economics::period::Timestamp;

use super::time;
use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, number, text};

/// Which time.
#[derive(Debug, Args)]
pub struct Arguments {
    /// From when on, such as 2026-01-31T08:00:00Z [default: a day before the end].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    from: Option<Timestamp>,
    /// Until when, at most seven days later [default: now].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    until: Option<Timestamp>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let given = [("from", arguments.from), ("until", arguments.until)];
    let given = given.into_iter().filter_map(|(name, at)| Some((name, at?)));
    let query: Vec<_> = given
        .map(|(name, at)| format!("{name}={}", at.secs()))
        .collect();
    let path = format!("/oracle/history?{}", query.join("&"));
    let history: Value = session.get(&path).await?;
    let mut table = Table::new(&[
        text("At", "at"),
        number("USD", "price_usd"),
        number("Confidence", "confidence"),
        text("Sources", "sources"),
    ]);
    for item in items(&history) {
        let point: HistoryPoint = serde_json::from_value(item)?;
        table.row([
            time(point.at),
            Field::from(point.price.to_string()),
            Field::from(u64::from(point.confidence.0)),
            Field::from(point.sources.join(", ")),
        ]);
    }
    let answer = Answer::new(&history)?;
    if table.is_empty() {
        let line = "There was no good price in that time.";
        return Ok(answer.line(line).table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
