//! Correcting usage: events are withdrawn and replaced in one commit, all of it or nothing. A month
//! that was billed already is not touched; the difference is a line of the account's next invoice.

use serde::{Deserialize, Serialize};
use synor_economics::metering::{EventId, UsageEvent};
use synor_usage::import::ReadEvent;
use synor_usage::{Batch, LogPosition};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::ingest::{Rejection, no_such_account};

/// The most withdrawals and events, together, in one correction.
pub const CORRECTION_MAX: usize = 10_000;

/// What was reported wrongly, and what would have been right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correction {
    /// Events that shall not count any more.
    pub withdraw: Vec<EventId>,
    /// Events that count instead. Each needs an identity of its own, because the identity of a
    /// withdrawn event stays known.
    pub events: Vec<ReadEvent>,
}

/// What became of a correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// Events that count no more because of it.
    pub withdrawn: u64,
    /// Events that it names and that had been withdrawn before.
    pub already_withdrawn: u64,
    /// Events counted now.
    pub accepted: u64,
    /// Events known before, which are not counted again.
    pub duplicate: u64,
    /// Those of the duplicates that say something else than what is held. A correction that was
    /// meant to replace them did not: they need another id.
    pub conflicting: Vec<EventId>,
    /// A position up to which the usage log holds all of it.
    pub position: LogPosition,
}

impl Engine {
    /// Withdraws events and counts others, in one commit. Repeating it changes nothing more. An
    /// event that the log does not hold cannot be withdrawn, and one new event that does not hold
    /// refuses all. Quotas do not stop a correction: it is the operator's own.
    pub async fn correct_usage(&self, correction: Correction) -> Result<Corrected, EngineError> {
        let size = correction.withdraw.len() + correction.events.len();
        if !(1..=CORRECTION_MAX).contains(&size) {
            return Err(EngineError::Invalid {
                field: "withdraw",
                reason: format!("{size} withdrawals and events are not 1 to {CORRECTION_MAX}"),
            });
        }
        let events = self.all_valid(correction.events).await?;
        let mut withdrawals = correction.withdraw;
        withdrawals.sort_unstable();
        withdrawals.dedup();
        let named = withdrawals.len() as u64;
        let identities: Vec<_> = events.iter().map(|event| event.identity.clone()).collect();
        let batch = Batch {
            withdrawals,
            ..Batch::of(events)
        };
        let done = self.usage.commit(batch).await?;
        Ok(Corrected {
            withdrawn: done.withdrawn,
            already_withdrawn: named.saturating_sub(done.withdrawn),
            accepted: done.accepted,
            duplicate: done.duplicates.len() as u64,
            conflicting: done
                .conflicting()
                .filter_map(|index| identities.get(index).cloned())
                .collect(),
            position: done.position,
        })
    }

    /// The events, if every one of them holds and its account exists.
    async fn all_valid(&self, events: Vec<ReadEvent>) -> Result<Vec<UsageEvent>, EngineError> {
        let unknown = self.unknown_accounts(&events).await?;
        let mut valid = Vec::with_capacity(events.len());
        let mut rejected = Vec::new();
        for (index, event) in events.into_iter().enumerate() {
            match event {
                Ok(event) if unknown.contains(&event.identity.account) => {
                    let event = no_such_account(event);
                    rejected.push(Rejection { index, event });
                }
                Ok(event) => valid.push(event),
                Err(event) => rejected.push(Rejection { index, event }),
            }
        }
        match rejected.is_empty() {
            true => Ok(valid),
            false => Err(EngineError::Rejected(rejected)),
        }
    }
}
