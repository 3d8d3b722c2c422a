//! `synor billing invoice`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use synor_economics::billing::{Invoice, LineItem, Payment, PaymentStatus, TaxLine, tax_added};
use synor_economics::money::MicroSynor;
use synor_economics::oracle::UsdRate;
use synor_engine::InvoicePayment;

use crate::client::Session;
use crate::explain;
use crate::format;
use crate::output::Answer;
use crate::show;

/// Which invoice.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Its number (INV-000001) or id (inv_…).
    #[arg(required_unless_present = "current", conflicts_with = "current")]
    invoice: Option<String>,
    /// The running one, as far as it is known.
    #[arg(long)]
    current: bool,
    /// Show how each line came to be, down to the exact fraction.
    #[arg(long, conflicts_with = "current")]
    explain: bool,
    /// Write it as PDF into this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["current", "explain"])]
    pdf: Option<PathBuf>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    match arguments.invoice {
        Some(invoice) if arguments.pdf.is_some() => pdf(&invoice, arguments.pdf, session).await,
        Some(invoice) if arguments.explain => explained(&invoice, session).await,
        Some(invoice) => finalized(&invoice, session).await,
        None => current(session).await,
    }
}

/// One finalized invoice with its payments.
pub async fn finalized(invoice: &str, session: &Session) -> anyhow::Result<Answer> {
    let found: InvoicePayment = session
        .get(&format!("/billing/invoices/{invoice}/payment"))
        .await?;
    let payments: Vec<_> = found.payments.iter().map(payment_line).collect();
    show::invoice(&found.invoice, &payments)
}

/// One finalized invoice as PDF, into a file.
async fn pdf(invoice: &str, file: Option<PathBuf>, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/billing/invoices/{invoice}/pdf");
    let bytes = session.open(&path, &[], None).await?.bytes().await?;
    let file = file.unwrap_or_default();
    std::fs::write(&file, &bytes).with_context(|| format!("cannot write {}", file.display()))?;
    let shown = file.display().to_string();
    Ok(
        Answer::new(&json!({ "file": shown, "bytes": bytes.len() }))?
            .line(format!("wrote {invoice} to {shown}")),
    )
}

/// One finalized invoice with the working of each line.
async fn explained(invoice: &str, session: &Session) -> anyhow::Result<Answer> {
    let invoice: Invoice = session.get(&format!("/billing/invoices/{invoice}")).await?;
    let head = format!(
        "Invoice {} of {}, line by line",
        invoice.number, invoice.account_id
    );
    let mut answer = Answer::new(&invoice)?.line(head);
    for line in explain::derivation(&invoice)? {
        answer = answer.line(line);
    }
    Ok(answer.table_only_in_csv(show::lines(&invoice.line_items)))
}

fn payment_line(payment: &Payment) -> String {
    let state = match &payment.status {
        PaymentStatus::Pending => "waits for confirmations".to_owned(),
        PaymentStatus::Confirmed => "counted".to_owned(),
        PaymentStatus::Failed { reason } => format!("not counted: {reason}"),
    };
    let amount = format::money(payment.amount_micro_synor);
    format!("paid {amount} by {}, {state}", payment.tx_id)
}

async fn current(session: &Session) -> anyhow::Result<Answer> {
    let draft: Value = session.get("/billing/invoices/current").await?;
    let amount = |field: &str| -> anyhow::Result<MicroSynor> {
        Ok(serde_json::from_value(draft[field].clone())?)
    };
    let lines: Vec<LineItem> = serde_json::from_value(draft["line_items"].clone())?;
    let mut table = show::lines(&lines);
    let (subtotal, due) = (
        amount("subtotal_micro_synor")?,
        amount("total_due_micro_synor")?,
    );
    table.total(show::sum("So far", subtotal));
    let mut gross = subtotal;
    for discount in draft["discounts"].as_array().into_iter().flatten() {
        let off: MicroSynor = serde_json::from_value(discount["amount_micro_synor"].clone())?;
        gross = gross.checked_sub(off)?;
        let label = discount["description"].as_str().unwrap_or_default();
        table.total(show::sum(label, off.checked_neg()?));
    }
    if let Some(taxes) = draft.get("taxes") {
        let taxes: Vec<TaxLine> = serde_json::from_value(taxes.clone())?;
        gross = gross.checked_add(tax_added(&taxes)?)?;
        show::taxes(&mut table, &taxes);
    }
    let credit = gross.checked_sub(due)?;
    if credit.is_positive() {
        table.total(show::sum("Credits", credit.checked_neg()?));
    }
    if due != subtotal {
        table.total(show::sum("Due if it ended now", due));
    }
    let text = |field: &str| draft[field].as_str().unwrap_or_default().to_owned();
    let head = format!(
        "Running invoice  ·  {}  ·  {} ({})  ·  draft",
        text("account_id"),
        text("month"),
        text("time_zone")
    );
    let answer = Answer::new(&draft)?.line(head).line("");
    if lines.is_empty() {
        return Ok(answer
            .line("Nothing was used this month yet.")
            .table_only_in_csv(table));
    }
    let answer = answer.table(table);
    match draft.get("usd_rate") {
        None => Ok(answer),
        Some(rate) => {
            let rate: UsdRate = serde_json::from_value(rate.clone())?;
            Ok(answer
                .line(show::in_usd(due, &rate)?)
                .line(format!("at {}", rate.describe())))
        }
    }
}
