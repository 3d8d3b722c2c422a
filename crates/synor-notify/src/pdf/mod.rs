//! An invoice as PDF: A4 or Letter, fonts embedded, tagged, and the same bytes for the same invoice.

mod layout;
mod rows;
mod sheet;
mod type_face;

use synor_economics::billing::{Invoice, PaymentRequest};
use synor_economics::money::MoneyError;
use thiserror::Error;

use crate::operator::Operator;
use crate::words;

/// Why there is no PDF.
#[derive(Debug, Error)]
pub enum PdfError {
    /// A font that is built in cannot be read.
    #[error("a built-in font cannot be read")]
    Font,
    /// Something does not fit a page.
    #[error("a page has no size")]
    Page,
    /// The payment cannot be written as a QR code.
    #[error("the payment does not fit a QR code")]
    Code,
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The document cannot be written.
    #[error("the document cannot be written: {0}")]
    Write(String),
}

/// What an invoice's PDF shows.
#[derive(Debug, Clone)]
pub struct InvoiceFacts {
    /// The invoice.
    pub invoice: Invoice,
    /// What the account is called.
    pub account_name: String,
    /// What to transfer, as long as it is to be paid.
    pub payment: Option<PaymentRequest>,
}

/// The invoice as PDF.
pub fn invoice_pdf(facts: &InvoiceFacts, operator: &Operator) -> Result<Vec<u8>, PdfError> {
    let faces = type_face::Faces::load()?;
    let size = operator.paper.size();
    let pages = layout::place(facts, operator, &faces)?;
    let invoice = &facts.invoice;
    let about = sheet::About {
        title: format!("Invoice {} from {}", invoice.number, operator.name),
        author: operator.name.clone(),
        id: invoice.invoice_id.to_string(),
        date: day_of(&words::date(invoice.created_at, &invoice.time_zone)),
    };
    sheet::draw(&faces, size, about, &pages)
}

/// Year, month and day of a date as it is written.
fn day_of(date: &str) -> (u16, u8, u8) {
    let mut parts = date.split('-');
    let year = parts.next().and_then(|part| part.parse().ok());
    let mut small = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(1);
    (year.unwrap_or(1970), small(), small())
}
