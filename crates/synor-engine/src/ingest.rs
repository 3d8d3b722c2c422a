//! Taking in usage: every event of a batch holds and is durable, or none of it is.

use serde::{Deserialize, Serialize};
use synor_economics::metering::{EventError, EventId, RawEvent};
use synor_usage::LogPosition;

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

/// What became of a batch that was taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingested {
    /// Events counted now.
    pub accepted: u64,
    /// Events known before, which are not counted again.
    pub duplicate: u64,
    /// Those of the duplicates that say something else than what was counted.
    pub conflicting: Vec<EventId>,
    /// A position up to which the usage log holds every event of the batch.
    pub position: LogPosition,
}

impl Engine {
    /// Counts each event once. If any of them does not hold, none is stored and all that do not
    /// hold are named.
    pub async fn ingest(&self, events: Vec<RawEvent>) -> Result<Ingested, EngineError> {
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
        if !rejected.is_empty() {
            rejected.truncate(REJECTIONS_MAX);
            return Err(EngineError::Rejected(rejected));
        }
        let identities: Vec<_> = accepted
            .iter()
            .map(|event| event.identity.clone())
            .collect();
        let appended = self.usage.append(accepted).await?;
        let conflicting = appended.conflicting();
        Ok(Ingested {
            accepted: appended.accepted,
            duplicate: appended.duplicates.len() as u64,
            conflicting: conflicting
                .filter_map(|i| identities.get(i).cloned())
                .collect(),
            position: appended.position,
        })
    }
}
