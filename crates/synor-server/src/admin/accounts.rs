//! Accounts, and credits granted to them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::billing::{CreditEntry, CreditSource};
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_engine::{NewAccount, NewCredit};

use crate::auth::Admin;
use crate::idempotency::IdempotencyKey;
use crate::problem::Problem;
use crate::request::{Body, Part};
use crate::state::AppState;
use crate::wire::positive_amount;

/// All accounts.
#[derive(Serialize)]
pub struct Accounts {
    items: Vec<Account>,
}

/// `GET /admin/accounts`
pub async fn list(State(state): State<AppState>, _: Admin) -> Result<Json<Accounts>, Problem> {
    Ok(Json(Accounts {
        items: state.engine.accounts().await?,
    }))
}

/// `POST /admin/accounts`
pub async fn open(
    State(state): State<AppState>,
    _: Admin,
    Body(new): Body<NewAccount>,
) -> Result<(StatusCode, Json<Account>), Problem> {
    Ok((
        StatusCode::CREATED,
        Json(state.engine.open_account(new).await?),
    ))
}

/// A credit to grant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditRequest {
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_micro_synor: Option<MicroSynor>,
    source: CreditSource,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// `POST /admin/accounts/{id}/credits`
pub async fn grant_credit(
    State(state): State<AppState>,
    _: Admin,
    Part(account): Part<AccountId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<CreditRequest>,
) -> Result<(StatusCode, Json<CreditEntry>), Problem> {
    let new = NewCredit {
        amount_micro_synor: positive_amount(request.amount.as_deref(), request.amount_micro_synor)?,
        source: request.source,
        expires_at: request.expires_at,
    };
    Ok((
        StatusCode::CREATED,
        Json(state.engine.grant_credit(&account, new, &key).await?),
    ))
}
