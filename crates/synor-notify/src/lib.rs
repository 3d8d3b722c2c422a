//! What customers are sent: invoices as PDF, e-mail, and webhooks signed by the Standard Webhooks
//! scheme. What is to be sent to whom the engine decides; here it is written and sent.

mod mail;
mod messenger;
mod operator;
mod pdf;
mod smtp;
mod target;
mod webhook;
mod words;

pub use messenger::{NetworkMessenger, NotifyError};
pub use operator::{Operator, Paper};
pub use pdf::{InvoiceFacts, PdfError, invoice_pdf};
pub use smtp::{SmtpConfig, Tls};
