//! The audit log: who changed what.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use synor_economics::id::AccountId;
use synor_economics::period::Timestamp;
use synor_engine::AuditQuery;
use synor_store::AuditEntry;

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

const LIMIT_MAX: usize = 1_000;

/// Which part of the audit log.
#[derive(Deserialize)]
pub struct AuditParams {
    account: Option<AccountId>,
    since: Option<Timestamp>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A part of the audit log, the latest first.
#[derive(Serialize)]
pub struct ShownAudit {
    items: Vec<AuditEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// `GET /admin/audit`
pub async fn list(
    State(state): State<AppState>,
    _: Admin,
    Params(params): Params<AuditParams>,
) -> Result<Json<ShownAudit>, Problem> {
    let before = params.cursor.map(|cursor| {
        let place = cursor.parse::<u64>();
        place.map_err(|_| Problem::invalid("cursor: is not one that this list gave"))
    });
    let query = AuditQuery {
        account: params.account,
        since: params.since,
        before: before.transpose()?,
        limit: params.limit.unwrap_or(100).clamp(1, LIMIT_MAX),
    };
    let part = state.engine.audit_log(query).await?;
    Ok(Json(ShownAudit {
        items: part.items,
        next_cursor: part.next_before.map(|place| place.to_string()),
    }))
}
