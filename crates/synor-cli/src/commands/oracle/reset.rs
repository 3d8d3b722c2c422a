//! `synor oracle reset`

use clap::Args;
use serde_json::json;
use synor_store::OracleState;

use crate::client::Session;
use crate::output::Answer;

/// Why.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Why the price is believed; it is kept.
    #[arg(long)]
    reason: String,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let body = json!({ "reason": arguments.reason });
    let state: OracleState = session.post("/admin/oracle/reset", &body, None).await?;
    let line = "the breaker is reset; the next round is good wherever its price is";
    Ok(Answer::new(&state)?.line(line))
}
