//! The pages, rendered here and drawn without a script. They ask the engine as the API's handlers do,
//! and never the API itself.

mod admin;
mod calculator;
mod chart;
mod credits;
mod format;
mod invoices;
mod overview;
mod page;
mod pay;
mod qr;
mod sign_in;
mod usage;
mod viewer;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::state::AppState;
use page::Failure;
use viewer::Viewer;

/// Only our own files, no inline script or style, and no other site around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes of the pages.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(first))
        .route("/assets/{name}", get(page::asset))
        .route("/signin", get(sign_in::show))
        .route("/overview", get(overview::show))
        .route("/usage", get(usage::show))
        .route("/usage.csv", get(usage::download))
        .route("/usage/live", get(usage::live))
        .route("/invoices", get(invoices::list))
        .route("/invoices/{number}", get(invoices::show))
        .route("/invoices/{number}/pay", get(pay::show))
        .route("/credits", get(credits::show))
        .route("/calculator", get(calculator::show).post(calculator::bill))
        .nest("/admin", admin::router())
        .layer(from_fn(guard))
}

/// The first page for whoever comes.
async fn first(viewer: Viewer) -> Result<Response, Failure> {
    let to = if viewer.is_staff {
        "/admin"
    } else {
        "/overview"
    };
    Ok(Redirect::to(to).into_response())
}

/// Puts what browsers hold pages to on every answer.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
