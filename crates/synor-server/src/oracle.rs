//! `/oracle`: what a SYNOR is worth, for anyone with a key; resetting the breaker and setting rates
//! is the operator's.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use synor_economics::oracle::{HistoryPoint, Outcome, Price, Twap};
use synor_economics::period::{DAY_SECS, Month, Period, Timestamp};
use synor_engine::{NewRate, OraclePrice, TwapKind};
use synor_store::{OracleState, PeriodRate};

use crate::auth::{Admin, Authenticated};
use crate::problem::Problem;
use crate::request::{Body, Params};
use crate::state::AppState;

/// The window of an average unless the request says otherwise, in seconds: half an hour.
const TWAP_WINDOW_SECS: i64 = 1_800;
/// How much history one answer holds at most, in seconds: a week.
const HISTORY_SECS_MAX: i64 = 7 * DAY_SECS;

/// The routes under `/oracle`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/price", get(price))
        .route("/sources", get(sources))
        .route("/history", get(history))
        .route("/twap", get(twap))
        .route("/rates", get(rates))
}

/// The routes under `/admin/oracle`.
pub fn admin_router() -> Router<AppState> {
    Router::new()
        .route("/round", post(round))
        .route("/reset", post(reset))
        .route("/rates", post(set_rate))
}

/// A list that is whole.
#[derive(Serialize)]
pub struct Items<T> {
    items: Vec<T>,
}

/// The last round.
#[derive(Serialize)]
pub struct LastRound {
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<Outcome>,
}

/// `GET /oracle/price`
async fn price(
    State(state): State<AppState>,
    _: Authenticated,
) -> Result<Json<OraclePrice>, Problem> {
    Ok(Json(state.engine.oracle_price().await?))
}

/// `GET /oracle/sources`
async fn sources(
    State(state): State<AppState>,
    _: Authenticated,
) -> Result<Json<LastRound>, Problem> {
    let round = state.engine.oracle_sources().await?;
    Ok(Json(LastRound { round }))
}

/// Which history.
#[derive(Deserialize)]
pub struct HistoryParams {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// `GET /oracle/history`
async fn history(
    State(state): State<AppState>,
    _: Authenticated,
    Params(params): Params<HistoryParams>,
) -> Result<Json<Items<HistoryPoint>>, Problem> {
    let engine = &state.engine;
    let until = params.until.unwrap_or_else(|| engine.now().plus_secs(1));
    let from = params.from.unwrap_or_else(|| until.plus_secs(-DAY_SECS));
    let period = Period::new(from, until).map_err(|e| Problem::invalid(e.to_string()))?;
    if period.secs() > HISTORY_SECS_MAX {
        return Err(Problem::invalid("from: at most seven days at a time"));
    }
    let items = engine.oracle_history(period).await?;
    Ok(Json(Items { items }))
}

/// How an average weighs.
#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Arithmetic,
    Exponential,
}

/// Which average.
#[derive(Deserialize)]
pub struct TwapParams {
    #[serde(default)]
    kind: Kind,
    window_secs: Option<i64>,
    half_life_secs: Option<u64>,
}

/// `GET /oracle/twap`
async fn twap(
    State(state): State<AppState>,
    _: Authenticated,
    Params(params): Params<TwapParams>,
) -> Result<Json<Twap>, Problem> {
    let window_secs = params.window_secs.unwrap_or(TWAP_WINDOW_SECS);
    if !(1..=HISTORY_SECS_MAX).contains(&window_secs) {
        return Err(Problem::invalid("window_secs: it must be 1 to 604800"));
    }
    let kind = match (params.kind, params.half_life_secs) {
        (Kind::Arithmetic, None) => TwapKind::Arithmetic,
        (Kind::Arithmetic, Some(_)) => {
            let detail = "half_life_secs: it is for kind=exponential";
            return Err(Problem::invalid(detail));
        }
        // A quarter of the window, so that its start hardly counts.
        (Kind::Exponential, half_life) => TwapKind::Exponential {
            half_life_secs: half_life.unwrap_or(window_secs.unsigned_abs().div_ceil(4)),
        },
    };
    Ok(Json(state.engine.oracle_twap(kind, window_secs).await?))
}

/// `GET /oracle/rates`
async fn rates(
    State(state): State<AppState>,
    _: Authenticated,
) -> Result<Json<Items<PeriodRate>>, Problem> {
    let items = state.engine.period_rates().await?;
    Ok(Json(Items { items }))
}

/// `POST /admin/oracle/round`: asks the sources now, whenever the next round is.
async fn round(State(state): State<AppState>, _: Admin) -> Result<Json<OracleState>, Problem> {
    Ok(Json(state.engine.oracle_round().await?))
}

/// Why the breaker is reset.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    reason: String,
}

/// `POST /admin/oracle/reset`
async fn reset(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<ResetRequest>,
) -> Result<Json<OracleState>, Problem> {
    Ok(Json(state.engine.reset_oracle(&request.reason).await?))
}

/// A rate as a client writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateRequest {
    month: Month,
    usd_per_synor: Price,
    reason: String,
}

/// `POST /admin/oracle/rates`: repeating it changes nothing; another rate for the month is refused.
async fn set_rate(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<RateRequest>,
) -> Result<(StatusCode, Json<PeriodRate>), Problem> {
    let new = NewRate {
        month: request.month,
        usd_per_synor: request.usd_per_synor,
        reason: request.reason,
    };
    let set = state.engine.set_rate(new).await?;
    Ok((StatusCode::CREATED, Json(set)))
}
