//! `synor webhooks deliveries`

use clap::Args;
use serde_json::Value;

use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, number, text};

/// How many.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let query = [("limit", arguments.limit.to_string())];
    let found: Value = session.get_with("/billing/deliveries", &query).await?;
    let mut table = Table::new(&[
        text("Message", "message_id"),
        text("Event", "event"),
        text("To", "to"),
        text("State", "state"),
        number("Tries", "tries"),
        text("Last error", "error"),
    ]);
    for delivery in items(&found) {
        let word = |field: &str| delivery[field].as_str().unwrap_or_default().to_owned();
        let to = delivery["destination"]["to"].as_str().unwrap_or_default();
        let attempts = delivery["attempts"].as_array().cloned().unwrap_or_default();
        let error = attempts.last().and_then(|last| last["error"].as_str());
        table.row([
            Field::from(word("message_id")),
            Field::from(word("event")),
            Field::from(to),
            Field::from(word("state")),
            Field::from(delivery["tries"].as_u64().unwrap_or_default()),
            Field::from(error.unwrap_or_default()),
        ]);
    }
    let answer = Answer::new(&found)?;
    if table.is_empty() {
        return Ok(answer
            .line("Nothing was to be delivered yet.")
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
