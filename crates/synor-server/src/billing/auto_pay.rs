//! Auto-pay: standing permission to collect invoices.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use synor_economics::billing::AutoPayConfig;
use synor_economics::id::Address;
use synor_engine::AutoPayOrder;

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::AppState;

/// An account's auto-pay, and whom a grant must name.
#[derive(Serialize)]
pub struct AutoPayState {
    #[serde(flatten)]
    config: AutoPayConfig,
    spender: Address,
}

/// `POST /billing/auto-pay`
pub async fn configure(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Body(order): Body<AutoPayOrder>,
) -> Result<Json<AutoPayState>, Problem> {
    let config = state.engine.configure_auto_pay(&account, order).await?;
    Ok(Json(AutoPayState { config, spender: state.engine.pay_to().clone() }))
}

/// `GET /billing/auto-pay`
pub async fn show(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<AutoPayState>, Problem> {
    let spender = state.engine.pay_to().clone();
    match state.engine.auto_pay(&account).await? {
        Some(config) => Ok(Json(AutoPayState { config, spender })),
        None => {
            let detail = format!("auto-pay was never enabled; a grant must name {spender}");
            Err(Problem::new(StatusCode::NOT_FOUND, "not-found", detail))
        }
    }
}
