//! `synor admin void-invoice`

use serde_json::json;
use synor_economics::billing::Invoice;
use synor_economics::id::InvoiceId;

use crate::client::Session;
use crate::output::Answer;

pub async fn run(id: InvoiceId, session: &Session) -> anyhow::Result<Answer> {
    let invoice: Invoice = session
        .post(&format!("/admin/invoices/{id}/void"), &json!({}), None)
        .await?;
    let line = format!(
        "voided {} of {}; its credits were given back",
        invoice.number, invoice.account_id
    );
    Ok(Answer::new(&invoice)?.line(line))
}
