//! `synor webhooks list`

use serde_json::Value;

use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let found: Value = session.get("/billing/webhooks").await?;
    let mut table = Table::new(&[
        text("Endpoint", "endpoint_id"),
        text("Address", "url"),
        text("Events", "events"),
        text("State", "enabled"),
    ]);
    for endpoint in items(&found) {
        let word = |field: &str| endpoint[field].as_str().unwrap_or_default().to_owned();
        let events = endpoint["events"].as_array().cloned().unwrap_or_default();
        let events: Vec<_> = events.iter().filter_map(Value::as_str).collect();
        let events = if events.is_empty() {
            "all".to_owned()
        } else {
            events.join(" ")
        };
        let is_on = endpoint["enabled"] == true;
        let state = match endpoint["switched_off"].as_str() {
            _ if is_on => "on".to_owned(),
            Some(reason) => format!("off: {reason}"),
            None => "off".to_owned(),
        };
        table.row([
            Field::from(word("endpoint_id")),
            Field::from(word("url")),
            Field::from(events),
            Field::new(state, is_on),
        ]);
    }
    let answer = Answer::new(&found)?;
    if table.is_empty() {
        return Ok(answer
            .line("Nobody is told of events; `synor webhooks add URL` changes that.")
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
