//! What is known of prices: the current one, the last round, the history, and averages of it.

use serde::{Deserialize, Serialize};
use synor_economics::oracle::{
    AggregatedPrice, HistoryPoint, Outcome, Standing, Twap, arithmetic, day_stats, exponential,
};
use synor_economics::period::{DAY_SECS, Period, Timestamp};
use synor_store::{Cursor, Kind, ListQuery, ORACLE_HOUR_SECS, OracleHour};

use crate::engine::Engine;
use crate::error::EngineError;

/// The price, and whether it may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OraclePrice {
    /// Whether the price is current, held or refused, and why.
    #[serde(flatten)]
    pub standing: Standing,
    /// The price that may be used; none if pricing in USD refuses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<AggregatedPrice>,
    /// Why the breaker was last reset, and when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reset_reason: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reset_at: Option<Timestamp>,
}

/// How prices are weighed in an average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwapKind {
    /// By how long each held.
    Arithmetic,
    /// Half as much for each half-life that it lies back.
    Exponential {
        /// In seconds.
        half_life_secs: u64,
    },
}

impl Engine {
    /// The price of a SYNOR, and whether it may be used.
    pub async fn oracle_price(&self) -> Result<OraclePrice, EngineError> {
        let oracle = self.oracle()?;
        let state = self.oracle_state().await?;
        let now = self.now();
        let standing = state.breaker.standing(now, &oracle.breaker);
        let price = match standing.usable() {
            None => None,
            Some(good) => {
                let points = self.oracle_points(now.plus_secs(-DAY_SECS), now).await?;
                let point = points.iter().rfind(|point| point.at == good.at);
                Some(AggregatedPrice {
                    price: good.price_usd,
                    price_micro_usd: good.price_usd.micro_usd(),
                    at: good.at,
                    confidence: point.map(|p| p.confidence).unwrap_or_default(),
                    sources: point.map(|p| p.sources.clone()).unwrap_or_default(),
                    day: day_stats(&points, now),
                })
            }
        };
        Ok(OraclePrice {
            standing,
            price,
            reset_reason: state.reset_reason,
            reset_at: state.breaker.reset_at,
        })
    }

    /// What each source said in the last round; none before the first.
    pub async fn oracle_sources(&self) -> Result<Option<Outcome>, EngineError> {
        self.oracle()?;
        Ok(self.oracle_state().await?.last_round)
    }

    /// The good prices of a period, in order of time.
    pub async fn oracle_history(&self, period: Period) -> Result<Vec<HistoryPoint>, EngineError> {
        self.oracle()?;
        let mut points = self.oracle_points(period.start(), period.end()).await?;
        points.retain(|point| period.contains(point.at));
        Ok(points)
    }

    /// The average over the last so many seconds.
    pub async fn oracle_twap(&self, kind: TwapKind, window_secs: i64) -> Result<Twap, EngineError> {
        let oracle = self.oracle()?;
        let now = self.now();
        let window = Period::new(now.plus_secs(window_secs.saturating_neg()), now)?;
        let hold_secs = oracle.breaker.hold_secs;
        let points = self
            .oracle_points(window.start().plus_secs(-hold_secs), now)
            .await?;
        Ok(match kind {
            TwapKind::Arithmetic => arithmetic(&points, window, hold_secs)?,
            TwapKind::Exponential { half_life_secs } => {
                exponential(&points, window, hold_secs, half_life_secs)?
            }
        })
    }

    /// The good prices between two instants, both included, in order of time.
    pub(crate) async fn oracle_points(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<HistoryPoint>, EngineError> {
        let query = ListQuery {
            after: Some(Cursor {
                sort_key: from.plus_secs(-ORACLE_HOUR_SECS).secs(),
                id: String::new(),
            }),
            ..ListQuery::all(Kind::OracleHour)
        };
        let hours: Vec<OracleHour> = self.store.list(query).await?.items;
        let mut points: Vec<_> = hours.into_iter().flat_map(|hour| hour.points).collect();
        points.retain(|point| from <= point.at && point.at <= until);
        Ok(points)
    }
}
