//! `POST /events`: usage comes in as CloudEvents, single or batch, or as NDJSON.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use synor_engine::{Ingested, Rejection};
use synor_usage::import::{parse_cloudevents, parse_ndjson};

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::read_bytes;
use crate::state::AppState;

/// What a body may be.
const ACCEPTED: [&str; 4] = [
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json",
    "application/x-ndjson",
];

/// Counts every event of the body once, or refuses all of them.
pub async fn ingest(
    State(state): State<AppState>,
    _: Admin,
    request: Request,
) -> Result<(StatusCode, Json<Ingested>), Problem> {
    let content = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let media = content
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let is_ndjson = media == "application/x-ndjson";
    if !is_ndjson && !ACCEPTED.contains(&media) {
        let detail = format!("`{media}` is not read here; send {}", ACCEPTED.join(", "));
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            detail,
        ));
    }
    let body = read_bytes(request, &state).await?;
    let parsed = if is_ndjson {
        parse_ndjson(&body)
    } else {
        parse_cloudevents(&body)
    };
    let events = parsed.map_err(|error| {
        let mut problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "events-rejected",
            error.to_string(),
        );
        let rejection = Rejection {
            index: error.index,
            error: error.error,
        };
        problem.errors.extend(serde_json::to_value(rejection));
        problem
    })?;
    Ok((StatusCode::OK, Json(state.engine.ingest(events).await?)))
}
