//! `/usage`: correcting what was reported.

mod corrections;

use axum::Router;
use axum::routing::post;

use crate::state::AppState;

/// The routes under `/usage`.
pub fn router() -> Router<AppState> {
    Router::new().route("/corrections", post(corrections::correct))
}
