//! What the intake of usage is held to: sizes, the memory that bodies may take at once, and the
//! meters that an operator defines.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use synor_store::RateLimit;
use synor_usage::import::Meters;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ops::EventCounts;
use crate::problem::Problem;
use crate::rate::KeyRates;

/// How long a client waits before it tries again when there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What an operator decides about the intake of usage: `[ingest]` in `synor.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    /// The largest body that is read whole, in bytes after decompression.
    pub body_max_bytes: usize,
    /// The longest body that is read as lines, in bytes after decompression.
    pub stream_max_bytes: u64,
    /// How many bytes of bodies are held at once; what comes beyond is asked to come later.
    pub in_flight_max_bytes: usize,
    /// For keys that have no limit of their own; no limit if absent.
    pub rate_limit: RateLimit,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            body_max_bytes: crate::BODY_MAX_BYTES,
            stream_max_bytes: 4 << 30,
            in_flight_max_bytes: 256 << 20,
            rate_limit: RateLimit::default(),
        }
    }
}

/// The intake of usage, shared by all requests.
#[derive(Debug)]
pub struct Intake {
    /// What it is held to.
    pub config: IngestConfig,
    /// The operator's meters.
    pub meters: Arc<Meters>,
    /// What each key has left.
    pub rates: KeyRates,
    /// What became of the events so far.
    pub(crate) taken: EventCounts,
    room: Arc<Semaphore>,
}

impl Default for Intake {
    fn default() -> Self {
        Self::new(IngestConfig::default(), Meters::NONE)
    }
}

impl Intake {
    /// An intake with nothing under way.
    pub fn new(config: IngestConfig, meters: Meters) -> Self {
        Self {
            meters: Arc::new(meters),
            taken: EventCounts::default(),
            rates: KeyRates::new(config.rate_limit),
            room: Arc::new(Semaphore::new(config.in_flight_max_bytes)),
            config,
        }
    }

    /// Room for this many bytes, given back when it is dropped; a problem if there is none now.
    pub fn reserve(&self, bytes: usize) -> Result<Reserved, Problem> {
        let mut reserved = Reserved {
            room: Arc::clone(&self.room),
            permit: None,
            bytes: 0,
        };
        reserved.grow_to(bytes)?;
        Ok(reserved)
    }
}

/// Room that a body may take.
#[derive(Debug)]
pub struct Reserved {
    room: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Reserved {
    /// Makes sure of room for a body of this many bytes.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let permits = u32::try_from(more).map_err(|_| no_room())?;
        let room = Arc::clone(&self.room);
        let permit = room
            .try_acquire_many_owned(permits)
            .map_err(|_| no_room())?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        self.bytes = bytes;
        Ok(())
    }
}

fn no_room() -> Problem {
    let detail =
        "the server holds as many reports of usage as it may; nothing of this one was read";
    Problem::overloaded(detail, RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_and_given_back() {
        let config = IngestConfig {
            in_flight_max_bytes: 100,
            ..IngestConfig::default()
        };
        let intake = Intake::new(config, Meters::NONE);
        let mut first = intake.reserve(40).expect("room");
        let second = intake.reserve(50).expect("room");
        let refused = intake.reserve(11).expect_err("too much");
        assert_eq!((refused.status, refused.retry_after_secs), (429, Some(1)));
        first.grow_to(50).expect("the last of it");
        first.grow_to(51).expect_err("too much");
        drop(second);
        first.grow_to(100).expect("what was given back");
        drop(first);
        intake.reserve(100).expect("all of it");
    }
}
