//! `/admin`: what an operator does about all accounts.

mod accounts;
mod books;
mod corrections;
mod incidents;
mod invoices;
mod jobs;
mod ledger;
mod quotas;
mod stream;
mod terms;

use axum::Router;
use axum::routing::{get, post};

use crate::state::AppState;

/// The routes under `/admin`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/accounts", get(accounts::list).post(accounts::open))
        .route("/accounts/{id}/keys", post(accounts::issue_key))
        .route("/keys", post(accounts::issue_admin_key))
        .route("/accounts/{id}/credits", post(accounts::grant_credit))
        .route("/periods/{month}/close", post(invoices::close_period))
        .route("/periods/close-due", post(corrections::close_due))
        .route("/invoices/{id}/void", post(invoices::void))
        .route("/invoices/{id}/send", post(corrections::send))
        .route(
            "/invoices/{id}/credit-notes",
            post(corrections::credit_note),
        )
        .route("/invoices/{id}/refund", post(corrections::refund))
        .route("/invoices/{id}/write-off", post(corrections::write_off))
        .route("/accounts/{id}/taxes", post(corrections::set_taxes))
        .route("/dunning", post(corrections::dun))
        .route("/suspensions", get(corrections::suspensions))
        .route("/accounts/{id}/plan", post(terms::change_plan))
        .route("/accounts/{id}/commitments", post(terms::commit))
        .route(
            "/accounts/{id}/quotas",
            post(quotas::set).delete(quotas::remove),
        )
        .route("/accounts/{id}/referral", post(terms::refer))
        .route(
            "/promotions",
            get(terms::promotions).post(terms::create_promotion),
        )
        .route(
            "/price-lists",
            get(books::price_lists).post(terms::activate_price_list),
        )
        .route("/incidents", get(incidents::list).post(incidents::report))
        .route("/incidents/{id}", get(incidents::show))
        .route("/jobs", get(jobs::list))
        .route("/journal", get(books::journal))
        .route("/ledger/trial-balance", get(ledger::trial_balance))
        .route("/ledger/statement", get(ledger::statement))
        .route("/ledger/export", get(ledger::export))
        .route("/distribution", get(books::distribution))
        .route("/verify", post(books::verify))
        .route("/stream", get(stream::status))
        .route("/dead-letters", get(stream::dead_letters))
}
