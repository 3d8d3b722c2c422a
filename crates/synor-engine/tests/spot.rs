//! The spot market from order to payout: intervals are decided once, usage has the price of its
//! interval as far as capacity was held, and the books hold.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, at, id, synor};
use synor_economics::billing::{Invoice, LineItem};
use synor_economics::metering::{Dimensions, ResourceType};
use synor_economics::money::Exact;
use synor_economics::plan::Plan;
use synor_economics::pricing::spot::{Clearing, Market};
use synor_engine::{Engine, EngineError, NewPlan, NewSpotOrder};
use synor_store::{SpotAsk, SpotBid};

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

#[tokio::test]
async fn usage_has_its_intervals_price_as_far_as_capacity_was_held() {
    let world = two_hours().await;
    // bolt was turned away at 0.30; then the second GPU of acme was, at 0.40.
    let first = cleared(&world.engine, "2026-01-10T10:59").await;
    assert_eq!(outcome(&first), "300000: acme 2");
    let second = cleared(&world.engine, "2026-01-10T11:00").await;
    assert_eq!(outcome(&second), "400000: acme 1, dash 1");
    let lost = world.engine.spot_interruptions(&id("acme")).await.unwrap();
    let [lost] = &lost[..] else {
        panic!("{lost:?}")
    };
    assert_eq!(lost.interruption.at, at("2026-01-10T11:00"));
    assert_eq!(lost.interruption.lost.get(), 3_600_000);
    assert_eq!(lost.interruption.kept.get(), 3_600_000);
    assert_eq!(
        world.engine.spot_interruptions(&id("dash")).await.unwrap(),
        []
    );

    world.clock.set("2026-01-10T11:20");
    let bids = world.engine.spot_bids(&id("acme")).await.unwrap();
    let mine = bids[0].bid.bid_id;
    let cut = world.engine.withdraw_bid(&id("acme"), mine).await.unwrap();
    assert_eq!(cut.bid.valid.end(), at("2026-01-10T12:00"));
    world.clock.set("2026-02-05");
    let model = "gpu_model=rtx4090 spot=true provider=node-1";
    world
        .usage(
            "acme",
            &[
                &format!("compute.gpu 2 gpu-hours @2026-01-10T10:15 {model}"),
                &format!("compute.gpu 2 gpu-hours @2026-01-10T11:15 {model}"),
                &format!("compute.gpu 0.5 gpu-hours @2026-01-10T13:10 {model}"),
            ],
        )
        .await;
    let invoice = world.bill("2026-01").await;
    // 2 × 0.30 + 1 × 0.40 on the market; 1 beyond what was held and 0.5 after it, at 0.50.
    assert_eq!(
        lines(&invoice),
        [
            "GPU rtx4090 (list): 5400000 × 750000",
            "Spot GPU rtx4090 (spot): 10800000 × 1000000",
        ]
    );
    let steps = invoice.line_items[1].steps.iter();
    let steps: Vec<_> = steps.map(|s| (s.label.as_str(), s.units, s.cost)).collect();
    let whole = Exact::from_integer;
    assert_eq!(
        steps,
        [
            ("2026-01-10T10:00:00Z", whole(2), whole(600_000)),
            ("2026-01-10T11:00:00Z", whole(1), whole(400_000)),
        ]
    );
    assert_eq!(invoice.subtotal_micro_synor, synor("1.75"));
    world.sound().await;
    // The operators' 70 %: all of it was served by node-1.
    world.pay(invoice.invoice_id, "1.75").await;
    let totals = world.engine.distribution(None).await.unwrap();
    assert_eq!(totals.operators[0].provider.as_str(), "node-1");
    assert_eq!(totals.operators[0].amount_micro_synor, synor("1.225"));
    world.sound().await;
}

#[tokio::test]
async fn the_lowest_paying_bid_pays_nothing_for_what_it_does_not_hold() {
    let world = two_hours().await;
    world.clock.set("2026-02-05");
    let used = "gpu_model=rtx4090 spot=true provider=node-1";
    let late = format!("compute.gpu 1 gpu-hours @2026-01-10T11:59:59Z {used}");
    world.usage("dash", &[&late]).await;
    world
        .usage("bolt", &[&late.replace("11:59", "10:00")])
        .await;
    let closed = world.close("2026-01").await;
    let of = |account: &str| {
        let invoice = closed.invoices.iter().find(|i| i.account_id == id(account));
        lines(invoice.unwrap())
    };
    // dash bid 0.50 and pays 0.40; bolt held nothing, so its usage was ordinary.
    assert_eq!(of("dash"), ["Spot GPU rtx4090 (spot): 3600000 × 400000"]);
    assert_eq!(of("bolt"), ["GPU rtx4090 (list): 3600000 × 500000"]);
    world.sound().await;
}

#[tokio::test]
async fn a_line_is_rounded_once_and_plans_take_nothing_off_it() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2026-01-01");
    let plan = NewPlan {
        plan: Plan::Premium,
        from: None,
    };
    world.engine.change_plan(&id("acme"), plan).await.unwrap();
    world.clock.set("2026-01-10T09:30");
    ask(&world, "node-1", "1 at 0.300001").await;
    bid(&world, "acme", "1 at 0.4").await;
    world.clock.set("2026-02-05");
    let third = "compute.gpu 1200000 gpu-milliseconds";
    let used = "gpu_model=rtx4090 spot=true";
    let [first, second] =
        ["10:10", "11:10"].map(|time| format!("{third} @2026-01-10T{time} {used}"));
    world.usage("acme", &[&first, &second]).await;
    let ordinary = "compute.gpu 1 gpu-hours @2026-01-10T10:10 gpu_model=rtx4090";
    world.usage("acme", &[ordinary]).await;
    let invoice = world.bill("2026-01").await;
    // 2 × 300001 / 3 = 200000.67: one µSYNOR more than two roundings of 100000.33 would give.
    assert_eq!(
        lines(&invoice),
        [
            "GPU rtx4090 (list): 3600000 × 500000",
            "Spot GPU rtx4090 (spot): 2400000 × 200001",
        ]
    );
    let off: Vec<_> = invoice.discounts.iter().collect();
    assert_eq!(off.len(), 1, "{off:?}");
    assert_eq!(off[0].amount_micro_synor, synor("0.1"), "20 % of 0.50");
    world.sound().await;
}

#[tokio::test]
async fn late_spot_usage_is_billed_by_the_difference() {
    let world = two_hours().await;
    world.clock.set("2026-02-05");
    let used = "gpu_model=rtx4090 spot=true provider=node-1";
    let hour = |time: &str| format!("compute.gpu 1 gpu-hours @2026-01-10T{time} {used}");
    world.usage("acme", &[&hour("11:05")]).await;
    let first = world.bill("2026-01").await;
    assert_eq!(lines(&first), ["Spot GPU rtx4090 (spot): 3600000 × 400000"]);
    // One hour more in which it was held, and one beyond.
    world.usage("acme", &[&hour("10:05"), &hour("11:06")]).await;
    world.sound().await;
    world.clock.set("2026-03-05");
    let second = world.bill("2026-02").await;
    assert_eq!(
        lines(&second),
        [
            "GPU, late usage of 2026-01 (list): 3600000 × 500000",
            "Spot GPU, late usage of 2026-01 (spot): 3600000 × 300000",
        ]
    );
    world.sound().await;
    world.clock.set("2026-04-05");
    assert_eq!(world.close("2026-03").await.invoices, []);
}

#[tokio::test]
async fn an_interval_that_two_months_share_is_held_once() {
    let world = World::with(&[]).await;
    world.account("acme", "Asia/Kolkata").await; // months begin at 18:30 UTC
    world.clock.set("2026-01-31T17:30");
    ask(&world, "node-1", "1 at 0.20").await;
    bid(&world, "acme", "1 at 0.40").await;
    world.clock.set("2026-03-05");
    let used = "gpu_model=rtx4090 spot=true provider=node-1";
    world
        .usage(
            "acme",
            &[
                &format!("compute.gpu 0.75 gpu-hours @2026-01-31T18:10 {used}"),
                &format!("compute.gpu 0.5 gpu-hours @2026-01-31T18:40 {used}"),
            ],
        )
        .await;
    let january = world.bill("2026-01").await;
    assert_eq!(
        lines(&january),
        ["Spot GPU rtx4090 (spot): 2700000 × 150000"]
    );
    let february = world.bill("2026-02").await;
    assert_eq!(
        lines(&february),
        [
            "GPU rtx4090 (list): 900000 × 125000",
            "Spot GPU rtx4090 (spot): 900000 × 50000",
        ]
    );
    world.sound().await;
}

#[tokio::test]
async fn an_interval_is_decided_once_however_many_try() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2026-01-10T09:30");
    ask(&world, "node-1", "2 at 0.20").await;
    bid(&world, "acme", "2 at 0.40").await;
    world.clock.set("2026-01-10T10:00");
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let engine = Arc::clone(&engines[n % 2]);
            tokio::spawn(async move {
                if n % 3 == 0 {
                    engine.clear_spot_due().await.unwrap();
                }
                // Placing goes on meanwhile, and is too late for this interval.
                let (acme, command) = (id("acme"), n.to_string());
                let late = engine.place_bid(&acme, order("1 at 0.9"), &command);
                late.await.unwrap();
                engine.clear_spot(&market(), None).await.unwrap()
            })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.unwrap());
    }
    assert!(seen.iter().all(|one| *one == seen[0]));
    assert_eq!(outcome(&seen[0].clearing), "200000: acme 2");
    let bids = world.engine.spot_bids(&id("acme")).await.unwrap();
    let mut places: Vec<_> = bids.iter().map(|b| b.bid.sequence).collect();
    places.sort_unstable();
    assert_eq!(places, (2..=34).collect::<Vec<_>>());
    world.sound().await;
    let before = seen.remove(0);
    drop(engines);
    let world = world.restart().await;
    let again = world.engine.clear_spot(&market(), None).await.unwrap();
    assert_eq!(again, before);
    world.sound().await;
}

#[tokio::test]
async fn what_is_decided_late_is_decided_alike() {
    let on_time = two_hours().await;
    let late = World::with(&["acme", "bolt", "dash"]).await;
    late.clock.set("2026-01-10T09:30");
    ask(&late, "node-1", "2 at 0.20").await;
    bid(&late, "acme", "2 at 0.40").await;
    bid(&late, "bolt", "1 at 0.30").await;
    late.clock.set("2026-01-10T10:30");
    let dash = bid(&late, "dash", "1 at 0.50").await.bid.bid_id;
    for world in [&on_time, &late] {
        world.clock.set("2026-01-10T12:30");
        // What it has begun it must finish; and it cannot be withdrawn from the past.
        world.engine.withdraw_bid(&id("dash"), dash).await.unwrap();
        world.clock.set("2026-01-10T13:30");
        world.engine.clear_spot_due().await.unwrap();
    }
    for hour in ["10:00", "11:00", "12:00", "13:00"] {
        let time = format!("2026-01-10T{hour}");
        let [one, other] = [
            cleared(&on_time.engine, &time).await,
            cleared(&late.engine, &time).await,
        ];
        assert_eq!(one, other, "{hour}");
    }
    let last = cleared(&late.engine, "2026-01-10T13:00").await;
    assert_eq!(outcome(&last), "300000: acme 2");
    on_time.sound().await;
    late.sound().await;
}

#[tokio::test]
async fn the_reserve_price_holds_from_when_it_is_set() {
    let world = two_hours().await;
    let reserve = synor("0.45");
    let engine = &world.engine;
    let set = engine.set_spot_reserve(&market(), None, reserve).await;
    assert_eq!(set.unwrap().reserve_micro_synor, reserve);
    world.clock.set("2026-01-10T12:00");
    let third = cleared(engine, "2026-01-10T12:00").await;
    assert_eq!(outcome(&third), "450000: dash 1");
    let second = cleared(engine, "2026-01-10T11:00").await;
    assert_eq!(outcome(&second), "400000: acme 1, dash 1");
    let prices = engine.spot_prices(&market(), 10).await.unwrap();
    let points = prices.items.iter().map(|p| p.price_micro_synor.micro());
    assert_eq!(points.collect::<Vec<_>>(), [450_000, 400_000, 300_000]);
    assert_eq!(prices.mean_micro_synor, Exact::new(1_150_000, 3));
    let other = "core-hour".parse().unwrap();
    let refused = engine
        .set_spot_reserve(&market(), Some(other), reserve)
        .await;
    assert!(refused.is_err(), "a market keeps its unit");
    world.sound().await;
}

#[tokio::test]
async fn orders_that_no_auction_could_take_are_refused_by_name() {
    let world = World::with(&["acme", "bolt"]).await;
    let engine = &world.engine;
    let good = order("2 at 0.40");
    let mut level = good.clone();
    level.market.resource = ResourceType::StorageStoredData;
    let mut bucket = good.clone();
    let extra = ("bucket".to_owned(), "b".to_owned());
    bucket.market.dimensions.extend([extra]);
    let mut bare = good.clone();
    bare.market.dimensions.clear();
    let mut over = good.clone();
    over.valid_until = Some(at("2026-02-04"));
    let mut bytes = good.clone();
    bytes.unit = Some("GB".parse().unwrap());
    for (bad, naming) in [
        (level, "level"),
        (bucket, "bucket"),
        (bare, "gpu_model"),
        (over, "valid_until"),
        (bytes, "unit"),
        (order("0 at 0.40"), "0 base units"),
        (order("0.0000001 at 0.40"), "whole number"),
        (order("-1 at 0.40"), "it must be for 1 to"),
    ] {
        let error = engine.place_bid(&id("acme"), bad, "bad").await.unwrap_err();
        assert!(error.to_string().contains(naming), "{error}");
    }
    let mine = engine
        .place_bid(&id("acme"), good.clone(), "k")
        .await
        .unwrap();
    let again = engine
        .place_bid(&id("acme"), good.clone(), "k")
        .await
        .unwrap();
    assert_eq!(mine, again);
    let others = engine.place_bid(&id("acme"), order("1 at 0.40"), "k").await;
    assert!(others.is_err(), "one name for two requests");
    let stolen = engine.withdraw_bid(&id("bolt"), mine.bid.bid_id).await;
    assert!(matches!(stolen, Err(EngineError::NotFound { .. })));
    let early = engine.clear_spot(&market(), Some(at("2026-02-06"))).await;
    assert!(early.unwrap_err().to_string().contains("book is open"));
}

/// `cargo nextest run --release --run-ignored only -p synor-engine ten_thousand --no-capture`
#[tokio::test]
#[ignore = "a measurement"]
async fn ten_thousand_orders() {
    let world = World::with(&[]).await;
    for n in 0..100 {
        world.account(&format!("a{n}"), "UTC").await;
    }
    world.clock.set("2026-01-10T09:30");
    let started = std::time::Instant::now();
    for n in 0..5_000u32 {
        let price = |step: u32| format!("0.{:06}", 100_000 + n * step % 400_000);
        ask(
            &world,
            &format!("node-{}", n % 50),
            &format!("{} at {}", 1 + n % 3, price(77)),
        )
        .await;
        let account = format!("a{}", n % 100);
        bid(&world, &account, &format!("{} at {}", 1 + n % 4, price(91))).await;
    }
    println!("placed 10,000 orders in {:?}", started.elapsed());
    for hour in ["10:00", "11:00"] {
        world.clock.set(&format!("2026-01-10T{hour}"));
        let started = std::time::Instant::now();
        assert_eq!(world.engine.clear_spot_due().await.unwrap(), 1);
        println!(
            "decided in {:?}, store reads and writes included",
            started.elapsed()
        );
    }
    let started = std::time::Instant::now();
    world.sound().await;
    println!("verified in {:?}", started.elapsed());
}

/// `cargo nextest run --release --run-ignored only -p synor-engine held_all_month --no-capture`
#[tokio::test]
#[ignore = "a measurement"]
async fn a_gpu_that_is_held_all_month() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2025-12-31T23:30");
    ask(&world, "node-1", "1 at 0.20").await;
    bid(&world, "acme", "1 at 0.40").await;
    world.clock.set("2026-02-01");
    let started = std::time::Instant::now();
    let count = world.engine.clear_spot_due().await.unwrap();
    println!("decided {count} intervals in {:?}", started.elapsed());
    let used = "gpu_model=rtx4090 spot=true provider=node-1";
    let hours = (0..744).map(|hour| {
        let (day, hour) = (1 + hour / 24, hour % 24);
        format!("compute.gpu 1 gpu-hours @2026-01-{day:02}T{hour:02}:30 {used}")
    });
    let hours: Vec<_> = hours.collect();
    let hours: Vec<_> = hours.iter().map(String::as_str).collect();
    world.usage("acme", &hours).await;
    let started = std::time::Instant::now();
    let invoice = world.bill("2026-01").await;
    println!("billed in {:?}", started.elapsed());
    assert_eq!(invoice.line_items[0].steps.len(), 744);
    assert_eq!(invoice.subtotal_micro_synor, synor("148.8"));
    let started = std::time::Instant::now();
    world.sound().await;
    println!("verified in {:?}", started.elapsed());
}
