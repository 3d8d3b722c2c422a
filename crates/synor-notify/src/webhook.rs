//! Posting webhooks, signed by the Standard Webhooks scheme.

use std::time::Duration;

use reqwest::redirect::Policy;
use standardwebhooks::Webhook;
use synor_engine::{Outcome, WebhookPost};

use crate::target::{PublicOnly, check};

/// How long a receiver may take in all.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How much of an answer is read to tell why it was refused.
const ANSWER_MAX_BYTES: usize = 4_096;
const REASON_MAX_CHARS: usize = 200;

/// Posts webhooks.
#[derive(Debug)]
pub(crate) struct Poster {
    client: reqwest::Client,
    allows_private: bool,
}

impl Poster {
    pub(crate) fn new(allows_private: bool) -> Result<Self, reqwest::Error> {
        let mut client = reqwest::Client::builder()
            .no_proxy()
            // A redirect could lead to where the URL itself may not.
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(TIMEOUT)
            .user_agent(concat!("synor/", env!("CARGO_PKG_VERSION")));
        if !allows_private {
            client = client.dns_resolver(PublicOnly);
        }
        Ok(Self {
            client: client.build()?,
            allows_private,
        })
    }

    pub(crate) fn check(&self, url: &str) -> Result<(), String> {
        check(url, self.allows_private)
    }

    pub(crate) async fn post(&self, post: &WebhookPost) -> Outcome {
        if let Err(reason) = self.check(&post.url) {
            return not_now(None, reason);
        }
        let id = post.message_id.to_string();
        let at = post.now.secs();
        let signature = match signature(&post.secrets, &id, at, &post.body) {
            Ok(signature) => signature,
            Err(reason) => return not_now(None, reason),
        };
        let request = self
            .client
            .post(&post.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature)
            .body(post.body.clone());
        match request.send().await {
            Ok(response) if response.status().is_success() => {
                Outcome::Taken(Some(response.status().as_u16()))
            }
            Ok(response) => {
                let status = response.status();
                let reason = format!(
                    "the receiver answered {status}{}",
                    beginning(response).await
                );
                not_now(Some(status.as_u16()), reason)
            }
            Err(error) => not_now(None, told(&error.without_url())),
        }
    }
}

const fn not_now(status: Option<u16>, reason: String) -> Outcome {
    Outcome::NotNow { status, reason }
}

/// A signature by each secret, the current one first, as the scheme lists them.
fn signature(secrets: &[String], id: &str, at: i64, body: &str) -> Result<String, String> {
    let signed = secrets.iter().map(|secret| {
        let webhook =
            Webhook::new(secret).map_err(|e| format!("the secret cannot be read: {e}"))?;
        let signed = webhook.sign(id, at, body.as_bytes());
        signed.map_err(|e| format!("the message cannot be signed: {e}"))
    });
    Ok(signed.collect::<Result<Vec<_>, String>>()?.join(" "))
}

/// How an answer begins, on one line.
async fn beginning(mut response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= ANSWER_MAX_BYTES {
            break;
        }
    }
    bytes.truncate(ANSWER_MAX_BYTES);
    let text = String::from_utf8_lossy(&bytes);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = words.chars().take(REASON_MAX_CHARS).collect();
    if short.is_empty() {
        String::new()
    } else {
        format!(": {short}")
    }
}

fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.chars().take(REASON_MAX_CHARS).collect()
}
