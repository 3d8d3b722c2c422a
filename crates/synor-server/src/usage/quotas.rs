//! `GET /usage/quotas`: an account's quotas, and how much of each is used.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use synor_economics::id::AccountId;
use synor_engine::QuotaState;

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::state::AppState;

/// An account's quotas.
#[derive(Serialize)]
pub struct Quotas {
    account_id: AccountId,
    items: Vec<QuotaState>,
}

/// The quotas in force now.
pub async fn list(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<Quotas>, Problem> {
    Ok(Json(Quotas {
        items: state.engine.quotas_of(&account).await?,
        account_id: account,
    }))
}
