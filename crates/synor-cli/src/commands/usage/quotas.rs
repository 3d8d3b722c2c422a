//! `synor usage quotas`: what limits an account, and how much of it is used.

use serde_json::Value;
use synor_engine::QuotaState;

use crate::client::{Session, items};
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let all: Value = session.get("/usage/quotas").await?;
    let mut table = Table::new(&[
        text("Resource", "resource"),
        text("Per", "per"),
        number("Limit", "limit"),
        number("Used", "used"),
        number("Left", "remaining"),
        text("Unit", "unit"),
        number("Used %", "used_percent"),
        text("Effect", "effect"),
        text("Until", "until"),
    ]);
    for item in items(&all) {
        let state: QuotaState = serde_json::from_value(item)?;
        let spec = state.quota.resource.spec();
        let count =
            |q: synor_economics::quantity::Quantity| Field::new(format::decimal(&q.to_string()), q);
        table.row([
            Field::from(state.quota.resource.to_string()),
            Field::from(state.quota.per.name()),
            count(state.limit),
            count(state.used),
            count(state.remaining),
            Field::from(spec.base_unit.name()),
            Field::from(state.used_percent),
            Field::from(state.quota.effect.name()),
            Field::new(state.period.end().to_string(), state.period.end().secs()),
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        return Ok(answer.line("No quotas.").table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
