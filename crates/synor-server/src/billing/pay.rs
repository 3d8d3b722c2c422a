//! Paying an invoice: the answer says what to transfer; the books follow the chain.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use synor_chain::SignedTransaction;
use synor_engine::InvoicePayment;

use super::invoices::resolve;
use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::{Body, Part};
use crate::state::AppState;

/// What a payer may send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayRequest {
    /// The transfer, if the wallet has signed it already.
    #[serde(default)]
    signed_transfer: Option<SignedTransaction>,
}

/// `POST /billing/invoices/{id}/pay`: repeating it moves nothing twice, because a signed transfer
/// is one transaction however often it is sent.
pub async fn pay(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
    Body(request): Body<PayRequest>,
) -> Result<Json<InvoicePayment>, Problem> {
    let id = resolve(&state.engine, &account, &id).await?.invoice_id;
    Ok(Json(
        state
            .engine
            .pay_invoice(&account, id, request.signed_transfer)
            .await?,
    ))
}

/// `GET /billing/invoices/{id}/payment`
pub async fn payment(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
) -> Result<Json<InvoicePayment>, Problem> {
    let id = resolve(&state.engine, &account, &id).await?.invoice_id;
    Ok(Json(state.engine.invoice_payment(&account, id).await?))
}
