//! `synor admin write-off`

use clap::Args;
use serde_json::json;
use synor_economics::billing::Invoice;
use synor_economics::id::InvoiceId;

use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// Which invoice is given up.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Its id (inv_…).
    invoice: InvoiceId,
    /// Why.
    #[arg(long)]
    reason: String,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/admin/invoices/{}/write-off", arguments.invoice);
    let body = json!({"reason": arguments.reason});
    let invoice: Invoice = session.post(&path, &body, None).await?;
    let line = format!(
        "wrote {} of {} off; what is paid on it after all is still taken",
        format::money(invoice.unsettled()?),
        invoice.number
    );
    Ok(Answer::new(&invoice)?.line(line))
}
