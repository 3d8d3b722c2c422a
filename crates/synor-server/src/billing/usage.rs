//! Usage: the summary that bills are made of, and series.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use synor_economics::id::AccountId;
use synor_economics::metering::{MeteringUnit, ResourceType, UsageRow};
use synor_economics::period::{Month, Period, Timestamp, Zone};
use synor_economics::quantity::Quantity;
use synor_engine::{Engine, EngineError};
use synor_usage::{Aggregate, Series, SeriesQuery, SplitBy, Step};

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

/// When.
#[derive(Deserialize)]
pub struct WhenParams {
    /// A calendar month in the account's time zone; the running one if absent.
    pub(super) period: Option<Month>,
    /// Or a period of one's own, in Unix seconds, end exclusive.
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
}

/// The period asked for, and the account's time zone.
pub(super) async fn when(
    engine: &Engine,
    account: &AccountId,
    params: &WhenParams,
) -> Result<(Period, Zone), Problem> {
    let zone = engine.account(account).await?.time_zone;
    let period = match (params.period, params.start, params.end) {
        (month, None, None) => {
            let running = Month::containing(engine.now(), &zone);
            month
                .map_or(running, Ok)
                .and_then(|month| month.period(&zone))
        }
        (None, Some(start), Some(end)) => {
            Period::new(Timestamp::from_secs(start), Timestamp::from_secs(end))
        }
        _ => {
            return Err(Problem::invalid(
                "give either period (`2026-01`) or both start and end",
            ));
        }
    };
    Ok((period.map_err(EngineError::from)?, zone))
}

/// A row of a summary, with the quantity as people read it.
#[derive(Serialize)]
pub struct ShownRow {
    #[serde(flatten)]
    row: UsageRow,
    unit: &'static str,
    display_quantity: String,
    display_unit: &'static str,
}

/// What was used.
#[derive(Serialize)]
pub struct ShownSummary {
    account_id: AccountId,
    period_start: Timestamp,
    period_end: Timestamp,
    log_position: u64,
    rows: Vec<ShownRow>,
}

/// `GET /billing/usage`
pub async fn summary(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<WhenParams>,
) -> Result<Json<ShownSummary>, Problem> {
    let (period, zone) = when(&state.engine, &account, &params).await?;
    let summary = state
        .engine
        .usage()
        .summary(&account, period, None)
        .await
        .map_err(EngineError::from)?;
    let month_secs = Month::containing(period.start(), &zone)
        .and_then(|month| month.period(&zone))
        .map_err(EngineError::from)?
        .secs();
    let rows = summary
        .rows
        .into_iter()
        .map(|row| shown(row, month_secs))
        .collect();
    Ok(Json(ShownSummary {
        account_id: account,
        period_start: period.start(),
        period_end: period.end(),
        log_position: summary.log_position,
        rows,
    }))
}

fn shown(row: UsageRow, month_secs: i64) -> ShownRow {
    let spec = row.key.resource.spec();
    ShownRow {
        unit: spec.base_unit.name(),
        display_quantity: display_quantity(row.key.resource, row.quantity, month_secs),
        display_unit: spec.display_unit,
        row,
    }
}

/// A quantity in its resource's display unit, in a month of `month_secs` seconds; in base units if it
/// cannot be told in that.
pub(crate) fn display_quantity(
    resource: ResourceType,
    quantity: Quantity,
    month_secs: i64,
) -> String {
    let unit: Option<MeteringUnit> = resource.spec().display_unit.parse().ok();
    unit.and_then(|unit| unit.base_units(Some(month_secs)).ok())
        .and_then(|base| synor_economics::money::Exact::new(quantity.get(), base))
        .and_then(|exact| exact.rounded(6).ok())
        .unwrap_or_else(|| quantity.to_string())
}

/// Which series.
#[derive(Deserialize)]
pub struct SeriesParams {
    period: Option<Month>,
    start: Option<i64>,
    end: Option<i64>,
    /// `hour`, `day`, `month` or `whole`.
    step: Option<Step>,
    /// Whose hours, days and months; the account's if absent.
    zone: Option<Zone>,
    resource: Option<ResourceType>,
    /// `provider`, or a dimension.
    group_by: Option<String>,
    /// `sum`, `maximum`, `unique:provider` or `unique:DIMENSION`.
    aggregate: Option<String>,
}

/// `GET /billing/usage/series`
pub async fn series(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<SeriesParams>,
) -> Result<Json<Series>, Problem> {
    let times = WhenParams {
        period: params.period,
        start: params.start,
        end: params.end,
    };
    let (period, own_zone) = when(&state.engine, &account, &times).await?;
    let aggregate = params.aggregate.as_deref().unwrap_or("sum");
    let aggregate: Aggregate = aggregate
        .parse()
        .map_err(|error| Problem::invalid(format!("aggregate: {error}")))?;
    let query = SeriesQuery {
        account,
        period,
        step: params.step.unwrap_or(Step::Day),
        zone: params.zone.unwrap_or(own_zone),
        resource: params.resource,
        split: params.group_by.as_deref().map(SplitBy::named),
    };
    let series = state.engine.usage().aggregate(query, aggregate).await;
    Ok(Json(series.map_err(EngineError::from)?))
}
