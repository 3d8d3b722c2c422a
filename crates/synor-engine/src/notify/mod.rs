//! Telling customers: events are written into the outbox with the change that they tell of, handed
//! on to everybody who wants them, and delivered in order until they are taken.

mod deliver;
mod endpoints;
mod events;
mod hand_on;
mod messenger;
mod outbox;
mod subscribers;

use std::sync::Arc;

use synor_economics::notification::RetryPolicy;

pub use endpoints::{EndpointChange, NewEndpoint, ROTATION_OVERLAP_SECS};
pub use messenger::{Mail, Messenger, Outcome, WebhookPost};
pub(crate) use subscribers::SubscriberBook;

use crate::engine::Engine;
use crate::error::EngineError;

/// How messages leave, once somebody sends them.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) messenger: Arc<dyn Messenger>,
    pub(crate) retries: RetryPolicy,
}

impl Engine {
    /// Sends what is in the outbox through this messenger. Only the first call counts.
    pub fn send_through(
        &self,
        messenger: Arc<dyn Messenger>,
        retries: RetryPolicy,
    ) -> Result<(), EngineError> {
        retries.check().map_err(|error| EngineError::Invalid {
            field: "webhooks",
            reason: error.to_string(),
        })?;
        self.outgoing
            .get_or_init(|| Outgoing { messenger, retries });
        Ok(())
    }

    /// Hands on and delivers what is due; how many messages were handed on or tried.
    pub async fn send_notifications(&self) -> Result<usize, EngineError> {
        let Some(outgoing) = self.outgoing.get() else {
            return Ok(0);
        };
        let handed_on = self.hand_on(outgoing).await?;
        Ok(handed_on + self.deliver_due(outgoing).await?)
    }
}
