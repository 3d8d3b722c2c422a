//! `synor usage summary`

use clap::Args;
use serde_json::Value;
use synor_economics::period::Month;

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// Which month.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The month, such as 2026-01 [default: the running one].
    #[arg(long)]
    period: Option<Month>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let query = arguments
        .period
        .map_or_else(String::new, |month| format!("?period={month}"));
    let summary: Value = session.get(&format!("/billing/usage{query}")).await?;
    let mut table = Table::new(&[
        text("Resource", "resource"),
        text("Dimensions", "dimensions"),
        text("Provider", "provider"),
        number("Quantity", "quantity"),
        text("Unit", "unit"),
    ]);
    for row in summary["rows"].as_array().into_iter().flatten() {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let raw = match &row["quantity"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let dimensions: Vec<_> = row["dimensions"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        table.row([
            Field::from(text("resource")),
            Field::from(dimensions.join(" ")),
            Field::from(text("provider")),
            Field::new(format::decimal(&text("display_quantity")), raw),
            Field::new(text("display_unit"), text("unit")),
        ]);
    }
    let answer = Answer::new(&summary)?;
    if table.is_empty() {
        return Ok(answer.line("Nothing was used in this time.").table(table));
    }
    Ok(answer.table(table))
}
