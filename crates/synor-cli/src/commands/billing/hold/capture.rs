//! `synor billing hold capture`

use clap::Args;
use serde_json::json;
use synor_economics::id::HoldId;
use synor_economics::money::MicroSynor;
use synor_engine::CaptureResult;

use super::stands;
use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// How much of which hold.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The hold (hld_…).
    hold: HoldId,
    /// How much, such as `12 SYNOR`; all that is left if absent.
    #[arg(num_args = 0..=2, value_names = ["AMOUNT", "SYNOR"], allow_negative_numbers = true)]
    amount: Vec<String>,
    /// Keep the rest on hold for another capture, instead of giving it back.
    #[arg(long)]
    more_to_come: bool,
    /// Names the capture, so that repeating the command does not capture twice.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Arguments {
    /// The same, if the amount can be read.
    pub fn checked(self) -> anyhow::Result<Self> {
        self.micro()?;
        Ok(self)
    }

    fn micro(&self) -> anyhow::Result<Option<MicroSynor>> {
        if self.amount.is_empty() {
            return Ok(None);
        }
        Ok(Some(MicroSynor::parse_positive(&self.amount.join(" "))?))
    }
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut body = json!({"final": !arguments.more_to_come});
    if let Some(amount) = arguments.micro()? {
        body["amount_micro_synor"] = json!(amount);
    }
    let path = format!("/billing/holds/{}/capture", arguments.hold);
    let key = arguments.idempotency_key.as_deref();
    let done: CaptureResult = session.post(&path, &body, key).await?;
    let answer = Answer::new(&done)?.line(format!(
        "captured  {}",
        format::money(done.amount_captured_micro_synor)
    ));
    stands(answer, &done.hold, done.remaining_balance_micro_synor)
}
