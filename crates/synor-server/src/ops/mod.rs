//! What whoever runs the server looks at: whether it is ready, and what it counts. Nothing here tells
//! of an account, so that it needs no key.

mod collect;
mod metrics;

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::problem::Problem;
use crate::state::AppState;

pub(crate) use metrics::EventCounts;
pub use metrics::{Metrics, measure};

/// What Prometheus reads (OpenMetrics 1.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /readyz`: whether requests may be sent here: everything it works with answers, and it is not
/// about to stop.
pub async fn ready(State(state): State<AppState>) -> Result<&'static str, Problem> {
    if *state.stopping.borrow() {
        return Err(not_ready("the server is stopping"));
    }
    let readiness = state.engine.readiness().await;
    let mut away = Vec::new();
    for (part, answer) in readiness.parts() {
        if let Err(error) = answer {
            // Addresses and files are for the log.
            tracing::warn!(part, error, "not ready");
            away.push(part);
        }
    }
    if away.is_empty() {
        return Ok("ready\n");
    }
    Err(not_ready(format!("no answer from: {}", away.join(", "))))
}

fn not_ready(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail)
}

/// `GET /metrics`: what is counted, and where things stand now.
pub async fn metrics(
    State(state): State<AppState>,
    Extension(metrics): Extension<Arc<Metrics>>,
) -> Result<impl IntoResponse, Problem> {
    let text = metrics.text(&state).await.map_err(|error| {
        tracing::error!(%error, "metrics cannot be written");
        Problem::internal()
    })?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text))
}
