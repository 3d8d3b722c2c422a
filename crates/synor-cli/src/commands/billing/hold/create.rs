//! `synor billing hold create`

use clap::Args;
use serde_json::json;
use synor_economics::money::MicroSynor;
use synor_engine::{HOLD_SECS_DEFAULT, HoldResult};

use super::stands;
use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// How much, what for, and for how long.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How much, such as `30 SYNOR`.
    #[arg(num_args = 1..=2, required = true, value_names = ["AMOUNT", "SYNOR"], allow_negative_numbers = true)]
    amount: Vec<String>,
    /// What for; it stands in the journal.
    #[arg(long)]
    reason: String,
    /// After how many seconds it can no longer be captured.
    #[arg(long, value_name = "SECONDS", default_value_t = HOLD_SECS_DEFAULT)]
    expires_in: i64,
    /// Names the hold, so that repeating the command does not place a second one.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Arguments {
    /// The same, if the amount can be read.
    pub fn checked(self) -> anyhow::Result<Self> {
        self.micro()?;
        Ok(self)
    }

    fn micro(&self) -> anyhow::Result<MicroSynor> {
        Ok(MicroSynor::parse_positive(&self.amount.join(" "))?)
    }
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let amount = arguments.micro()?;
    let body = json!({
        "amount_micro_synor": amount,
        "reason": arguments.reason,
        "expires_in_secs": arguments.expires_in,
    });
    let key = arguments.idempotency_key.as_deref();
    let placed: HoldResult = session.post("/billing/holds", &body, key).await?;
    let until = placed.hold.expires_at;
    let answer = Answer::new(&placed)?.line(format!(
        "{} are on hold until {until}",
        format::money(amount)
    ));
    stands(answer, &placed.hold, placed.remaining_balance_micro_synor)
}
