//! `synor oracle sources`

use serde_json::Value;
use synor_economics::oracle::Outcome;

use super::time;
use crate::client::Session;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let last: Value = session.get("/oracle/sources").await?;
    let mut table = Table::new(&[
        text("Source", "name"),
        text("What", "source"),
        text("Status", "status"),
        number("USD", "price_usd"),
        text("Of", "observed_at"),
        text("Why not", "reason"),
    ]);
    let answer = Answer::new(&last)?;
    let Some(round) = last.get("round") else {
        let line = "No source has been asked yet.";
        return Ok(answer.line(line).table_only_in_csv(table));
    };
    let round: Outcome = serde_json::from_value(round.clone())?;
    for report in &round.sources {
        let quote = report.quote;
        table.row([
            Field::from(report.name.clone()),
            Field::from(report.source.to_string()),
            Field::from(report.status.name()),
            Field::from(quote.map_or_else(String::new, |q| q.price.to_string())),
            quote.map_or_else(|| Field::from(""), |q| time(q.observed_at)),
            Field::from(report.reason.clone().unwrap_or_default()),
        ]);
    }
    let outcome = match (&round.fault, round.price) {
        (Some(fault), _) => fault.to_string(),
        (None, Some(price)) => format!("the median is {price} USD"),
        (None, None) => "nobody answered".to_owned(),
    };
    Ok(answer
        .line(format!("asked {}: {outcome}", round.at))
        .line("")
        .table(table))
}
