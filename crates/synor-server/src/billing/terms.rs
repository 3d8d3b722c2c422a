//! An account's terms: its plan, its commitments, and the promo codes it redeemed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use synor_economics::id::AccountId;
use synor_economics::period::Timestamp;
use synor_economics::plan::{Plan, PlanChange};
use synor_economics::pricing::promotion::{PromoCode, Redemption};
use synor_economics::pricing::reserved::Commitment;
use synor_engine::EngineError;

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::AppState;

/// An account's terms.
#[derive(Serialize)]
pub struct Terms {
    account_id: AccountId,
    plan: Plan,
    plan_changes: Vec<PlanChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referred_by: Option<AccountId>,
    commitments: Vec<Commitment>,
    redemptions: Vec<Redemption>,
}

/// `GET /billing/terms`
pub async fn show(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<Terms>, Problem> {
    let found = state.engine.account(&account).await?;
    let now: Timestamp = state.engine.now();
    let current = found
        .plan_changes
        .iter()
        .rev()
        .find(|change| change.from <= now);
    Ok(Json(Terms {
        plan: current.map_or(Plan::default(), |change| change.plan),
        plan_changes: found.plan_changes,
        referred_by: found.referred_by,
        commitments: state.engine.commitments(&account).await?,
        redemptions: state.engine.redemptions(&account).await?,
        account_id: account,
    }))
}

/// The code to redeem.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedeemRequest {
    code: String,
}

/// `POST /billing/promo-codes`
pub async fn redeem(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Body(request): Body<RedeemRequest>,
) -> Result<(StatusCode, Json<Redemption>), Problem> {
    let code: PromoCode = request.code.parse().map_err(EngineError::Promotion)?;
    Ok((
        StatusCode::CREATED,
        Json(state.engine.redeem(&account, &code).await?),
    ))
}
