//! `synor billing reminders`

use serde_json::Value;
use synor_economics::billing::{FinalStep, Reminder};

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let found: Value = session.get("/billing/reminders").await?;
    let reminders: Vec<Reminder> = serde_json::from_value(found["items"].clone())?;
    let mut table = Table::new(&[
        text("Date", "created_at"),
        text("Invoice", "number"),
        text("Step", "step"),
        text("Then", "action"),
        number("Owed, SYNOR", "amount_due_micro_synor"),
    ]);
    for reminder in &reminders {
        let (shown, raw) = match reminder.action {
            FinalStep::Nothing => ("", "nothing"),
            FinalStep::Suspend => ("suspended", "suspend"),
        };
        let at = reminder.created_at;
        table.row([
            Field::new(format::date(at), at.secs()),
            Field::from(reminder.number.to_string()),
            Field::from(reminder.step.to_string()),
            Field::new(shown, raw),
            Field::from(reminder.amount_due_micro_synor),
        ]);
    }
    let answer = Answer::new(&found)?;
    if reminders.is_empty() {
        return Ok(answer
            .line("There are no reminders.")
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
