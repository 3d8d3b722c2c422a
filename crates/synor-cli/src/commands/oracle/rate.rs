//! `synor oracle rate`

use clap::Args;
use serde_json::json;
use synor_economics::oracle::Price;
use synor_economics::period::Month;
use synor_store::PeriodRate;

use crate::client::Session;
use crate::output::Answer;

/// Which rate.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The month, such as 2026-01.
    month: Month,
    /// USD for one SYNOR, such as 0.25.
    usd_per_synor: Price,
    /// Why it is set by hand; it is kept, and shown on what is billed at it.
    #[arg(long)]
    reason: String,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let body = json!({
        "month": arguments.month,
        "usd_per_synor": arguments.usd_per_synor,
        "reason": arguments.reason,
    });
    let set: PeriodRate = session.post("/admin/oracle/rates", &body, None).await?;
    let line = format!(
        "{} is billed at {} USD for one SYNOR",
        set.month, set.rate.usd_per_synor
    );
    Ok(Answer::new(&set)?.line(line))
}
