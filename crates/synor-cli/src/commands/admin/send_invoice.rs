//! `synor admin send-invoice`

use serde_json::json;
use synor_economics::billing::Invoice;
use synor_economics::id::InvoiceId;

use crate::client::Session;
use crate::output::Answer;

pub async fn run(id: InvoiceId, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/admin/invoices/{id}/send");
    let invoice: Invoice = session.post(&path, &json!({}), None).await?;
    let line = format!("{} of {} is sent", invoice.number, invoice.account_id);
    Ok(Answer::new(&invoice)?.line(line))
}
