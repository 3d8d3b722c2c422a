//! Asks and bids: placing them, withdrawing them, and the book of those that are open.

use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, AskId, BidId, ProviderId};
use synor_economics::metering::MeteringUnit;
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::{DAY_SECS, Period, Timestamp};
use synor_economics::pricing::PriceUnit;
use synor_economics::pricing::spot::{Ask, Bid, Market, SpotError};
use synor_economics::quantity::Quantity;
use synor_store::{ChangeSet, Document, Kind, ListQuery, SpotAsk, SpotBid};

use super::{invalid, scope_of};
use crate::credits::{invalid_reply, request_of};
use crate::engine::Engine;
use crate::error::EngineError;

/// How long an order stands that does not say, in seconds: a year.
const STANDS_SECS: i64 = 365 * DAY_SECS;

/// An order to be placed, on either side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewSpotOrder {
    /// What is traded.
    #[serde(flatten)]
    pub market: Market,
    /// How much in each interval, as a plain decimal number of `unit`.
    pub quantity: String,
    /// The unit of the quantity; the market's price unit if absent.
    #[serde(default)]
    pub unit: Option<MeteringUnit>,
    /// The least that is taken or the most that is paid, in µSYNOR per price unit of the market.
    pub price_micro_synor: MicroSynor,
    /// From when on it stands; now if absent.
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    /// Until when it stands; for a year if absent.
    #[serde(default)]
    pub valid_until: Option<Timestamp>,
}

/// What the market gives an order.
struct Placing {
    per: PriceUnit,
    quantity: Quantity,
    placed_at: Timestamp,
    sequence: u64,
    valid: Period,
}

impl Engine {
    /// Puts a provider's offer into the book; it takes part in intervals that start later. The same
    /// command places it once. Refuses what no auction of its market could take.
    pub async fn place_ask(
        &self,
        provider: &ProviderId,
        new: NewSpotOrder,
        command: &str,
    ) -> Result<SpotAsk, EngineError> {
        let command = format!("spot ask/{provider}/{command}");
        let ask_id = AskId::derived(&[&command]);
        self.place(&new, command, |placing| {
            let ask = Ask {
                ask_id,
                provider: provider.clone(),
                market: new.market.clone(),
                quantity: placing.quantity,
                price_micro_synor: new.price_micro_synor,
                per: placing.per.clone(),
                placed_at: placing.placed_at,
                sequence: placing.sequence,
                valid: placing.valid,
            };
            ask.check(&placing.per)?;
            Ok(SpotAsk { ask, is_open: true })
        })
        .await
    }

    /// Puts an account's bid into the book; it takes part in intervals that start later. The same
    /// command places it once. Refuses what no auction of its market could take.
    pub async fn place_bid(
        &self,
        account: &AccountId,
        new: NewSpotOrder,
        command: &str,
    ) -> Result<SpotBid, EngineError> {
        self.account(account).await?;
        let command = format!("spot bid/{account}/{command}");
        let bid_id = BidId::derived(&[&command]);
        self.place(&new, command, |placing| {
            let bid = Bid {
                bid_id,
                account: account.clone(),
                market: new.market.clone(),
                quantity: placing.quantity,
                limit_micro_synor: new.price_micro_synor,
                per: placing.per.clone(),
                placed_at: placing.placed_at,
                sequence: placing.sequence,
                valid: placing.valid,
            };
            bid.check(&placing.per)?;
            Ok(SpotBid { bid, is_open: true })
        })
        .await
    }

    async fn place<D: Document>(
        &self,
        new: &NewSpotOrder,
        command: String,
        make: impl Fn(Placing) -> Result<D, SpotError>,
    ) -> Result<D, EngineError> {
        let request = request_of(new)?;
        let scope = scope_of(&new.market);
        self.decide(&scope, || async {
            if let Some(before) = self.store.replay(&command, &request).await? {
                return serde_json::from_value(before.reply).map_err(invalid_reply);
            }
            let now = self.now();
            let version = self.store.version(&scope).await?;
            let mut market = self.open_market(&new.market, None, now).await?;
            market.orders = market.orders.saturating_add(1);
            let order = make(Placing {
                quantity: quantity_of(new, &market.per)?,
                per: market.per.clone(),
                placed_at: now,
                sequence: market.orders,
                valid: valid_of(new, now)?,
            })?;
            let mut changes = ChangeSet::new(command.clone(), now);
            changes.request.clone_from(&request);
            changes.reply = serde_json::to_value(&order).map_err(invalid_reply)?;
            changes
                .expect(scope.clone(), version)
                .put(&market)?
                .put(&order)?;
            let committed = self.commit(changes).await?;
            serde_json::from_value(committed.reply).map_err(invalid_reply)
        })
        .await
    }

    /// Takes an ask out of the book. What it sold in the running interval it still serves; doing it
    /// again changes nothing. `NotFound` if there is no such ask.
    pub async fn withdraw_ask(&self, id: AskId) -> Result<SpotAsk, EngineError> {
        let found: Option<SpotAsk> = self.store.get(&id.to_string()).await?;
        let missing = || EngineError::NotFound {
            what: "ask",
            id: id.to_string(),
        };
        let market = found.ok_or_else(missing)?.ask.market;
        self.withdraw(&market, id.to_string(), |order: &mut SpotAsk| {
            (&mut order.ask.valid, &mut order.is_open)
        })
        .await
    }

    /// Takes an account's bid out of the book. What it holds in the running interval it keeps to the
    /// interval's end; doing it again changes nothing. `NotFound` if the account has no such bid.
    pub async fn withdraw_bid(
        &self,
        account: &AccountId,
        id: BidId,
    ) -> Result<SpotBid, EngineError> {
        let found: Option<SpotBid> = self.store.get(&id.to_string()).await?;
        let missing = || EngineError::NotFound {
            what: "bid",
            id: id.to_string(),
        };
        let own = found.filter(|found| found.bid.account == *account);
        let market = own.ok_or_else(missing)?.bid.market;
        self.withdraw(&market, id.to_string(), |order: &mut SpotBid| {
            (&mut order.bid.valid, &mut order.is_open)
        })
        .await
    }

    /// Cuts an order short at the end of the running interval, whether that has been decided yet or
    /// not: so an interval comes out the same whenever it is decided, and decided again.
    async fn withdraw<D: Document>(
        &self,
        market: &Market,
        id: String,
        parts: impl Fn(&mut D) -> (&mut Period, &mut bool),
    ) -> Result<D, EngineError> {
        let scope = scope_of(market);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let decided = self.spot_market(market).await?.cleared_until;
            let found: Option<D> = self.store.get(&id).await?;
            let mut order = found.ok_or_else(|| EngineError::NotFound {
                what: "order",
                id: id.clone(),
            })?;
            let end = self.interval_at(self.now())?.end();
            let (valid, is_open) = parts(&mut order);
            let start = valid.start();
            if !*is_open || valid.end() <= end {
                return Ok(order);
            }
            *is_open = start < end && decided.is_none_or(|decided| decided < end);
            // One that has not begun is left a second, too short for any interval.
            *valid = Period::new(start, end.max(start.plus_secs(1)))?;
            let mut changes = ChangeSet::new(Self::fresh_command("spot withdraw"), self.now());
            changes.expect(scope.clone(), version).put(&order)?;
            self.commit(changes).await?;
            Ok(order)
        })
        .await
    }

    /// An account's bids, the latest first.
    pub async fn spot_bids(&self, account: &AccountId) -> Result<Vec<SpotBid>, EngineError> {
        self.account(account).await?;
        let query = ListQuery {
            newest_first: true,
            ..ListQuery::of(Kind::SpotBid, account)
        };
        Ok(self.store.list(query).await?.items)
    }

    /// All asks, the latest first; those of one provider if it is named.
    pub async fn spot_asks(
        &self,
        provider: Option<&ProviderId>,
    ) -> Result<Vec<SpotAsk>, EngineError> {
        let query = ListQuery {
            newest_first: true,
            ..ListQuery::all(Kind::SpotAsk)
        };
        let mut asks: Vec<SpotAsk> = self.store.list(query).await?.items;
        asks.retain(|ask| provider.is_none_or(|wanted| *wanted == ask.ask.provider));
        Ok(asks)
    }
}

fn quantity_of(new: &NewSpotOrder, per: &PriceUnit) -> Result<Quantity, EngineError> {
    let refuse = |reason: String| invalid("quantity", reason);
    let number = Exact::parse_decimal(&new.quantity).map_err(|e| refuse(e.to_string()))?;
    // No resource that is summed is measured by the month.
    let month_secs = 30 * DAY_SECS;
    let one = match new.unit {
        None => per.base_units(month_secs),
        Some(unit) if unit.base() == per.unit().base() => {
            unit.base_units(Some(month_secs)).map(Quantity::new)
        }
        Some(unit) => {
            let reason = format!("this market trades {}, not {unit}", per.unit().base());
            return Err(invalid("unit", reason));
        }
    };
    let one = one.map_err(|e| refuse(e.to_string()))?;
    let exact = number.checked_mul(one.exact());
    let whole = exact.map_err(|e| refuse(e.to_string()))?.to_integer();
    let not_whole = || {
        let (number, base) = (&new.quantity, per.unit().base());
        refuse(format!("`{number}` is not a whole number of {base}"))
    };
    whole.map(Quantity::new).ok_or_else(not_whole)
}

fn valid_of(new: &NewSpotOrder, now: Timestamp) -> Result<Period, EngineError> {
    let from = new.valid_from.unwrap_or(now);
    let until = new
        .valid_until
        .unwrap_or_else(|| from.max(now).plus_secs(STANDS_SECS));
    if until <= now {
        return Err(invalid("valid_until", format!("{until} has passed")));
    }
    Period::new(from, until).map_err(|e| invalid("valid_until", e.to_string()))
}
