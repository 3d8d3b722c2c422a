//! What customers are sent: invoices as PDF, e-mail, and webhooks signed by the Standard Webhooks
//! scheme. What is to be sent to whom the engine decides; here it is written and sent.

mod operator;
mod pdf;
mod words;

pub use operator::{Operator, Paper};
pub use pdf::{InvoiceFacts, PdfError, invoice_pdf};
