//! A sink that is nothing but a usage log and a place for dead letters.

use std::sync::Arc;

use async_trait::async_trait;
use synor_economics::period::Timestamp;
use synor_usage::import::EventReader;
use synor_usage::{Batch, StreamPosition, UsageLog};

use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::record::Record;
use crate::record_events::RecordEvents;
use crate::sink::{RecordOutcome, Sink, SinkError};

/// Counts the events of records in a usage log. It knows no accounts: an event of any account
/// counts, if its fields hold.
///
/// The events of a record are taken one by one: those that hold count, and the record is kept as a
/// dead letter for the others. Sent again, mended, under the same ids, the former do not count
/// twice.
pub struct UsageLogSink {
    log: Arc<dyn UsageLog>,
    dead_letters: Arc<dyn DeadLetters>,
    now: fn() -> Timestamp,
}

impl UsageLogSink {
    /// `now` tells the present, against which times in the future are refused.
    pub fn new(
        log: Arc<dyn UsageLog>,
        dead_letters: Arc<dyn DeadLetters>,
        now: fn() -> Timestamp,
    ) -> Self {
        Self {
            log,
            dead_letters,
            now,
        }
    }
}

#[async_trait]
impl Sink for UsageLogSink {
    async fn accept(
        &self,
        records: &[Record],
        read: &[StreamPosition],
    ) -> Result<Vec<RecordOutcome>, SinkError> {
        let now = (self.now)();
        let mut found = RecordEvents::read(records, &EventReader::new(now));
        // The log may refuse what validation let through. Each turn takes one out, or ends.
        loop {
            // Before the position moves on: a letter may be stored twice, but none is passed over.
            let letters = DeadLetter::of(records, &found.outcomes([], []), now);
            let stored = self.dead_letters.store(letters).await;
            stored.map_err(|error| SinkError::new("storing dead letters", error))?;
            let (events, places) = found.that_hold();
            let batch = Batch {
                read: read.to_vec(),
                ..Batch::of(events)
            };
            match self.log.commit(batch).await {
                Ok(appended) => {
                    let known = appended.duplicates.iter().filter_map(|duplicate| {
                        let place = places.get(duplicate.index)?;
                        Some((*place, duplicate.is_conflicting))
                    });
                    return Ok(found.outcomes(known, []));
                }
                Err(error) if found.take_out(&error) => {}
                Err(error) => return Err(SinkError::new("counting events", error)),
            }
        }
    }

    async fn positions(&self, stream: &str) -> Result<Vec<StreamPosition>, SinkError> {
        let positions = self.log.stream_positions(stream).await;
        positions.map_err(|error| SinkError::new("reading the positions of a stream", error))
    }
}
