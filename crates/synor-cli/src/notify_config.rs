//! The parts of `synor.toml` about telling customers: who the operator is, how mail leaves, and
//! where webhooks may go.

use std::sync::Arc;

use serde::Deserialize;
use synor_economics::notification::RetryPolicy;
use synor_engine::Engine;
use synor_notify::{NetworkMessenger, Operator, SmtpConfig};

/// User and password of the mail server, where it wants them.
const USER: &str = "SYNOR_SMTP_USER";
const PASSWORD: &str = "SYNOR_SMTP_PASSWORD";

/// How webhooks are posted, as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Whether they may go to addresses that are not on the open network.
    pub allow_private: bool,
    /// When they are posted again.
    pub retry: RetryPolicy,
}

/// Lets the engine send what is in its outbox.
pub fn send_through(
    engine: &Engine,
    operator: &Operator,
    email: Option<&SmtpConfig>,
    webhooks: &Webhooks,
) -> anyhow::Result<()> {
    let login = match (std::env::var(USER), std::env::var(PASSWORD)) {
        (Ok(user), Ok(password)) => Some((user, password)),
        _ => None,
    };
    let messenger = NetworkMessenger::new(operator.clone(), email, login, webhooks.allow_private)?;
    Ok(engine.send_through(Arc::new(messenger), webhooks.retry)?)
}
