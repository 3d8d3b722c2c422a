//! `/usage`: correcting what was reported, what limits it, and following it.

mod corrections;
mod quotas;
pub(crate) mod stream;

use axum::Router;
use axum::routing::{get, post};

use crate::state::AppState;

/// The routes under `/usage`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/corrections", post(corrections::correct))
        .route("/quotas", get(quotas::list))
        .route("/stream", get(stream::stream))
}
