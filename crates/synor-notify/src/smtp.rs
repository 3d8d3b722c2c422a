//! Sending mail over SMTP, with TLS unless the operator says that there is none.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;
use synor_economics::id::MessageId;
use synor_engine::Outcome;

use crate::NotifyError;
use crate::mail::Written;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Where mail is handed in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The host of the mail server.
    pub host: String,
    /// Its port [default: 587, or 465 with `tls = "always"`].
    #[serde(default)]
    pub port: Option<u16>,
    /// Who sends, such as `Northwind <billing@northwind.example>`.
    pub from: String,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// It begins in the open and must become TLS.
    #[default]
    Starttls,
    /// It is TLS from the start.
    Always,
    /// It is not: for a mail server on the same machine.
    None,
}

/// Sends mail.
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// `login` is user and password, where the server wants them.
    pub(crate) fn new(
        config: &SmtpConfig,
        login: Option<(String, String)>,
    ) -> Result<Self, NotifyError> {
        let broken = |reason: String| NotifyError::Email(reason);
        let from = config
            .from
            .parse()
            .map_err(|e| broken(format!("from: {e}")))?;
        let builder = match config.tls {
            Tls::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&config.host),
            Tls::Always => AsyncSmtpTransport::<Tokio1Executor>::relay(&config.host),
            Tls::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(
                &config.host,
            )),
        };
        let mut builder = builder.map_err(|e| broken(format!("host: {e}")))?;
        builder = builder.timeout(Some(TIMEOUT));
        if let Some(port) = config.port {
            builder = builder.port(port);
        }
        if let Some((user, password)) = login {
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Self {
            transport: builder.build(),
            from,
        })
    }

    pub(crate) async fn send(
        &self,
        to: &str,
        message_id: MessageId,
        written: Written,
        pdf: Option<(String, Vec<u8>)>,
    ) -> Outcome {
        let never = |reason: String| Outcome::Never {
            status: None,
            reason,
        };
        let to: Mailbox = match to.parse() {
            Ok(to) => to,
            Err(error) => return never(format!("`{to}` cannot be written to: {error}")),
        };
        let message = match self.message(to, message_id, written, pdf) {
            Ok(message) => message,
            Err(error) => return never(format!("the mail cannot be written: {error}")),
        };
        match self.transport.send(message).await {
            Ok(_) => Outcome::Taken(None),
            Err(error) if error.is_permanent() => never(error.to_string()),
            Err(error) => Outcome::NotNow {
                status: None,
                reason: error.to_string(),
            },
        }
    }

    fn message(
        &self,
        to: Mailbox,
        message_id: MessageId,
        written: Written,
        pdf: Option<(String, Vec<u8>)>,
    ) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain();
        let both = MultiPart::alternative_plain_html(written.text, written.html);
        let content = match pdf {
            Some((name, bytes)) => MultiPart::mixed()
                .multipart(both)
                .singlepart(attached(name, bytes)),
            None => both,
        };
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(written.subject)
            // The same for every try, so that a mail that arrives twice is seen to be one.
            .message_id(Some(format!("<{message_id}@{domain}>")))
            .multipart(content)
    }
}

fn attached(name: String, bytes: Vec<u8>) -> SinglePart {
    // A media type that is written here is one.
    let kind = ContentType::parse("application/pdf").unwrap_or(ContentType::TEXT_PLAIN);
    Attachment::new(name).body(bytes, kind)
}
