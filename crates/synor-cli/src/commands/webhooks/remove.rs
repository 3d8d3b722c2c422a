//! `synor webhooks remove`

use serde_json::Value;
use synor_economics::id::EndpointId;

use crate::client::Session;
use crate::output::Answer;

pub async fn run(endpoint: EndpointId, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/billing/webhooks/{endpoint}");
    let removed: Value = session.delete(&path).await?;
    Ok(Answer::new(&removed)?.line(format!("{endpoint} is told of nothing any more")))
}
