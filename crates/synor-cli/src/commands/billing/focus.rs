//! `synor billing export --format focus`: a closed month as FOCUS 1.2, one CSV row for each charge.

use std::io::Write as _;

use serde_json::Value;
use synor_economics::billing::{CreditNote, FOCUS_COLUMNS, FocusBill, Invoice};
use synor_economics::money::Exact;
use synor_economics::period::Month;

use crate::client::Session;
use crate::error::error_with_help;

/// Writes the invoice of a month to stdout.
pub async fn write(month: Month, rate: Option<Exact>, session: &Session) -> anyhow::Result<()> {
    let export: Value = session
        .get(&format!("/billing/export?period={month}"))
        .await?;
    let Some(number) = export["invoice_number"].as_str() else {
        return Err(error_with_help(
            format!("{month} has no invoice yet"),
            "FOCUS is of closed months; --format csv shows a running one",
        ));
    };
    let invoice: Invoice = session.get(&format!("/billing/invoices/{number}")).await?;
    let path = format!("/billing/invoices/{number}/credit-notes");
    let notes: Value = session.get(&path).await?;
    let notes: Vec<CreditNote> = serde_json::from_value(notes["items"].clone())?;
    let bill = FocusBill {
        account_name: invoice.account_id.as_str(),
        invoice: &invoice,
        credit_notes: &notes,
        usd_per_synor: rate,
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(FOCUS_COLUMNS)?;
    for row in bill.rows()? {
        csv.write_record(bill.fields(&row)?)?;
    }
    let text = csv.into_inner().map_err(|error| error.into_error())?;
    // All or nothing: whoever reads it may not see that it broke off.
    std::io::stdout().lock().write_all(&text)?;
    Ok(())
}
