//! The HTTP API: JSON under `/api/v1`, problem documents (RFC 9457) for errors, the development
//! chain's JSON-RPC at `/rpc`, and its own description at `/openapi.json`.

mod admin;
mod auth;
mod billing;
mod cost;
mod idempotency;
mod ingest;
mod openapi;
mod ops;
mod oracle;
mod problem;
mod rate;
mod request;
mod spot;
mod state;
mod stream_side;
mod usage;
mod wire;

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

pub use ingest::{IngestConfig, Intake};
pub use openapi::OPENAPI;
pub use problem::Problem;
pub use state::AppState;
pub use stream_side::StreamSide;

/// The largest body that is read, in bytes.
pub const BODY_MAX_BYTES: usize = 32 << 20;

/// All routes of the server.
pub fn router(state: AppState) -> Router {
    let metrics = Arc::new(ops::Metrics::new(&state.intake));
    let api = Router::new()
        .nest("/billing", billing::router())
        .nest("/usage", usage::router())
        .nest("/cost", cost::router())
        .nest("/spot", spot::router())
        .nest("/oracle", oracle::router())
        .nest(
            "/admin",
            admin::router()
                .nest("/spot", spot::admin_router())
                .nest("/oracle", oracle::admin_router()),
        )
        .layer(from_fn_with_state(state.clone(), idempotency::answer_once))
        // Events have identities of their own.
        .route(
            "/events",
            post(ingest::ingest).layer(ingest::decompression()),
        );
    Router::new()
        .nest("/api/v1", api)
        .route("/rpc", post(state::rpc))
        .route("/openapi.json", get(openapi::document))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ops::ready))
        .route("/metrics", get(ops::metrics))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn_with_state(Arc::clone(&metrics), ops::measure))
        .layer(Extension(metrics))
        .with_state(state)
}
