//! `POST /events`: usage comes in as CloudEvents, single or batch, or as NDJSON.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use synor_engine::Rejection;
use synor_usage::Appended;
use synor_usage::import::{parse_cloudevents, parse_ndjson};

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::read_bytes;
use crate::state::AppState;

/// Counts every event of the body once, or refuses all of them.
pub async fn ingest(
    State(state): State<AppState>,
    _: Admin,
    request: Request,
) -> Result<(StatusCode, Json<Appended>), Problem> {
    let content = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let is_ndjson = content.is_some_and(|c| c.starts_with("application/x-ndjson"));
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
