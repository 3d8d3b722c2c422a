//! Holds: a part of a balance set aside, then captured or let go. For services that bill in real
//! time, which hold an admin key; an account sees its own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use synor_economics::billing::Hold;
use synor_economics::id::HoldId;
use synor_economics::money::MicroSynor;
use synor_engine::{CaptureOrder, CaptureResult, HOLD_SECS_DEFAULT, HoldOrder, HoldResult};

use crate::auth::{Admin, ForAccount};
use crate::idempotency::IdempotencyKey;
use crate::problem::Problem;
use crate::request::{Body, Params, Part};
use crate::state::AppState;
use crate::wire::{ListPage, positive_amount, read_cursor, write_cursor};

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 1_000;

/// What to set aside, and what for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_micro_synor: Option<MicroSynor>,
    reason: String,
    #[serde(default)]
    expires_in_secs: Option<i64>,
}

/// `POST /billing/holds`
pub async fn place(
    State(state): State<AppState>,
    _: Admin,
    ForAccount(account): ForAccount,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<HoldRequest>,
) -> Result<(StatusCode, Json<HoldResult>), Problem> {
    let order = HoldOrder {
        amount_micro_synor: positive_amount(request.amount.as_deref(), request.amount_micro_synor)?,
        reason: request.reason,
        expires_in_secs: request.expires_in_secs.unwrap_or(HOLD_SECS_DEFAULT),
    };
    let placed = state.engine.place_hold(&account, order, &key).await?;
    Ok((StatusCode::CREATED, Json(placed)))
}

/// What to capture: all that is left if no amount is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureRequest {
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_micro_synor: Option<MicroSynor>,
    #[serde(default, rename = "final")]
    is_final: Option<bool>,
}

/// `POST /billing/holds/{id}/capture`
pub async fn capture(
    State(state): State<AppState>,
    _: Admin,
    ForAccount(account): ForAccount,
    Part(id): Part<HoldId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<CaptureRequest>,
) -> Result<Json<CaptureResult>, Problem> {
    let amount = match (request.amount.as_deref(), request.amount_micro_synor) {
        (None, None) => None,
        (text, micro) => Some(positive_amount(text, micro)?),
    };
    let order = CaptureOrder {
        amount_micro_synor: amount,
        is_final: request.is_final.unwrap_or(true),
    };
    let captured = state.engine.capture_hold(&account, id, order, &key);
    Ok(Json(captured.await?))
}

/// `POST /billing/holds/{id}/release`
pub async fn release(
    State(state): State<AppState>,
    _: Admin,
    ForAccount(account): ForAccount,
    Part(id): Part<HoldId>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Json<HoldResult>, Problem> {
    Ok(Json(state.engine.release_hold(&account, id, &key).await?))
}

/// `GET /billing/holds/{id}`
pub async fn show(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<HoldId>,
) -> Result<Json<Hold>, Problem> {
    Ok(Json(state.engine.hold(&account, id).await?))
}

/// Which part of the list.
#[derive(Deserialize)]
pub struct ListParams {
    #[serde(default)]
    open: bool,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /billing/holds`: those that expire last first.
pub async fn list(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<ListParams>,
) -> Result<Json<ListPage<Hold>>, Problem> {
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid(format!(
            "limit: `{limit}` is not from 1 to {LIMIT_MAX}"
        )));
    }
    let after = params.cursor.as_deref().map(read_cursor).transpose()?;
    let page = state.engine.holds(&account, params.open, after, limit);
    let page = page.await?;
    let next_cursor = page.next.as_ref().map(write_cursor);
    Ok(Json(ListPage {
        items: page.items,
        next_cursor,
    }))
}
