//! `synor webhooks replay`

use clap::Args;
use serde_json::{Value, json};
use synor_economics::id::{EndpointId, MessageId};

use crate::client::Session;
use crate::output::Answer;

/// What to whom.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The endpoint (whe_…).
    endpoint: EndpointId,
    /// The message (msg_…).
    message: MessageId,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let Arguments { endpoint, message } = arguments;
    let path = format!("/billing/webhooks/{endpoint}/replay");
    let order = json!({ "message_id": message });
    let replayed: Value = session.post(&path, &order, None).await?;
    Ok(Answer::new(&replayed)?.line(format!("{message} will be delivered to {endpoint} again")))
}
