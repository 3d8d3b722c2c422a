//! The messenger that the engine sends through: webhooks over HTTP, mail over SMTP.

use async_trait::async_trait;
use synor_engine::{Mail, Messenger, Outcome, WebhookPost};
use thiserror::Error;

use crate::mail;
use crate::operator::Operator;
use crate::pdf::{InvoiceFacts, invoice_pdf};
use crate::smtp::{Mailer, SmtpConfig};
use crate::webhook::Poster;

/// Why nothing can be sent.
#[derive(Debug, Error)]
pub enum NotifyError {
    /// The configuration of e-mail does not hold.
    #[error("email: {0}")]
    Email(String),
    /// There is no HTTP client.
    #[error("webhooks cannot be posted")]
    Http(#[from] reqwest::Error),
}

/// Sends webhooks and, where a mail server is configured, mail.
pub struct NetworkMessenger {
    poster: Poster,
    mailer: Option<Mailer>,
    operator: Operator,
}

impl NetworkMessenger {
    /// `login` is user and password of the mail server, where it wants them. `allows_private` lets
    /// webhooks be posted to addresses that are not on the open network.
    pub fn new(
        operator: Operator,
        smtp: Option<&SmtpConfig>,
        login: Option<(String, String)>,
        allows_private: bool,
    ) -> Result<Self, NotifyError> {
        let mailer = smtp.map(|smtp| Mailer::new(smtp, login)).transpose()?;
        Ok(Self {
            poster: Poster::new(allows_private)?,
            mailer,
            operator,
        })
    }

    /// The invoice of a mail as an attachment.
    fn attachment(&self, mail: &Mail) -> Result<Option<(String, Vec<u8>)>, String> {
        let Some((invoice, payment)) = &mail.invoice else {
            return Ok(None);
        };
        let facts = InvoiceFacts {
            invoice: invoice.clone(),
            account_name: mail.account.name.clone(),
            payment: payment.clone(),
        };
        let pdf = invoice_pdf(&facts, &self.operator).map_err(|e| e.to_string())?;
        Ok(Some((format!("{}.pdf", invoice.number), pdf)))
    }
}

#[async_trait]
impl Messenger for NetworkMessenger {
    fn sends_mail(&self) -> bool {
        self.mailer.is_some()
    }

    fn check_url(&self, url: &str) -> Result<(), String> {
        self.poster.check(url)
    }

    async fn post(&self, post: &WebhookPost) -> Outcome {
        self.poster.post(post).await
    }

    async fn mail(&self, mail: &Mail) -> Outcome {
        let never = |reason: String| Outcome::Never {
            status: None,
            reason,
        };
        let Some(mailer) = &self.mailer else {
            return Outcome::NotNow {
                status: None,
                reason: "no mail server is configured".to_owned(),
            };
        };
        let written = match mail::write(mail, &self.operator) {
            Ok(Some(written)) => written,
            Ok(None) => return never("people are not told of this event".to_owned()),
            Err(error) => return never(error.to_string()),
        };
        let pdf = match written.has_pdf.then(|| self.attachment(mail)).transpose() {
            Ok(pdf) => pdf.flatten(),
            Err(reason) => return never(reason),
        };
        mailer.send(&mail.to, mail.message_id, written, pdf).await
    }
}
