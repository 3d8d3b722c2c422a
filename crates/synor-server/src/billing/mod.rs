//! `/billing`: what an account sees and does about its own money.

mod auto_pay;
mod balance;
mod budgets;
mod corrections;
mod deposit;
mod events;
mod export;
mod holds;
pub(crate) mod invoices;
mod pay;
mod terms;
mod top_up;
pub(crate) mod usage;
mod webhooks;

use axum::Router;
use axum::routing::{get, post};

use crate::state::AppState;

/// The routes under `/billing`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/balance", get(balance::balance))
        .route("/balance/sufficient", get(balance::sufficient))
        .route("/credits", get(balance::credits))
        .route("/credits/{id}", get(balance::credit))
        .route(
            "/budgets",
            get(budgets::list)
                .post(budgets::set)
                .delete(budgets::remove),
        )
        .route("/alerts", get(budgets::alerts))
        .route("/top-up", get(top_up::show).post(top_up::configure))
        .route("/deduct", post(balance::deduct))
        .route("/holds", get(holds::list).post(holds::place))
        .route("/holds/{id}", get(holds::show))
        .route("/holds/{id}/capture", post(holds::capture))
        .route("/holds/{id}/release", post(holds::release))
        .route("/invoices", get(invoices::list))
        .route("/invoices/current", get(invoices::current))
        .route("/invoices/{id}", get(invoices::show))
        .route("/invoices/{id}/pdf", get(invoices::pdf))
        .route("/invoices/{id}/pay", post(pay::pay))
        .route("/invoices/{id}/payment", get(pay::payment))
        .route(
            "/invoices/{id}/credit-notes",
            get(corrections::credit_notes_on),
        )
        .route("/credit-notes", get(corrections::credit_notes))
        .route("/refunds", get(corrections::refunds))
        .route("/reminders", get(corrections::reminders))
        .route(
            "/contact",
            get(webhooks::contact).post(webhooks::set_contact),
        )
        .route("/webhooks", get(webhooks::list).post(webhooks::add))
        .route(
            "/webhooks/{id}",
            post(webhooks::change).delete(webhooks::remove),
        )
        .route("/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/webhooks/{id}/replay", post(webhooks::replay))
        .route("/deliveries", get(webhooks::deliveries))
        .route("/usage", get(usage::summary))
        .route("/usage/series", get(usage::series))
        .route("/usage/events", get(events::events))
        .route("/deposit", post(deposit::announce))
        .route("/deposits/{id}", get(deposit::show))
        .route("/deposits/{id}/transfer", post(deposit::transfer))
        .route("/auto-pay", get(auto_pay::show).post(auto_pay::configure))
        .route("/auto-pay/resume", post(auto_pay::resume))
        .route("/terms", get(terms::show))
        .route("/promo-codes", post(terms::redeem))
        .route("/export", get(export::export))
}
