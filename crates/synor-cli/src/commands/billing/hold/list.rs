//! `synor billing hold list`

use clap::Args;
use serde_json::Value;
use synor_economics::billing::Hold;

use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, number, text};

/// Which holds.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only those that have not ended.
    #[arg(long)]
    open: bool,
    /// How many at most.
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    limit: usize,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let Arguments { open, limit } = arguments;
    let path = format!("/billing/holds?open={open}&limit={limit}");
    let all: Value = session.get(&path).await?;
    let mut table = Table::new(&[
        text("Hold", "hold_id"),
        text("For", "reason"),
        text("State", "status"),
        text("Until", "expires_at"),
        number("Amount", "amount_micro_synor"),
        number("Captured", "captured_micro_synor"),
        number("On hold", "on_hold_micro_synor"),
    ]);
    for item in items(&all) {
        let hold: Hold = serde_json::from_value(item)?;
        table.row([
            Field::from(hold.hold_id.to_string()),
            Field::from(hold.reason.clone()),
            Field::from(hold.status.to_string()),
            Field::new(hold.expires_at.to_string(), hold.expires_at.secs()),
            Field::from(hold.amount_micro_synor),
            Field::from(hold.captured_micro_synor),
            Field::from(hold.left()?),
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        return Ok(answer.line("No holds.").table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
