//! What an account pays less for: plans, commitments, promo codes, referrals; and the price lists.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_economics::period::Timestamp;
use synor_economics::pricing::PriceList;
use synor_economics::pricing::promotion::Promotion;
use synor_economics::pricing::reserved::Commitment;
use synor_engine::{EngineError, NewCommitment, NewPlan};
use synor_store::Referral;

use crate::auth::Admin;
use crate::idempotency::IdempotencyKey;
use crate::problem::Problem;
use crate::request::{Body, Part};
use crate::state::AppState;

/// `POST /admin/accounts/{id}/plan`
pub async fn change_plan(
    State(state): State<AppState>,
    _: Admin,
    Part(account): Part<AccountId>,
    Body(new): Body<NewPlan>,
) -> Result<Json<Account>, Problem> {
    Ok(Json(state.engine.change_plan(&account, new).await?))
}

/// `POST /admin/accounts/{id}/commitments`
pub async fn commit(
    State(state): State<AppState>,
    _: Admin,
    Part(account): Part<AccountId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(new): Body<NewCommitment>,
) -> Result<(StatusCode, Json<Commitment>), Problem> {
    let commitment = state.engine.commit_account(&account, new, &key).await?;
    Ok((StatusCode::CREATED, Json(commitment)))
}

/// Who referred the account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralRequest {
    referrer_id: AccountId,
}

/// `POST /admin/accounts/{id}/referral`
pub async fn refer(
    State(state): State<AppState>,
    _: Admin,
    Part(account): Part<AccountId>,
    Body(request): Body<ReferralRequest>,
) -> Result<(StatusCode, Json<Referral>), Problem> {
    let referral = state.engine.refer(&account, &request.referrer_id).await?;
    Ok((StatusCode::CREATED, Json(referral)))
}

/// The fields of a promotion.
const PROMOTION_FIELDS: [&str; 11] = [
    "code",
    "amount",
    "scope",
    "of",
    "starts_at",
    "expires_at",
    "max_redemptions",
    "accounts",
    "months",
    "stacks",
    "redeemed",
];

/// `POST /admin/promotions`
pub async fn create_promotion(
    State(state): State<AppState>,
    _: Admin,
    Body(new): Body<serde_json::Map<String, Value>>,
) -> Result<(StatusCode, Json<Promotion>), Problem> {
    // A mistyped `expires_at` must not make a code that never expires; serde cannot refuse unknown
    // fields beside the flattened scope.
    if let Some(unknown) = new
        .keys()
        .find(|key| !PROMOTION_FIELDS.contains(&key.as_str()))
    {
        let known = PROMOTION_FIELDS.join(", ");
        return Err(Problem::invalid(format!(
            "`{unknown}` is not a field here; there are {known}"
        )));
    }
    let new: Promotion = serde_json::from_value(Value::Object(new))
        .map_err(|error| Problem::invalid(format!("the body is not what is expected: {error}")))?;
    Ok((
        StatusCode::CREATED,
        Json(state.engine.create_promotion(new).await?),
    ))
}

/// All promo codes.
#[derive(Serialize)]
pub struct Promotions {
    items: Vec<Promotion>,
}

/// `GET /admin/promotions`
pub async fn promotions(
    State(state): State<AppState>,
    _: Admin,
) -> Result<Json<Promotions>, Problem> {
    Ok(Json(Promotions {
        items: state.engine.promotions().await?,
    }))
}

/// A price list as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceListRequest {
    toml: String,
}

/// What was put in force.
#[derive(Serialize)]
pub struct Activated {
    version: String,
    effective_from: Timestamp,
    prices: usize,
}

/// `POST /admin/price-lists`: puts a price list in force from its effective date on.
pub async fn activate_price_list(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<PriceListRequest>,
) -> Result<(StatusCode, Json<Activated>), Problem> {
    let list = PriceList::parse(&request.toml)
        .map_err(|error| Problem::from(EngineError::PriceList(error)))?;
    let activated = Activated {
        version: list.version.clone(),
        effective_from: list.effective_from,
        prices: list.prices().len(),
    };
    state.engine.put_price_list_in_force(list).await?;
    Ok((StatusCode::CREATED, Json(activated)))
}
