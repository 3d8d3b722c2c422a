//! What an operator limits: quotas of an account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use synor_economics::id::AccountId;
use synor_economics::metering::{MeteringUnit, ResourceType};
use synor_economics::money::Exact;
use synor_economics::quota::{Quota, QuotaEffect, QuotaPeriod};
use synor_engine::NewQuota;

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::{Body, Params, Part};
use crate::state::AppState;

/// A quota as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaRequest {
    resource: ResourceType,
    per: QuotaPeriod,
    /// A plain decimal number of `unit`.
    quantity: String,
    unit: MeteringUnit,
    effect: QuotaEffect,
}

/// `POST /admin/accounts/{id}/quotas`
pub async fn set(
    State(state): State<AppState>,
    _: Admin,
    Part(account): Part<AccountId>,
    Body(request): Body<QuotaRequest>,
) -> Result<(StatusCode, Json<Quota>), Problem> {
    let quantity = Exact::parse_decimal(&request.quantity)
        .map_err(|error| Problem::invalid(format!("quantity: {error}")))?;
    let new = NewQuota {
        resource: request.resource,
        per: request.per,
        quantity,
        unit: request.unit,
        effect: request.effect,
    };
    let quota = state.engine.set_quota(&account, new).await?;
    Ok((StatusCode::CREATED, Json(quota)))
}

/// Which quota.
#[derive(Deserialize)]
pub struct QuotaParams {
    resource: ResourceType,
    per: QuotaPeriod,
}

/// `DELETE /admin/accounts/{id}/quotas`
pub async fn remove(
    State(state): State<AppState>,
    _: Admin,
    Part(account): Part<AccountId>,
    Params(which): Params<QuotaParams>,
) -> Result<Json<Quota>, Problem> {
    let (resource, per) = (which.resource, which.per);
    Ok(Json(
        state.engine.remove_quota(&account, resource, per).await?,
    ))
}
