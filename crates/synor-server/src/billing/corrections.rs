//! What an account sees of what happened to its invoices: credit notes, refunds, reminders.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use synor_economics::billing::{CreditNote, Reminder};
use synor_engine::RefundTransfer;

use super::invoices::resolve;
use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Part;
use crate::state::AppState;

/// All of a kind.
#[derive(Serialize)]
pub struct All<T> {
    items: Vec<T>,
}

/// `GET /billing/credit-notes`
pub async fn credit_notes(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<All<CreditNote>>, Problem> {
    let items = state.engine.credit_notes(&account).await?;
    Ok(Json(All { items }))
}

/// `GET /billing/invoices/{id}/credit-notes`
pub async fn credit_notes_on(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
) -> Result<Json<All<CreditNote>>, Problem> {
    let id = resolve(&state.engine, &account, &id).await?.invoice_id;
    let mut items = state.engine.credit_notes(&account).await?;
    items.retain(|note| note.invoice_id == id);
    Ok(Json(All { items }))
}

/// `GET /billing/refunds`
pub async fn refunds(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<All<RefundTransfer>>, Problem> {
    let mut items = state.engine.refunds(&account).await?;
    // Its id says which it is; the signature is the sender's business.
    for refund in &mut items {
        refund.signed = None;
    }
    Ok(Json(All { items }))
}

/// `GET /billing/reminders`
pub async fn reminders(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<All<Reminder>>, Problem> {
    let items = state.engine.reminders(&account).await?;
    Ok(Json(All { items }))
}
