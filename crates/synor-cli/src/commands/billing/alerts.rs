//! `synor billing alerts`: where budgets were crossed, newest first.

use clap::Args;
use serde_json::Value;
use synor_economics::budget::Alert;

use super::budget::reading;
use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, number, text};

/// Which alerts.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only those whose threshold is crossed now.
    #[arg(long)]
    firing: bool,
    /// How many at most.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let Arguments { firing, limit } = arguments;
    let path = format!("/billing/alerts?firing={firing}&limit={limit}");
    let all: Value = session.get(&path).await?;
    let mut table = Table::new(&[
        text("Fired", "fired_at"),
        text("Budget", "budget"),
        text("At", "threshold"),
        text("Month", "month"),
        number("Read", "value"),
        number("Limit", "limit"),
        text("Unit", "unit"),
        text("Armed again", "rearmed_at"),
    ]);
    for item in items(&all) {
        let alert: Alert = serde_json::from_value(item)?;
        let (value, unit) = reading(alert.value, &alert.unit);
        let (limit, _) = reading(alert.limit, &alert.unit);
        let rearmed = match alert.rearmed_at {
            Some(at) => Field::new(at.to_string(), at.secs()),
            None => Field::new("–", ""),
        };
        table.row([
            Field::new(alert.fired_at.to_string(), alert.fired_at.secs()),
            Field::from(alert.budget),
            Field::from(alert.threshold.to_string()),
            Field::from(alert.month.to_string()),
            value,
            limit,
            Field::new(unit, &alert.unit),
            rearmed,
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        return Ok(answer.line("No alerts.").table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
