//! `synor admin verify`: exit code 1 if anything does not hold.

use serde_json::{Value, json};
use synor_economics::money::MicroSynor;

use crate::args::Format;
use crate::client::Session;
use crate::error::Failed;
use crate::output::{Answer, Field, Table, number, text};
use crate::progress;

pub async fn run(session: &Session) -> anyhow::Result<Value> {
    let spinner = progress::waiting("verifying".to_owned());
    let verified = session.post("/admin/verify", &json!({}), None).await;
    spinner.finish_and_clear();
    verified
}

/// Prints what was found; an error if anything does not hold.
pub fn print(verified: &Value, format: Format) -> anyhow::Result<()> {
    show(verified)?.print(format)?;
    match verified["problems"].as_array() {
        Some(problems) if problems.is_empty() => Ok(()),
        _ => Err(Failed.into()),
    }
}

fn show(verified: &Value) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[text("", "what"), number("", "value")]);
    for (label, field) in [
        ("Usage events re-read", "events"),
        ("Invoices worked out again", "invoices"),
        ("Journal entries summed", "journal_entries"),
        ("Documents re-read", "documents"),
    ] {
        let count = verified[field].as_u64().unwrap_or_default();
        table.row([Field::new(label, field), Field::from(count)]);
    }
    for (label, field) in [
        ("Collected, SYNOR", "collected_micro_synor"),
        ("  distributed", "distributed_micro_synor"),
        ("  held", "held_micro_synor"),
    ] {
        let amount: MicroSynor = serde_json::from_value(verified[field].clone())?;
        table.row([Field::new(label, field), Field::from(amount)]);
    }
    let mut answer = Answer::new(verified)?.table(table).line("");
    let problems = verified["problems"].as_array().cloned().unwrap_or_default();
    for problem in &problems {
        answer = answer.line(format!("✗ {}", problem.as_str().unwrap_or_default()));
    }
    Ok(if problems.is_empty() {
        answer.line("✓ everything holds")
    } else {
        answer.line(format!("{} problems", problems.len()))
    })
}
