//! Markets: opening them, their reserve price, and what they have come to.

use serde::Serialize;
use synor_economics::id::AccountId;
use synor_economics::metering::summary::is_spot;
use synor_economics::metering::{Measure, MeteringUnit};
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::Timestamp;
use synor_economics::pricing::PriceUnit;
use synor_economics::pricing::spot::{Holding, Market, PricePoint, Round, mean};
use synor_store::{
    ChangeSet, Cursor, Kind, ListQuery, SpotInterruption, SpotMarket, spot_market_id,
};

use super::{invalid, scope_of};
use crate::engine::Engine;
use crate::error::EngineError;

/// The longest value of a market's dimension, in bytes.
const VALUE_MAX_BYTES: usize = 64;
/// How many prices are read from the store at a time.
const PRICES_PAGE: usize = 1_000;

/// What capacity has cost in a market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpotPrices {
    /// The market.
    #[serde(flatten)]
    pub market: SpotMarket,
    /// Of the latest interval in which anything was traded, in µSYNOR per price unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_micro_synor: Option<MicroSynor>,
    /// The mean of the intervals below, each counting alike, in exact µSYNOR per price unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_micro_synor: Option<Exact>,
    /// The intervals in which anything was traded, newest first.
    pub items: Vec<PricePoint>,
}

impl Engine {
    /// All markets, the oldest first.
    pub async fn spot_markets(&self) -> Result<Vec<SpotMarket>, EngineError> {
        let markets = self.store.list(ListQuery::all(Kind::SpotMarket)).await?;
        Ok(markets.items)
    }

    /// A market that has been opened; `NotFound` if it has not.
    pub async fn spot_market(&self, market: &Market) -> Result<SpotMarket, EngineError> {
        let id = spot_market_id(market);
        let found: Option<SpotMarket> = self.store.get(&id).await?;
        found.ok_or(EngineError::NotFound {
            what: "spot market",
            id,
        })
    }

    /// Sets a market's reserve price in µSYNOR per price unit, for intervals that are decided from
    /// now on; zero is none. Opens the market if there is none, with prices per `per` (default: per
    /// unit that the resource is shown in), which never changes afterwards.
    pub async fn set_spot_reserve(
        &self,
        market: &Market,
        per: Option<PriceUnit>,
        reserve: MicroSynor,
    ) -> Result<SpotMarket, EngineError> {
        let scope = scope_of(market);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let now = self.now();
            let mut opened = self.open_market(market, per.clone(), now).await?;
            if per.as_ref().is_some_and(|per| *per != opened.per) {
                let reason = format!("this market's prices are per {}", opened.per);
                return Err(invalid("per", reason));
            }
            let interval = self.interval_at(now)?;
            Round::new(market.clone(), opened.per.clone(), interval, reserve)?;
            opened.reserve_micro_synor = reserve;
            let mut changes = ChangeSet::new(Self::fresh_command("spot reserve"), now);
            changes.expect(scope.clone(), version).put(&opened)?;
            self.commit(changes).await?;
            Ok(opened)
        })
        .await
    }

    /// The market as it is, or as it would be opened now.
    pub(super) async fn open_market(
        &self,
        market: &Market,
        per: Option<PriceUnit>,
        now: Timestamp,
    ) -> Result<SpotMarket, EngineError> {
        if let Some(found) = self.store.get(&spot_market_id(market)).await? {
            return Ok(found);
        }
        check_market(market)?;
        let per = match per {
            Some(per) => per,
            None => shown_unit(market)?,
        };
        let reserve_micro_synor = MicroSynor::ZERO;
        let interval = self.interval_at(now)?;
        Round::new(market.clone(), per.clone(), interval, reserve_micro_synor)?;
        Ok(SpotMarket {
            market: market.clone(),
            per,
            reserve_micro_synor,
            orders: 0,
            opened_at: now,
            cleared_until: None,
        })
    }

    /// The latest prices of a market, at most `limit`.
    pub async fn spot_prices(
        &self,
        market: &Market,
        limit: usize,
    ) -> Result<SpotPrices, EngineError> {
        let market = self.spot_market(market).await?;
        let mut items: Vec<PricePoint> = Vec::new();
        let mut after: Option<Cursor> = None;
        while items.len() < limit {
            let query = ListQuery {
                newest_first: true,
                after,
                limit: PRICES_PAGE,
                ..ListQuery::all(Kind::SpotPrice)
            };
            let page = self.store.list::<PricePoint>(query).await?;
            let own = page.items.into_iter().filter(|p| p.market == market.market);
            items.extend(own);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        items.truncate(limit);
        let span = items.last().zip(items.first()).and_then(|(first, last)| {
            let (start, end) = (first.interval.start(), last.interval.end());
            synor_economics::period::Period::new(start, end).ok()
        });
        let mean_micro_synor = match span {
            Some(span) => mean(&items, span)?,
            None => None,
        };
        Ok(SpotPrices {
            market,
            last_micro_synor: items.first().map(|point| point.price_micro_synor),
            mean_micro_synor,
            items,
        })
    }

    /// When an account's work was stopped because others paid more, the latest first.
    pub async fn spot_interruptions(
        &self,
        account: &AccountId,
    ) -> Result<Vec<SpotInterruption>, EngineError> {
        self.account(account).await?;
        let query = ListQuery {
            newest_first: true,
            ..ListQuery::of(Kind::SpotInterruption, account)
        };
        Ok(self.store.list(query).await?.items)
    }

    /// What an account holds in the running interval of each market.
    pub async fn spot_holdings(&self, account: &AccountId) -> Result<Vec<Holding>, EngineError> {
        self.account(account).await?;
        let now = self.now();
        let query = ListQuery {
            after: Some(Cursor {
                sort_key: now.plus_secs(-super::SPOT_INTERVAL_SECS_MAX).secs(),
                id: String::new(),
            }),
            ..ListQuery::of(Kind::SpotHolding, account)
        };
        let mut holdings: Vec<Holding> = self.store.list(query).await?.items;
        holdings.retain(|holding| holding.interval.contains(now));
        Ok(holdings)
    }
}

/// Refuses what usage could never match: a level, a dimension that summaries do not keep apart.
fn check_market(market: &Market) -> Result<(), EngineError> {
    let resource = market.resource;
    if resource.spec().measure != Measure::Sum {
        let reason =
            format!("{resource} is measured as a level, of which there is no spot capacity");
        return Err(invalid("resource", reason));
    }
    for (name, value) in &market.dimensions {
        if !["gpu_model", "region"].contains(&name.as_str()) || is_spot(&market.dimensions) {
            let reason = format!("a market has gpu_model and region, not `{name}`");
            return Err(invalid("dimensions", reason));
        }
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"._-:".contains(&b);
        let fits = (1..=VALUE_MAX_BYTES).contains(&value.len()) && value.bytes().all(letter);
        if !fits {
            let reason = format!("`{value}` is not 1 to 64 letters, digits, `.`, `_`, `-`, `:`");
            return Err(invalid("dimensions", reason));
        }
    }
    Ok(())
}

/// The unit that the market's resource is shown in.
fn shown_unit(market: &Market) -> Result<PriceUnit, EngineError> {
    let spec = market.resource.spec();
    let unit = spec.display_unit.parse::<MeteringUnit>();
    let per = unit.and_then(|unit| unit.singular().parse::<PriceUnit>());
    per.map_err(|e| invalid("per", e.to_string()))
}
