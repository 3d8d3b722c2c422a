//! `synor webhooks enable` and `disable`

use serde_json::{Value, json};
use synor_economics::id::EndpointId;

use crate::client::Session;
use crate::output::Answer;

pub async fn run(endpoint: EndpointId, on: bool, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/billing/webhooks/{endpoint}");
    let order = json!({ "enabled": on });
    let changed: Value = session.post(&path, &order, None).await?;
    let state = if on { "on" } else { "off" };
    Ok(Answer::new(&changed)?.line(format!("{endpoint} is {state}")))
}
