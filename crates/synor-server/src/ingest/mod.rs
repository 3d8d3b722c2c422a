//! `POST /events`: usage comes in as CloudEvents, single or batch, or as lines. Each event is
//! counted, known already, or rejected on its own.

mod answer;
mod body;
mod intake;
mod lines;
mod take_in;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use synor_economics::id::AccountId;
use synor_economics::metering::{EventError, UsageEvent};
use synor_engine::{EngineError, IngestBatch};
use synor_usage::import::{EventReader, NotJson, ReadEvent, RefusedEvent};
use tower_http::decompression::RequestDecompressionLayer;

use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::rate::KeyRate;
use crate::request::Params;
use crate::state::AppState;
pub(crate) use answer::errors_of;
use answer::{Totals, refused_whole};
use body::{check_encoding, declared_bytes, read_whole};
use lines::ingest_lines;
use take_in::{NotTaken, take_in};

pub use intake::{IngestConfig, Intake};

/// What a body may be.
const ACCEPTED: [&str; 4] = [
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json",
    "application/x-ndjson",
];

/// How a body is taken in.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct IngestParams {
    /// Whether one rejection refuses all events of the body.
    #[serde(default)]
    atomic: bool,
}

/// Takes gzip and zstd off a body. What is encoded otherwise is left for [`ingest`] to refuse.
pub fn decompression() -> RequestDecompressionLayer {
    RequestDecompressionLayer::new().pass_through_unaccepted(true)
}

/// Counts each event of the body that holds once, or sends it into the stream, and tells of those that
/// do not.
pub async fn ingest(
    State(state): State<AppState>,
    Authenticated(caller): Authenticated,
    Params(params): Params<IngestParams>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let is_ndjson = is_ndjson(headers)?;
    check_encoding(headers)?;
    let is_minimal = wants_minimal(headers);
    let declared = declared_bytes(headers);
    let rate = request.extensions().get::<Arc<KeyRate>>().cloned();
    let rate = rate.unwrap_or_default();
    let only = caller.account_id.as_ref();
    let body = request.into_body();
    let totals = if is_ndjson && !params.atomic {
        ingest_lines(&state, &rate, only, body).await?
    } else {
        let (bytes, _room) = read_whole(body, declared, &state.intake).await?;
        let (read, lines) = read_whole_body(&state, bytes, is_ndjson).await?;
        let batch = IngestBatch {
            is_atomic: params.atomic,
            ..IngestBatch::of(of_account(read, only))
        };
        ingest_whole(&state, &rate, batch, &lines).await?
    };
    Ok(totals.answer(is_minimal))
}

/// Takes in a body that is committed at once.
async fn ingest_whole(
    state: &AppState,
    rate: &KeyRate,
    batch: IngestBatch,
    lines: &[u64],
) -> Result<Totals, Problem> {
    rate.admit_events(batch.events.len())?;
    match take_in(state, batch).await {
        Ok(ingested) => {
            let mut totals = Totals::of(state);
            totals.add(ingested, 0, lines);
            Ok(totals)
        }
        Err(NotTaken::Engine(EngineError::Rejected(rejected))) => {
            Err(refused_whole(rejected, lines))
        }
        Err(error) => Err(error.into()),
    }
}

/// The events as a key may report them: one that is bound to an account reports of no other.
fn of_account(events: Vec<ReadEvent>, only: Option<&AccountId>) -> Vec<ReadEvent> {
    let Some(only) = only else { return events };
    let own = |event: UsageEvent| {
        let account = &event.identity.account;
        if account == only {
            return Ok(event);
        }
        let reason = format!("this key reports usage of account `{only}` alone");
        let error = EventError::new("account", account.to_string(), reason);
        Err(RefusedEvent {
            id: Some(event.identity.id.to_string()),
            error,
        })
    };
    events.into_iter().map(|read| read.and_then(own)).collect()
}

async fn read_whole_body(
    state: &AppState,
    body: Bytes,
    is_ndjson: bool,
) -> Result<EventsAndLines, Problem> {
    let now = state.engine.now();
    let meters = Arc::clone(&state.intake.meters);
    let read = move || read_body(EventReader::with_meters(now, &meters), &body, is_ndjson);
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.map_err(|_| Problem::internal())?;
    read.map_err(|error| Problem::invalid(error.to_string()))
}

type EventsAndLines = (Vec<ReadEvent>, Vec<u64>);

fn read_body(
    reader: EventReader<'_>,
    body: &[u8],
    is_ndjson: bool,
) -> Result<EventsAndLines, NotJson> {
    if is_ndjson {
        let read = reader.ndjson(body);
        let from_one = read.lines.iter().map(|line| line.saturating_add(1));
        return Ok((read.events, from_one.collect()));
    }
    Ok((reader.cloudevents(body)?.events, Vec::new()))
}

fn is_ndjson(headers: &HeaderMap) -> Result<bool, Problem> {
    let content = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let media = content.unwrap_or_default().split(';').next();
    let media = media.unwrap_or_default().trim();
    if ACCEPTED.contains(&media) {
        return Ok(media == "application/x-ndjson");
    }
    let detail = format!("`{media}` is not read here; send {}", ACCEPTED.join(", "));
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        detail,
    ))
}

/// Whether the client wants an answer without a body: it says so (RFC 7240), or it is an OpenMeter
/// SDK, some of which take any other success for a failure.
fn wants_minimal(headers: &HeaderMap) -> bool {
    let has = |name: &str, wanted: &str| {
        let mut values = headers.get_all(name).iter();
        values.any(|v| {
            v.to_str()
                .is_ok_and(|v| v.to_ascii_lowercase().contains(wanted))
        })
    };
    has("prefer", "return=minimal") || has("user-agent", "openmeter")
}
