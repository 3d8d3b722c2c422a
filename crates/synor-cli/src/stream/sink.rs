//! A sink that is the whole platform: events of accounts that exist, within their quotas, are
//! counted; everything else is a dead letter.
//!
//! No position may move past a record that is neither counted nor kept, and only the engine knows
//! whether it counts an event: its account may not exist, or a quota may stop it. So:
//!
//! 1. A batch in which everything holds is counted together with the positions, in one commit.
//! 2. In any other, what holds is counted without the positions. Its rejections are known then, and
//!    their letters are stored; only then the positions are committed, by themselves.
//!
//! A crash between these steps loses nothing, because the positions did not move: the records come
//! again, what was counted is known by its identity, and a letter is stored once for its place. What
//! was rejected is decided again; if it holds by then, because its account was opened meanwhile, it
//! is counted and its letter stays behind. Positions only move forward, so that committing them late
//! undoes nothing that another worker did.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use synor_engine::{Engine, EngineError, IngestBatch, Ingested};
use synor_streams::{
    DeadLetter, DeadLetters, Record, RecordEvents, RecordOutcome, Sink, SinkError,
};
use synor_usage::StreamPosition;
use synor_usage::import::{EventReader, Meters};

/// Counts the events of records through the engine.
pub struct EngineSink {
    engine: Arc<Engine>,
    dead_letters: Arc<dyn DeadLetters>,
    meters: Arc<Meters>,
}

impl EngineSink {
    /// A sink that reads events with the operator's meters.
    pub fn new(
        engine: Arc<Engine>,
        dead_letters: Arc<dyn DeadLetters>,
        meters: Arc<Meters>,
    ) -> Self {
        Self {
            engine,
            dead_letters,
            meters,
        }
    }

    /// Counts everything together with the positions, if everything holds.
    async fn count_whole(
        &self,
        found: &RecordEvents,
        read: &[StreamPosition],
    ) -> Result<Option<Vec<RecordOutcome>>, EngineError> {
        if !found.all_hold() {
            return Ok(None);
        }
        let batch = IngestBatch {
            events: found.events().to_vec(),
            read: read.to_vec(),
            is_atomic: true,
        };
        match self.engine.ingest(batch).await {
            Ok(ingested) => Ok(Some(outcomes(found, ingested))),
            Err(EngineError::Rejected(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Counts what holds, keeps the rest, and then moves the positions.
    async fn count_in_part(
        &self,
        records: &[Record],
        found: &RecordEvents,
        read: &[StreamPosition],
    ) -> Result<Vec<RecordOutcome>, NotCounted> {
        let events = IngestBatch::of(found.events().to_vec());
        let outcomes = outcomes(found, self.engine.ingest(events).await?);
        let letters = DeadLetter::of(records, &outcomes, self.engine.now());
        let stored = self.dead_letters.store(letters).await;
        stored.map_err(|error| SinkError::new("storing dead letters", error))?;
        if !read.is_empty() {
            let positions = IngestBatch {
                read: read.to_vec(),
                ..IngestBatch::default()
            };
            self.engine.ingest(positions).await?;
        }
        Ok(outcomes)
    }

    async fn count(
        &self,
        records: &[Record],
        found: &RecordEvents,
        read: &[StreamPosition],
    ) -> Result<Vec<RecordOutcome>, NotCounted> {
        match self.count_whole(found, read).await? {
            Some(outcomes) => Ok(outcomes),
            None => self.count_in_part(records, found, read).await,
        }
    }
}

#[async_trait]
impl Sink for EngineSink {
    async fn accept(
        &self,
        records: &[Record],
        read: &[StreamPosition],
    ) -> Result<Vec<RecordOutcome>, SinkError> {
        let reader = EventReader::with_meters(self.engine.now(), &self.meters);
        let mut found = RecordEvents::read(records, &reader);
        // The log may refuse what validation let through. Each turn takes one out, or ends.
        loop {
            match self.count(records, &found, read).await {
                Ok(outcomes) => return Ok(outcomes),
                Err(NotCounted::Engine(EngineError::Usage(error))) if found.take_out(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn positions(&self, stream: &str) -> Result<Vec<StreamPosition>, SinkError> {
        let positions = self.engine.usage().stream_positions(stream).await;
        positions.map_err(|error| SinkError::new("reading the positions of a stream", error))
    }
}

/// Why records are not done with.
enum NotCounted {
    Engine(EngineError),
    Sink(SinkError),
}

impl From<EngineError> for NotCounted {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<SinkError> for NotCounted {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl From<NotCounted> for SinkError {
    fn from(error: NotCounted) -> Self {
        match error {
            NotCounted::Engine(error) => Self::new("counting events", error),
            NotCounted::Sink(error) => error,
        }
    }
}

fn outcomes(found: &RecordEvents, ingested: Ingested) -> Vec<RecordOutcome> {
    let known = ingested.duplicates.iter();
    let known = known.map(|known| (known.index, known.is_conflicting));
    let rejected = ingested.rejected.iter();
    let rejected = rejected.map(|rejection| (rejection.index, rejection.event.to_string()));
    found.outcomes(known, rejected)
}
