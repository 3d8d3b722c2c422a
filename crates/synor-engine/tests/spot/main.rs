//! The spot market from order to payout: intervals are decided once, usage has the price of its
//! interval as far as capacity was held, and the books hold.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that fails panics"
)]

mod billing;
mod book;
#[path = "../common/mod.rs"]
mod common;
mod measure;

use synor_economics::billing::{Invoice, LineItem};
use synor_economics::metering::{Dimensions, ResourceType};
use synor_economics::pricing::spot::{Clearing, Market};
use synor_engine::{Engine, NewSpotOrder};
use synor_store::{SpotAsk, SpotBid};

use common::{World, at, id, synor};

fn market() -> Market {
    Market {
        resource: ResourceType::ComputeGpu,
        dimensions: Dimensions::from([("gpu_model".to_owned(), "rtx4090".to_owned())]),
    }
}

/// `2 at 0.40`: GPU hours in each interval, and SYNOR for each.
fn order(text: &str) -> NewSpotOrder {
    let (quantity, price) = text.split_once(" at ").unwrap();
    NewSpotOrder {
        market: market(),
        quantity: quantity.to_owned(),
        unit: None,
        price_micro_synor: synor(price),
        valid_from: None,
        valid_until: None,
    }
}

async fn ask(world: &World, provider: &str, text: &str) -> SpotAsk {
    let provider = provider.parse().unwrap();
    let engine = &world.engine;
    engine
        .place_ask(&provider, order(text), text)
        .await
        .unwrap()
}

async fn bid(world: &World, account: &str, text: &str) -> SpotBid {
    let engine = &world.engine;
    engine
        .place_bid(&id(account), order(text), text)
        .await
        .unwrap()
}

async fn cleared(engine: &Engine, time: &str) -> Clearing {
    let stored = engine.clear_spot(&market(), Some(at(time))).await;
    stored.unwrap().clearing
}

/// `price, then who holds how many GPU hours`.
fn outcome(clearing: &Clearing) -> String {
    let price = clearing.price_micro_synor.map_or(0, |p| p.micro());
    let holdings = clearing.holdings().unwrap();
    let parts = holdings
        .iter()
        .map(|h| format!("{} {}", h.account, h.held.get() / 3_600_000));
    format!("{price}: {}", parts.collect::<Vec<_>>().join(", "))
}

/// The lines of an invoice: what, which version, how many GPU milliseconds, how many µSYNOR.
fn lines(invoice: &Invoice) -> Vec<String> {
    let line = |l: &LineItem| {
        let net = l.net().unwrap().micro();
        let version = &l.price_list_version;
        let version = if version == "spot" { "spot" } else { "list" };
        format!("{} ({version}): {} × {net}", l.description, l.quantity)
    };
    invoice.line_items.iter().map(line).collect()
}

/// An hour in which acme takes both GPUs, and one in which dash takes one of them away.
async fn two_hours() -> World {
    let world = World::with(&["acme", "bolt", "dash"]).await;
    world.clock.set("2026-01-10T09:30");
    ask(&world, "node-1", "2 at 0.20").await;
    bid(&world, "acme", "2 at 0.40").await;
    bid(&world, "bolt", "1 at 0.30").await;
    world.clock.set("2026-01-10T10:00");
    assert_eq!(world.engine.clear_spot_due().await.unwrap(), 1);
    world.clock.set("2026-01-10T10:30");
    bid(&world, "dash", "1 at 0.50").await;
    world.clock.set("2026-01-10T11:00");
    assert_eq!(world.engine.clear_spot_due().await.unwrap(), 1);
    assert_eq!(world.engine.clear_spot_due().await.unwrap(), 0);
    world
}
