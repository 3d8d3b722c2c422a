//! `synor admin refund`

use clap::Args;
use serde_json::json;
use synor_economics::billing::CreditNote;
use synor_economics::id::{Address, InvoiceId};
use synor_economics::money::MicroSynor;
use uuid::Uuid;

use super::credit_note::told;
use crate::client::Session;
use crate::output::Answer;

/// What is given back of a paid invoice.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The invoice's id (inv_…).
    invoice: InvoiceId,
    /// How much with taxes, such as `20 SYNOR`.
    #[arg(num_args = 1..=2, required = true, value_names = ["AMOUNT", "SYNOR"], allow_negative_numbers = true)]
    amount: Vec<String>,
    /// To this address [default: into the prepaid balance].
    #[arg(long)]
    to: Option<Address>,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Names the refund, so that repeating the command does not refund twice.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Arguments {
    /// The same, if the amount can be read.
    pub fn checked(self) -> anyhow::Result<Self> {
        MicroSynor::parse_positive(&self.amount.join(" "))?;
        Ok(self)
    }
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let amount = MicroSynor::parse_positive(&arguments.amount.join(" "))?;
    let path = format!("/admin/invoices/{}/refund", arguments.invoice);
    let key = arguments
        .idempotency_key
        .unwrap_or_else(|| Uuid::now_v7().to_string());
    let body = json!({
        "amount_micro_synor": amount,
        "to": arguments.to,
        "reason": arguments.reason,
    });
    let note: CreditNote = session.post(&path, &body, Some(&key)).await?;
    told(&note)
}
