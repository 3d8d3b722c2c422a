//! The books: price lists, the journal, what was distributed, and the proof of it all.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use synor_economics::billing::JournalEntry;
use synor_economics::period::{Month, Timestamp};
use synor_engine::{DistributionTotals, EngineError, Verification};

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

const JOURNAL_LIMIT_MAX: usize = 10_000;

/// A version of the prices.
#[derive(Serialize)]
pub struct ShownPriceList {
    version: String,
    effective_from: Timestamp,
    toml: String,
}

/// All versions of the prices.
#[derive(Serialize)]
pub struct ShownPriceLists {
    items: Vec<ShownPriceList>,
}

/// `GET /admin/price-lists`
pub async fn price_lists(State(state): State<AppState>, _: Admin) -> Json<ShownPriceLists> {
    let items = state
        .engine
        .price_lists()
        .iter()
        .map(|list| ShownPriceList {
            version: list.version.clone(),
            effective_from: list.effective_from,
            toml: list.text().to_owned(),
        })
        .collect();
    Json(ShownPriceLists { items })
}

/// Which part of the journal.
#[derive(Deserialize)]
pub struct JournalParams {
    after: Option<u64>,
    limit: Option<usize>,
}

/// A journal entry in its place.
#[derive(Serialize)]
pub struct ShownEntry {
    sequence: u64,
    #[serde(flatten)]
    entry: JournalEntry,
}

/// A part of the journal.
#[derive(Serialize)]
pub struct ShownJournal {
    items: Vec<ShownEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<u64>,
}

/// `GET /admin/journal`
pub async fn journal(
    State(state): State<AppState>,
    _: Admin,
    Params(params): Params<JournalParams>,
) -> Result<Json<ShownJournal>, Problem> {
    let limit = params.limit.unwrap_or(100).clamp(1, JOURNAL_LIMIT_MAX);
    let after = params.after.unwrap_or_default();
    if i64::try_from(after).is_err() {
        return Err(Problem::invalid(format!(
            "after: `{after}` is above {}",
            i64::MAX
        )));
    }
    let lines = state.engine.store().journal(after, limit).await;
    let items: Vec<_> = lines
        .map_err(EngineError::from)?
        .into_iter()
        .map(|line| ShownEntry {
            sequence: line.sequence,
            entry: line.entry,
        })
        .collect();
    let next_after = items
        .last()
        .filter(|_| items.len() == limit)
        .map(|line| line.sequence);
    Ok(Json(ShownJournal { items, next_after }))
}

/// Which month's invoices.
#[derive(Deserialize)]
pub struct DistributionParams {
    period: Option<Month>,
}

/// `GET /admin/distribution`
pub async fn distribution(
    State(state): State<AppState>,
    _: Admin,
    Params(params): Params<DistributionParams>,
) -> Result<Json<DistributionTotals>, Problem> {
    Ok(Json(state.engine.distribution(params.period).await?))
}

/// `POST /admin/verify`
pub async fn verify(
    State(state): State<AppState>,
    _: Admin,
) -> Result<Json<Verification>, Problem> {
    Ok(Json(state.engine.verify().await?))
}
