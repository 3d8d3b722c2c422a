//! `synor webhooks rotate`

use serde_json::{Value, json};
use synor_economics::id::EndpointId;

use crate::client::Session;
use crate::output::Answer;

pub async fn run(endpoint: EndpointId, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/billing/webhooks/{endpoint}/rotate");
    let rotated: Value = session.post(&path, &json!({}), None).await?;
    let secret = rotated["secret"].as_str().unwrap_or_default();
    Ok(Answer::new(&rotated)?
        .line(format!("secret (shown this once): {secret}"))
        .line("messages carry a signature by the old one, too, for a day"))
}
