//! Where events go: into the usage log, or into the stream from which workers count them.

use std::time::Duration;

use axum::http::StatusCode;
use synor_engine::{EngineError, IngestBatch, Ingested};
use synor_streams::StreamProducer;
use synor_usage::import::CloudEvent;

use crate::problem::Problem;
use crate::state::AppState;

/// When a client may try again whose events the stream did not take.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why events were not taken in.
pub enum NotTaken {
    /// The engine refused them, or failed.
    Engine(EngineError),
    /// The stream did not take them.
    Stream(Problem),
}

impl From<EngineError> for NotTaken {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<NotTaken> for Problem {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::Engine(error) => error.into(),
            NotTaken::Stream(problem) => problem,
        }
    }
}

/// Takes the events in. If there is a producer, those that hold are in the stream for good
/// afterwards, told as accepted, and not counted yet; else they are counted.
pub async fn take_in(state: &AppState, batch: IngestBatch) -> Result<Ingested, NotTaken> {
    let ingested = match &state.stream.producer {
        None => state.engine.ingest(batch).await?,
        Some(producer) => send(state, &**producer, batch).await?,
    };
    state.intake.taken.add(&ingested);
    Ok(ingested)
}

async fn send(
    state: &AppState,
    producer: &dyn StreamProducer,
    batch: IngestBatch,
) -> Result<Ingested, NotTaken> {
    let admitted = state.engine.admit(batch).await?;
    let accepted = u64::try_from(admitted.events.len()).unwrap_or(u64::MAX);
    let mut records = Vec::with_capacity(admitted.events.len());
    for event in &admitted.events {
        let record = serde_json::to_vec(&CloudEvent::from(event)).map_err(|error| {
            tracing::error!(?error, "internal error");
            NotTaken::Stream(Problem::internal())
        })?;
        records.push((event.identity.account.clone(), record));
    }
    if !records.is_empty() {
        let sent = producer.send(records).await;
        sent.map_err(|error| {
            // Its address and state are for the log, not for a caller.
            tracing::error!(?error, "the stream did not take usage");
            NotTaken::Stream(unavailable())
        })?;
    }
    Ok(Ingested {
        accepted,
        rejected: admitted.rejected,
        ..Ingested::default()
    })
}

fn unavailable() -> Problem {
    let detail = "the stream is away, and may hold some of the events; send the same again, which \
                  counts none of them twice";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut problem = Problem::new(status, "stream-unavailable", detail);
    problem.retry_after_secs = Some(RETRY_AFTER.as_secs());
    problem
}
