//! `synor billing hold release`

use clap::Args;
use serde_json::json;
use synor_economics::id::HoldId;
use synor_engine::HoldResult;

use super::stands;
use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// Which hold.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The hold (hld_…).
    hold: HoldId,
    /// Names the release, so that repeating the command is answered the same.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/billing/holds/{}/release", arguments.hold);
    let key = arguments.idempotency_key.as_deref();
    let freed: HoldResult = session.post(&path, &json!({}), key).await?;
    let back = format::money(freed.hold.released_micro_synor);
    let answer = Answer::new(&freed)?.line(format!("released  {back}"));
    stands(answer, &freed.hold, freed.remaining_balance_micro_synor)
}
