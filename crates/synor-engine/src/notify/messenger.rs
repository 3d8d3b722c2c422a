//! The seam to the world: who posts a webhook, and who sends a mail.

use async_trait::async_trait;
use synor_economics::account::Account;
use synor_economics::billing::{Invoice, PaymentRequest};
use synor_economics::id::MessageId;
use synor_economics::notification::Event;
use synor_economics::period::Timestamp;

/// A webhook to be posted.
#[derive(Debug, Clone)]
pub struct WebhookPost {
    /// Where to.
    pub url: String,
    /// Which message; the same for every try.
    pub message_id: MessageId,
    /// The present, which is signed.
    pub now: Timestamp,
    /// The body.
    pub body: String,
    /// The secrets to sign with, the current one first.
    pub secrets: Vec<String>,
}

/// A mail to be written and sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Where to.
    pub to: String,
    /// Which message; the same for every try.
    pub message_id: MessageId,
    /// What happened.
    pub event: Event,
    /// Whose.
    pub account: Account,
    /// The invoice that it is about, with what to transfer while it is to be paid.
    pub invoice: Option<(Invoice, Option<PaymentRequest>)>,
    /// When it happened.
    pub at: Timestamp,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken, with this status of HTTP.
    Taken(Option<u16>),
    /// It was not, and may be another time.
    NotNow {
        /// The status of HTTP, if there was one.
        status: Option<u16>,
        /// Why.
        reason: String,
    },
    /// It never will be.
    Never {
        /// The status of HTTP, if there was one.
        status: Option<u16>,
        /// Why.
        reason: String,
    },
}

/// Who posts webhooks and sends mail.
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Whether it can send mail.
    fn sends_mail(&self) -> bool;

    /// Whether a webhook may be posted there; why not, if it may not.
    fn check_url(&self, url: &str) -> Result<(), String>;

    /// Posts a webhook.
    async fn post(&self, post: &WebhookPost) -> Outcome;

    /// Writes and sends a mail.
    async fn mail(&self, mail: &Mail) -> Outcome;
}
