//! API keys: what there is, issuing them, replacing and revoking them.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, ApiKeyId};
use synor_economics::period::Timestamp;
use synor_engine::{Caller, KeyOrder, NewKey, ShownKey};
use synor_store::{RateLimit, Role};

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::{Body, Part};
use crate::state::AppState;

/// How long a replaced key stays valid if nothing is said, in seconds.
const OVERLAP_SECS: i64 = 86_400;

/// What a key is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    role: Option<Role>,
    /// Of which account an ingest key alone reports.
    #[serde(default)]
    account_id: Option<AccountId>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    requests_per_second: Option<NonZeroU32>,
    #[serde(default)]
    events_per_second: Option<NonZeroU32>,
}

impl KeyRequest {
    async fn issue(
        self,
        state: &AppState,
        access: Caller,
    ) -> Result<(StatusCode, Json<NewKey>), Problem> {
        let label = self.label.unwrap_or_else(|| access.role.to_string());
        let order = KeyOrder {
            rate_limit: RateLimit {
                requests_per_second: self.requests_per_second,
                events_per_second: self.events_per_second,
            },
            expires_at: self.expires_at,
            ..KeyOrder::new(access, label)
        };
        let key = state.engine.issue_key(order).await?;
        Ok((StatusCode::CREATED, Json(key)))
    }
}

/// All keys.
#[derive(Serialize)]
pub struct Keys {
    items: Vec<ShownKey>,
}

/// `GET /admin/keys`
pub async fn list(State(state): State<AppState>, _: Admin) -> Result<Json<Keys>, Problem> {
    Ok(Json(Keys {
        items: state.engine.keys().await?,
    }))
}

/// `POST /admin/keys`: a key for a role, admin if none is named.
pub async fn issue(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<KeyRequest>,
) -> Result<(StatusCode, Json<NewKey>), Problem> {
    let access = Caller {
        role: request.role.unwrap_or(Role::Admin),
        account_id: request.account_id.clone(),
    };
    request.issue(&state, access).await
}

/// `POST /admin/accounts/{id}/keys`: a key that is bound to the account, a customer's if no role is
/// named.
pub async fn issue_for_account(
    State(state): State<AppState>,
    _: Admin,
    Part(account): Part<AccountId>,
    Body(request): Body<KeyRequest>,
) -> Result<(StatusCode, Json<NewKey>), Problem> {
    if request.account_id.as_ref().is_some_and(|id| *id != account) {
        let detail = "account_id: is another account than that of the path";
        return Err(Problem::invalid(detail));
    }
    let access = Caller {
        role: request.role.unwrap_or(Role::Customer),
        account_id: Some(account),
    };
    request.issue(&state, access).await
}

/// `POST /admin/keys/{id}/revoke`
pub async fn revoke(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<ApiKeyId>,
) -> Result<Json<ShownKey>, Problem> {
    Ok(Json(state.engine.revoke_key(id).await?))
}

/// How to replace a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    #[serde(default)]
    overlap_secs: Option<i64>,
}

/// `POST /admin/keys/{id}/rotate`: the only time that the new key's secret is seen.
pub async fn rotate(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<ApiKeyId>,
    Body(request): Body<RotateRequest>,
) -> Result<(StatusCode, Json<NewKey>), Problem> {
    let overlap = request.overlap_secs.unwrap_or(OVERLAP_SECS);
    let key = state.engine.rotate_key(id, overlap).await?;
    Ok((StatusCode::CREATED, Json(key)))
}
