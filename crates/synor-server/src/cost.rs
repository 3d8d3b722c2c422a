//! `/cost`: what usage would cost, what the month will come to, and what other prices would change.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use synor_engine::{Asker, CostEstimate, EstimateRequest, Forecast, RerateRequest, Rerated};

use crate::auth::{AboutAccount, Admin, ForAccount};
use crate::problem::Problem;
use crate::request::Body;
use crate::state::AppState;

/// The routes under `/cost`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/estimate", post(estimate))
        .route("/forecast", get(forecast))
        .route("/rerate", post(rerate))
}

/// `POST /cost/estimate`: made-up usage needs no account; without any, it is the account's own.
async fn estimate(
    State(state): State<AppState>,
    about: AboutAccount,
    Body(request): Body<EstimateRequest>,
) -> Result<Json<CostEstimate>, Problem> {
    let asker = Asker {
        account: about.account.as_ref(),
        is_admin: about.is_admin,
    };
    if !request.is_made_up() {
        about.named()?;
    }
    Ok(Json(state.engine.estimate(request, asker).await?))
}

/// `GET /cost/forecast`
async fn forecast(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<Forecast>, Problem> {
    Ok(Json(state.engine.forecast(&account).await?))
}

/// `POST /cost/rerate`
async fn rerate(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<RerateRequest>,
) -> Result<Json<Rerated>, Problem> {
    Ok(Json(state.engine.rerate(request).await?))
}
