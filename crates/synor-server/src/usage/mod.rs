//! `/usage`: correcting what was reported, and what limits it.

mod corrections;
mod quotas;

use axum::Router;
use axum::routing::{get, post};

use crate::state::AppState;

/// The routes under `/usage`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/corrections", post(corrections::correct))
        .route("/quotas", get(quotas::list))
}
