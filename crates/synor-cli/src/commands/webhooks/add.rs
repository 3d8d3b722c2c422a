//! `synor webhooks add`

use clap::Args;
use serde_json::{Value, json};

use crate::client::Session;
use crate::output::Answer;

/// Where to, and which events.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The address, such as `https://example.com/synor`.
    url: String,
    /// Only these events, such as `invoice.paid` or `invoice.*` [default: all].
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let order = json!({ "url": arguments.url, "events": arguments.events });
    let added: Value = session.post("/billing/webhooks", &order, None).await?;
    let text = |field: &str| added[field].as_str().unwrap_or_default().to_owned();
    let told = format!("{} is told at {}", text("endpoint_id"), text("url"));
    let secret = format!("secret (shown this once): {}", text("secret"));
    Ok(Answer::new(&added)?.line(told).line(secret))
}
