//! `/spot`: the market for spare capacity. Prices are for anyone with a key; an account sees and
//! touches only its own bids; offers are the operator's to enter for its providers.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use synor_economics::id::{AskId, BidId, ProviderId};
use synor_economics::metering::{Dimensions, MeteringUnit, ResourceType};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_economics::pricing::PriceUnit;
use synor_economics::pricing::spot::{Holding, Market};
use synor_engine::{NewSpotOrder, SpotPrices};
use synor_store::{SpotAsk, SpotBid, SpotClearing, SpotInterruption, SpotMarket};

use crate::auth::{Admin, Authenticated, ForAccount};
use crate::idempotency::IdempotencyKey;
use crate::problem::Problem;
use crate::request::{Body, Params, Part};
use crate::state::AppState;

/// How many prices are shown unless the request says otherwise: a week of hours.
const PRICES_DEFAULT: usize = 168;
const PRICES_MAX: usize = 10_000;

/// The routes under `/spot`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/asks", get(asks).post(place_ask))
        .route("/asks/{id}/withdraw", post(withdraw_ask))
        .route("/bids", get(bids).post(place_bid))
        .route("/bids/{id}/withdraw", post(withdraw_bid))
        .route("/markets", get(markets))
        .route("/prices", get(prices))
        .route("/interruptions", get(interruptions))
}

/// The routes under `/admin/spot`.
pub fn admin_router() -> Router<AppState> {
    Router::new()
        .route("/clear", post(clear))
        .route("/reserve", post(set_reserve))
}

/// A list that is whole.
#[derive(Serialize)]
pub struct Items<T> {
    items: Vec<T>,
}

/// An order as a client writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    resource: ResourceType,
    #[serde(default)]
    dimensions: Dimensions,
    quantity: String,
    #[serde(default)]
    unit: Option<MeteringUnit>,
    #[serde(default)]
    price: Option<String>,
    #[serde(default)]
    price_micro_synor: Option<MicroSynor>,
    #[serde(default)]
    valid_from: Option<Timestamp>,
    #[serde(default)]
    valid_until: Option<Timestamp>,
    /// Who offers; on asks only.
    #[serde(default)]
    provider: Option<ProviderId>,
}

impl OrderRequest {
    fn order(self) -> Result<NewSpotOrder, Problem> {
        Ok(NewSpotOrder {
            market: Market {
                resource: self.resource,
                dimensions: self.dimensions,
            },
            quantity: self.quantity,
            unit: self.unit,
            price_micro_synor: price_of("price", self.price.as_deref(), self.price_micro_synor)?,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
        })
    }
}

/// A price in one of its two forms; zero is one, below zero is for the engine to refuse.
fn price_of(
    field: &str,
    text: Option<&str>,
    micro_synor: Option<MicroSynor>,
) -> Result<MicroSynor, Problem> {
    match (text, micro_synor) {
        (Some(text), None) => MicroSynor::parse_positive(text)
            .map_err(|error| Problem::invalid(format!("{field}: {error}"))),
        (None, Some(price)) => Ok(price),
        _ => Err(Problem::invalid(format!(
            "give either {field} (`0.25 SYNOR`) or {field}_micro_synor"
        ))),
    }
}

/// `POST /spot/asks`
async fn place_ask(
    State(state): State<AppState>,
    _: Admin,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<OrderRequest>,
) -> Result<(StatusCode, Json<SpotAsk>), Problem> {
    let Some(provider) = request.provider.clone() else {
        return Err(Problem::invalid("provider: an ask needs one"));
    };
    let ask = state
        .engine
        .place_ask(&provider, request.order()?, &key)
        .await?;
    Ok((StatusCode::CREATED, Json(ask)))
}

/// Whose asks.
#[derive(Deserialize)]
pub struct AskParams {
    provider: Option<ProviderId>,
}

/// `GET /spot/asks`
async fn asks(
    State(state): State<AppState>,
    _: Admin,
    Params(params): Params<AskParams>,
) -> Result<Json<Items<SpotAsk>>, Problem> {
    let items = state.engine.spot_asks(params.provider.as_ref()).await?;
    Ok(Json(Items { items }))
}

/// `POST /spot/asks/{id}/withdraw`
async fn withdraw_ask(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<AskId>,
) -> Result<Json<SpotAsk>, Problem> {
    Ok(Json(state.engine.withdraw_ask(id).await?))
}

/// `POST /spot/bids`
async fn place_bid(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<OrderRequest>,
) -> Result<(StatusCode, Json<SpotBid>), Problem> {
    if request.provider.is_some() {
        let detail = "provider: a bid is not for one; the auction decides who serves it";
        return Err(Problem::invalid(detail));
    }
    let bid = state
        .engine
        .place_bid(&account, request.order()?, &key)
        .await?;
    Ok((StatusCode::CREATED, Json(bid)))
}

/// An account's bids, and what they hold now.
#[derive(Serialize)]
pub struct ShownBids {
    items: Vec<SpotBid>,
    holdings: Vec<Holding>,
}

/// `GET /spot/bids`
async fn bids(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<ShownBids>, Problem> {
    Ok(Json(ShownBids {
        items: state.engine.spot_bids(&account).await?,
        holdings: state.engine.spot_holdings(&account).await?,
    }))
}

/// `POST /spot/bids/{id}/withdraw`
async fn withdraw_bid(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<BidId>,
) -> Result<Json<SpotBid>, Problem> {
    Ok(Json(state.engine.withdraw_bid(&account, id).await?))
}

/// `GET /spot/markets`
async fn markets(
    State(state): State<AppState>,
    _: Authenticated,
) -> Result<Json<Items<SpotMarket>>, Problem> {
    let items = state.engine.spot_markets().await?;
    Ok(Json(Items { items }))
}

/// Which market's prices.
#[derive(Deserialize)]
pub struct PriceParams {
    resource: ResourceType,
    gpu_model: Option<String>,
    region: Option<String>,
    limit: Option<usize>,
}

/// `GET /spot/prices`
async fn prices(
    State(state): State<AppState>,
    _: Authenticated,
    Params(params): Params<PriceParams>,
) -> Result<Json<SpotPrices>, Problem> {
    let named = [("gpu_model", params.gpu_model), ("region", params.region)];
    let market = Market {
        resource: params.resource,
        dimensions: named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
    };
    let limit = params.limit.unwrap_or(PRICES_DEFAULT).clamp(1, PRICES_MAX);
    Ok(Json(state.engine.spot_prices(&market, limit).await?))
}

/// `GET /spot/interruptions`
async fn interruptions(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<Items<SpotInterruption>>, Problem> {
    let items = state.engine.spot_interruptions(&account).await?;
    Ok(Json(Items { items }))
}

/// Which interval of which market; every market's due ones if it names none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearRequest {
    #[serde(default)]
    resource: Option<ResourceType>,
    #[serde(default)]
    dimensions: Dimensions,
    /// An instant in the interval, in Unix seconds; now if absent.
    #[serde(default)]
    interval: Option<Timestamp>,
}

/// What was decided.
#[derive(Serialize)]
pub struct Cleared {
    /// The decision, if a market was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    clearing: Option<SpotClearing>,
    /// How many due intervals were decided, if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<usize>,
}

/// `POST /admin/spot/clear`: repeating it returns the stored decision.
async fn clear(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<ClearRequest>,
) -> Result<Json<Cleared>, Problem> {
    let Some(resource) = request.resource else {
        if request.interval.is_some() || !request.dimensions.is_empty() {
            return Err(Problem::invalid("resource: say of which market"));
        }
        let decided = Some(state.engine.clear_spot_due().await?);
        let clearing = None;
        return Ok(Json(Cleared { clearing, decided }));
    };
    let market = Market {
        resource,
        dimensions: request.dimensions,
    };
    let clearing = state.engine.clear_spot(&market, request.interval).await?;
    Ok(Json(Cleared {
        clearing: Some(clearing),
        decided: None,
    }))
}

/// A market's reserve price.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveRequest {
    resource: ResourceType,
    #[serde(default)]
    dimensions: Dimensions,
    /// What prices are for; only where the market is opened by this.
    #[serde(default)]
    per: Option<PriceUnit>,
    #[serde(default)]
    reserve: Option<String>,
    #[serde(default)]
    reserve_micro_synor: Option<MicroSynor>,
}

/// `POST /admin/spot/reserve`
async fn set_reserve(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<ReserveRequest>,
) -> Result<Json<SpotMarket>, Problem> {
    let (text, micro_synor) = (request.reserve.as_deref(), request.reserve_micro_synor);
    let reserve = price_of("reserve", text, micro_synor)?;
    let market = Market {
        resource: request.resource,
        dimensions: request.dimensions,
    };
    let engine = &state.engine;
    let opened = engine
        .set_spot_reserve(&market, request.per, reserve)
        .await?;
    Ok(Json(opened))
}
