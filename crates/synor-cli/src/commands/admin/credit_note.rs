//! `synor admin credit-note`

use clap::Args;
use serde_json::json;
use synor_economics::billing::CreditNote;
use synor_economics::id::InvoiceId;
use synor_economics::money::MicroSynor;
use uuid::Uuid;

use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// The correction of an invoice.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The invoice's id (inv_…).
    invoice: InvoiceId,
    /// How much with taxes, such as `20 SYNOR`.
    #[arg(num_args = 1..=2, required = true, value_names = ["AMOUNT", "SYNOR"], allow_negative_numbers = true)]
    amount: Vec<String>,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Names the credit note, so that repeating the command does not make a second one.
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
    let path = format!("/admin/invoices/{}/credit-notes", arguments.invoice);
    let key = arguments
        .idempotency_key
        .unwrap_or_else(|| Uuid::now_v7().to_string());
    let body = json!({"amount_micro_synor": amount, "reason": arguments.reason});
    let note: CreditNote = session.post(&path, &body, Some(&key)).await?;
    told(&note)
}

/// A credit note that was made, and what became of it.
pub fn told(note: &CreditNote) -> anyhow::Result<Answer> {
    let mut answer = Answer::new(note)?.line(format!(
        "{} over {} on {} of {}",
        note.number,
        format::money(note.amount_micro_synor),
        note.invoice_number,
        note.account_id
    ));
    for (amount, what) in [
        (note.owed_micro_synor, "less is owed"),
        (note.prepaid_micro_synor, "became prepaid credit"),
        (note.credit_micro_synor, "became credit"),
        (note.refund_micro_synor, "is transferred"),
    ] {
        if amount.is_positive() {
            answer = answer.line(format!("{} {what}", format::money(amount)));
        }
    }
    Ok(answer)
}
