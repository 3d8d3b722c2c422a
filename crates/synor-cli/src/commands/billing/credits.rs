//! `synor billing credits`

use serde_json::Value;
use synor_economics::billing::CreditEntry;
use synor_economics::money::MicroSynor;

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let answer: Value = session.get("/billing/credits").await?;
    let credits: Vec<CreditEntry> = serde_json::from_value(answer["credits"].clone())?;
    let balance: MicroSynor = serde_json::from_value(answer["balance_micro_synor"].clone())?;
    let mut table = Table::new(&[
        text("Credit", "credit_id"),
        text("From", "source"),
        text("Since", "created_at"),
        text("Until", "expires_at"),
        number("Granted", "amount_micro_synor"),
        number("Left", "remaining_micro_synor"),
    ]);
    for credit in &credits {
        let until = credit
            .expires_at
            .map_or_else(|| "–".to_owned(), format::date);
        let until_raw = credit
            .expires_at
            .map_or_else(String::new, |at| at.secs().to_string());
        table.row([
            Field::from(credit.credit_id.to_string()),
            Field::from(shortened(&credit.source.describe())),
            Field::new(format::date(credit.created_at), credit.created_at.secs()),
            Field::new(until, until_raw),
            Field::from(credit.amount_micro_synor),
            Field::from(credit.remaining_micro_synor),
        ]);
    }
    let answer = Answer::new(&answer)?;
    if credits.is_empty() {
        return Ok(answer
            .line("No credits yet; `synor billing deposit 100 SYNOR` makes one.")
            .table_only_in_csv(table));
    }
    let empty = || Field::from("");
    table.total([
        Field::from("Available"),
        empty(),
        empty(),
        empty(),
        empty(),
        Field::from(balance),
    ]);
    Ok(answer.table(table))
}

/// Long ids shortened in the middle.
fn shortened(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        match (word.get(..8), word.get(word.len().saturating_sub(6)..)) {
            (Some(head), Some(tail)) if word.len() > 40 => format!("{head}…{tail}"),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
