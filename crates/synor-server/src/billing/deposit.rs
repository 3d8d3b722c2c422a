//! Deposits: announced here, transferred on chain, credited when confirmed.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use synor_chain::SignedTransaction;
use synor_economics::id::DepositId;
use synor_economics::money::MicroSynor;
use synor_engine::{DepositState, NewDeposit};

use crate::auth::ForAccount;
use crate::idempotency::IdempotencyKey;
use crate::problem::Problem;
use crate::request::{Body, Part};
use crate::state::AppState;
use crate::wire::positive_amount;

/// What is to be deposited.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepositRequest {
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_micro_synor: Option<MicroSynor>,
}

/// `POST /billing/deposit`
pub async fn announce(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<DepositRequest>,
) -> Result<Json<DepositState>, Problem> {
    let new = NewDeposit {
        amount_micro_synor: positive_amount(request.amount.as_deref(), request.amount_micro_synor)?,
    };
    Ok(Json(
        state.engine.announce_deposit(&account, new, &key).await?,
    ))
}

/// The transfer that makes a deposit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    signed_transfer: SignedTransaction,
}

/// `POST /billing/deposits/{id}/transfer`: repeating it moves nothing twice, because no second
/// transfer for a deposit is handed in while the first lives.
pub async fn transfer(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<DepositId>,
    Body(request): Body<TransferRequest>,
) -> Result<Json<DepositState>, Problem> {
    let signed = request.signed_transfer;
    Ok(Json(
        state.engine.submit_deposit(&account, id, signed).await?,
    ))
}

/// `GET /billing/deposits/{id}`
pub async fn show(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<DepositId>,
) -> Result<Json<DepositState>, Problem> {
    Ok(Json(state.engine.deposit(&account, id).await?))
}
