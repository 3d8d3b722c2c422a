//! Taking in usage: every event of a batch holds and is durable, or none of it is.

use serde::Serialize;
use synor_economics::metering::{EventError, RawEvent};
use synor_usage::Appended;

use crate::engine::Engine;
use crate::error::EngineError;

/// The most rejections that are told of one batch.
const REJECTIONS_MAX: usize = 100;

/// An event that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The field, its value and the reason.
    #[serde(flatten)]
    pub error: EventError,
}

impl Engine {
    /// Counts each event once. If any of them does not hold, none is stored and all that do not
    /// hold are named.
    pub async fn ingest(&self, events: Vec<RawEvent>) -> Result<Appended, EngineError> {
        let now = self.now();
        let mut accepted = Vec::with_capacity(events.len());
        let mut rejected = Vec::new();
        for (index, raw) in events.into_iter().enumerate() {
            let event = match raw.validate(now) {
                Ok(event) => event,
                Err(error) => {
                    rejected.push(Rejection { index, error });
                    continue;
                }
            };
            let account = &event.identity.account;
            if self.account_exists(account).await? {
                accepted.push(event);
            } else {
                let reason = "there is no such account";
                let error = EventError::new("account", account.as_str(), reason);
                rejected.push(Rejection { index, error });
            }
        }
        if rejected.is_empty() {
            return Ok(self.usage.append(accepted).await?);
        }
        rejected.truncate(REJECTIONS_MAX);
        Err(EngineError::Rejected(rejected))
    }
}
