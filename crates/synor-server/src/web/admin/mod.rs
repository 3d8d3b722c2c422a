//! The operator's pages.

mod accounts;
mod close;
mod invoices;
mod journal;
mod prices;
mod today;

use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};

use crate::state::AppState;

/// The routes under `/admin`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(today::show))
        .route("/accounts", get(accounts::show))
        .route("/invoices", get(invoices::show))
        .route("/prices", get(prices::show).post(prices::change))
        .route("/close", get(close::show).post(close::start))
        .route("/journal", get(journal::show))
        .layer(Extension(Arc::new(close::BillRuns::default())))
}
