//! Balance, credits, and spending them in real time.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use synor_economics::billing::{CreditEntry, CreditStatement};
use synor_economics::id::{AccountId, CreditId};
use synor_economics::money::MicroSynor;
use synor_engine::{Balance, DeductResult, Sufficiency};

use crate::auth::{Admin, ForAccount};
use crate::idempotency::IdempotencyKey;
use crate::problem::Problem;
use crate::request::{Body, Params, Part};
use crate::state::AppState;
use crate::wire::positive_amount;

/// `GET /billing/balance`
pub async fn balance(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<Balance>, Problem> {
    Ok(Json(state.engine.balance(&account).await?))
}

/// How much is asked about.
#[derive(Deserialize)]
pub struct SufficientParams {
    required: Option<String>,
    required_micro_synor: Option<MicroSynor>,
}

/// `GET /billing/balance/sufficient`
pub async fn sufficient(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<SufficientParams>,
) -> Result<Json<Sufficiency>, Problem> {
    let required = positive_amount(params.required.as_deref(), params.required_micro_synor)?;
    Ok(Json(
        state
            .engine
            .has_sufficient_balance(&account, required)
            .await?,
    ))
}

/// An account's credits.
#[derive(Serialize)]
pub struct Credits {
    account_id: AccountId,
    balance_micro_synor: MicroSynor,
    credits: Vec<CreditEntry>,
}

/// `GET /billing/credits`
pub async fn credits(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<Credits>, Problem> {
    let balance = state.engine.balance(&account).await?;
    let credits = state.engine.credits(&account).await?;
    Ok(Json(Credits {
        account_id: account,
        balance_micro_synor: balance.balance_micro_synor,
        credits,
    }))
}

/// `GET /billing/credits/{id}`: what became of one.
pub async fn credit(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<CreditId>,
) -> Result<Json<CreditStatement>, Problem> {
    Ok(Json(state.engine.credit_statement(&account, id).await?))
}

/// What to take, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeductRequest {
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_micro_synor: Option<MicroSynor>,
    reason: String,
}

/// `POST /billing/deduct`: for services that bill in real time, which hold an admin key.
pub async fn deduct(
    State(state): State<AppState>,
    _: Admin,
    ForAccount(account): ForAccount,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<DeductRequest>,
) -> Result<Json<DeductResult>, Problem> {
    let amount = positive_amount(request.amount.as_deref(), request.amount_micro_synor)?;
    Ok(Json(
        state
            .engine
            .deduct(&account, amount, &request.reason, &key)
            .await?,
    ))
}
