//! The spot market's documents come back as they were put.

use synor_economics::id::{AskId, BidId};
use synor_economics::metering::ResourceType;
use synor_economics::money::MicroSynor;
use synor_economics::period::Period;
use synor_economics::pricing::PriceUnit;
use synor_economics::pricing::spot::{Ask, Bid, Interruption, Market, Round, clear};
use synor_economics::quantity::Quantity;

use super::documents::round_trip;
use super::sample::{NOW, account};
use crate::spot::{SpotAsk, SpotBid, SpotClearing, SpotInterruption, SpotMarket};
use crate::store::Store;

/// A market of one hour, from its orders to what one account holds of it.
pub(super) async fn spot_documents(store: &dyn Store) {
    let model = [("gpu_model".to_owned(), "rtx4090".to_owned())];
    let market = Market {
        resource: ResourceType::ComputeGpu,
        dimensions: model.into(),
    };
    let per: PriceUnit = "gpu-hour".parse().expect("a unit");
    let hour = Period::new(NOW, NOW.plus_secs(3_600)).expect("an hour");
    let valid = Period::new(NOW.plus_secs(-1), hour.end()).expect("a period");
    let opened = SpotMarket {
        market: market.clone(),
        per: per.clone(),
        reserve_micro_synor: MicroSynor::ZERO,
        orders: 0,
        opened_at: NOW,
        cleared_until: None,
    };
    let decided = SpotMarket {
        orders: u64::MAX,
        reserve_micro_synor: MicroSynor::new(i64::MAX),
        cleared_until: Some(NOW),
        ..opened.clone()
    };
    round_trip(store, &[opened, decided]).await;
    let ask = Ask {
        ask_id: AskId::derived(&["ask"]),
        provider: "node-1".parse().expect("a provider"),
        market: market.clone(),
        quantity: Quantity::EVENT_MAX,
        price_micro_synor: MicroSynor::new(7),
        per: per.clone(),
        placed_at: NOW.plus_secs(-1),
        sequence: 1,
        valid,
    };
    let bid = Bid {
        bid_id: BidId::derived(&["bid"]),
        account: account("acme"),
        market: market.clone(),
        quantity: Quantity::new(1 << 62),
        limit_micro_synor: MicroSynor::new(9),
        per: per.clone(),
        placed_at: NOW.plus_secs(-1),
        sequence: 2,
        valid,
    };
    let round = Round::new(market.clone(), per, hour, MicroSynor::ZERO).expect("a round");
    let clearing = clear(
        &round,
        std::slice::from_ref(&ask),
        std::slice::from_ref(&bid),
    );
    let clearing = clearing.expect("a clearing");
    let asks = [true, false].map(|is_open| SpotAsk {
        ask: ask.clone(),
        is_open,
    });
    round_trip(store, &asks).await;
    let interruption = Interruption {
        bid: bid.bid_id,
        account: account("acme"),
        at: NOW,
        lost: Quantity::EVENT_MAX,
        kept: Quantity::ZERO,
    };
    let bids = [true, false].map(|is_open| SpotBid {
        bid: bid.clone(),
        is_open,
    });
    round_trip(store, &bids).await;
    let holdings = clearing.holdings().expect("holdings");
    assert_eq!(holdings.len(), 1);
    round_trip(store, &holdings).await;
    round_trip(store, &[clearing.price_point().expect("a price")]).await;
    let lost = SpotInterruption {
        market,
        interruption: interruption.clone(),
    };
    round_trip(store, &[lost]).await;
    let stored = SpotClearing {
        clearing,
        reserve_micro_synor: MicroSynor::ZERO,
        interruptions: vec![interruption],
        cleared_at: NOW,
    };
    round_trip(store, &[stored]).await;
}
