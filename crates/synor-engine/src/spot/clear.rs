//! Deciding intervals: once each, in their order, when they have started, from the stored book.

use synor_economics::period::{Period, Timestamp};
use synor_economics::pricing::spot::{Ask, Bid, Market, Round, clear, displaced};
use synor_store::{
    ChangeSet, Kind, ListQuery, SpotAsk, SpotBid, SpotClearing, SpotInterruption, SpotMarket,
    spot_interval_id,
};

use super::{invalid, scope_of};
use crate::engine::Engine;
use crate::error::EngineError;

/// The open orders of a market.
pub(super) struct Book {
    pub asks: Vec<SpotAsk>,
    pub bids: Vec<SpotBid>,
}

/// What became of a market's next interval.
enum Next {
    /// It was decided, and another may be due.
    Decided,
    /// Nothing is due.
    Nothing,
}

impl Engine {
    /// Decides the interval of a market that contains `at` (default: now), once: asked again, the
    /// stored decision is returned. Refuses an interval that has not started, since its book is
    /// open, and one before another that was decided.
    pub async fn clear_spot(
        &self,
        market: &Market,
        at: Option<Timestamp>,
    ) -> Result<SpotClearing, EngineError> {
        let scope = scope_of(market);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let now = self.now();
            let market = self.spot_market(market).await?;
            let interval = self.interval_at(at.unwrap_or(now))?;
            let id = spot_interval_id(&market.market, interval);
            if let Some(stored) = self.store.get(&id).await? {
                return Ok(stored);
            }
            let start = interval.start();
            if now < start {
                let reason = format!("the interval starts at {start}; until then its book is open");
                return Err(invalid("interval", reason));
            }
            if let Some(until) = market.cleared_until.filter(|until| start < *until) {
                let reason = format!("everything up to {until} has been decided without it");
                return Err(invalid("interval", reason));
            }
            let book = self.open_book(&market.market).await?;
            self.decide_interval(market, interval, book, version).await
        })
        .await
    }

    /// Decides every interval of every market that has started and has not been decided, as far as
    /// there were orders; returns how many. An interval without open orders is passed over for ever.
    pub async fn clear_spot_due(&self) -> Result<usize, EngineError> {
        let mut count = 0;
        for market in self.spot_markets().await? {
            let now = self.now();
            if market.cleared_until.is_some_and(|until| now < until) {
                continue;
            }
            let scope = scope_of(&market.market);
            let next = || self.clear_next(&market.market);
            while let Next::Decided = self.decide(&scope, next).await? {
                count += 1;
            }
        }
        Ok(count)
    }

    async fn clear_next(&self, market: &Market) -> Result<Next, EngineError> {
        let version = self.store.version(&scope_of(market)).await?;
        let now = self.now();
        let mut market = self.spot_market(market).await?;
        let running = self.interval_at(now)?;
        let decided = market.cleared_until;
        if decided.is_some_and(|until| running.end() <= until) {
            return Ok(Next::Nothing);
        }
        let book = self.open_book(&market.market).await?;
        if let Some(first) = book.first_instant() {
            let from = decided.map_or(first, |until| first.max(until));
            let aligned = from.plus_secs(self.spot_interval_secs.saturating_sub(1));
            let interval = self.interval_at(aligned)?;
            if interval.start() <= now {
                self.decide_interval(market, interval, book, version)
                    .await?;
                return Ok(Next::Decided);
            }
        }
        let scope = scope_of(&market.market);
        market.cleared_until = Some(running.end());
        let mut changes = ChangeSet::new(Self::fresh_command("spot pass over"), now);
        changes.expect(scope, version).put(&market)?;
        self.commit(changes).await?;
        Ok(Next::Nothing)
    }

    async fn decide_interval(
        &self,
        mut market: SpotMarket,
        interval: Period,
        book: Book,
        version: u64,
    ) -> Result<SpotClearing, EngineError> {
        let reserve = market.reserve_micro_synor;
        let round = Round::new(market.market.clone(), market.per.clone(), interval, reserve)?;
        let before = self.decided_before(&market.market, interval).await?;
        let asks: Vec<Ask> = book.asks.iter().map(|order| order.ask.clone()).collect();
        let bids: Vec<Bid> = book.bids.iter().map(|order| order.bid.clone()).collect();
        let now = self.now();
        let decided = decided(&round, &asks, &bids, before.as_ref(), now)?;
        let scope = scope_of(&market.market);
        let id = spot_interval_id(&market.market, interval);
        let mut changes = ChangeSet::new(format!("spot clear/{id}"), now);
        changes.expect(scope, version).put(&decided)?;
        for holding in decided.clearing.holdings()? {
            changes.put(&holding)?;
        }
        if let Some(point) = decided.clearing.price_point() {
            changes.put(&point)?;
        }
        for interruption in &decided.interruptions {
            changes.put(&SpotInterruption {
                market: market.market.clone(),
                interruption: interruption.clone(),
            })?;
        }
        let next_end = interval.end().plus_secs(interval.secs());
        for ask in book.asks.iter().filter(|o| o.ask.valid.end() < next_end) {
            changes.put(&SpotAsk {
                is_open: false,
                ..ask.clone()
            })?;
        }
        for bid in book.bids.iter().filter(|o| o.bid.valid.end() < next_end) {
            changes.put(&SpotBid {
                is_open: false,
                ..bid.clone()
            })?;
        }
        market.cleared_until = Some(interval.end());
        changes.put(&market)?;
        self.commit(changes).await?;
        Ok(decided)
    }

    /// What was decided for the interval before this one, if it was.
    pub(super) async fn decided_before(
        &self,
        market: &Market,
        interval: Period,
    ) -> Result<Option<SpotClearing>, EngineError> {
        let start = interval.start();
        let before = Period::new(start.plus_secs(interval.secs().saturating_neg()), start)?;
        Ok(self.store.get(&spot_interval_id(market, before)).await?)
    }

    async fn open_book(&self, market: &Market) -> Result<Book, EngineError> {
        let open = |kind| ListQuery::all(kind).open();
        let mut asks: Vec<SpotAsk> = self.store.list(open(Kind::SpotAsk)).await?.items;
        let mut bids: Vec<SpotBid> = self.store.list(open(Kind::SpotBid)).await?.items;
        asks.retain(|order| order.ask.market == *market);
        bids.retain(|order| order.bid.market == *market);
        Ok(Book { asks, bids })
    }
}

impl Book {
    /// The earliest instant at which an interval may start that any of the orders takes part in.
    fn first_instant(&self) -> Option<Timestamp> {
        let first = |placed: Timestamp, valid: Period| placed.plus_secs(1).max(valid.start());
        let asks = self
            .asks
            .iter()
            .map(|o| first(o.ask.placed_at, o.ask.valid));
        let bids = self
            .bids
            .iter()
            .map(|o| first(o.bid.placed_at, o.bid.valid));
        asks.chain(bids).min()
    }
}

/// The decision of an interval: it follows from the orders, the reserve price, and the decision
/// before it, of which customers keep their places as far as they still buy.
pub(super) fn decided(
    round: &Round,
    asks: &[Ask],
    bids: &[Bid],
    before: Option<&SpotClearing>,
    now: Timestamp,
) -> Result<SpotClearing, EngineError> {
    let mut clearing = clear(round, asks, bids)?;
    let mut interruptions = Vec::new();
    if let Some(before) = before {
        interruptions = displaced(&before.clearing, &clearing)?;
        clearing = clearing.keeping(&before.clearing)?;
    }
    Ok(SpotClearing {
        clearing,
        reserve_micro_synor: round.reserve(),
        interruptions,
        cleared_at: now,
    })
}
