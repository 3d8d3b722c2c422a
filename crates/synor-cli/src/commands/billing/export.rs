//! `synor billing export`

use clap::Args;
use serde_json::Value;
use synor_economics::billing::LineItem;
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::Month;

use super::focus;
use crate::client::Session;
use crate::output::{Answer, Field, Table, number, text};

/// Which month.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  synor billing export --period 2026-01 --format csv
  synor billing export --period 2026-01 --format focus > focus.csv
  synor billing export --period 2026-01 --format focus --usd-rate 0.25 > focus.csv")]
pub struct Arguments {
    /// The month, such as 2026-01.
    #[arg(long)]
    period: Month,
    /// With --format focus: what a SYNOR is in USD, for a bill in USD.
    #[arg(long, value_name = "USD")]
    usd_rate: Option<String>,
}

impl Arguments {
    /// Writes the month as FOCUS 1.2.
    pub async fn focus(&self, session: &Session) -> anyhow::Result<()> {
        let rate = self.usd_rate.as_deref().map(Exact::parse_decimal);
        focus::write(self.period, rate.transpose()?, session).await
    }
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let month = arguments.period;
    let export: Value = session
        .get(&format!("/billing/export?period={month}"))
        .await?;
    let lines: Vec<LineItem> = serde_json::from_value(export["line_items"].clone())?;
    let account = export["account_id"].as_str().unwrap_or_default();
    let status = export["status"].as_str().unwrap_or_default();
    let invoice = export["invoice_number"].as_str().unwrap_or_default();
    let mut table = Table::new(&[
        text("Account", "account_id"),
        text("Month", "period"),
        text("Invoice", "invoice_number"),
        text("Status", "status"),
        text("Resource", "resource"),
        text("Item", "description"),
        number("Quantity", "quantity"),
        text("Unit", "unit"),
        number("Price, µSYNOR", "unit_price_micro_synor"),
        text("per", "price_unit"),
        text("Prices", "price_list_version"),
        number("SYNOR", "amount_micro_synor"),
    ]);
    let mut total = MicroSynor::ZERO;
    for line in &lines {
        total = total.checked_add(line.amount_micro_synor)?;
        table.row([
            Field::from(account),
            Field::from(month.to_string()),
            Field::from(invoice),
            Field::from(status),
            Field::from(line.resource.to_string()),
            Field::from(line.description.clone()),
            Field::from(line.quantity.to_string()),
            Field::from(line.unit.name()),
            Field::from(
                line.unit_price_micro_synor
                    .map_or_else(|| "tiers".to_owned(), |p| p.to_decimal(12)),
            ),
            Field::from(line.price_unit.to_string()),
            Field::from(line.price_list_version.clone()),
            Field::from(line.amount_micro_synor),
        ]);
    }
    let mut sum = vec![Field::from(""); 11];
    sum.push(Field::from(total));
    table.total(sum);
    Ok(Answer::new(&export)?.table(table))
}
