//! The book: what is refused, what is decided, and that it is decided once.

use std::sync::Arc;

use synor_economics::metering::ResourceType;
use synor_economics::money::Exact;
use synor_economics::pricing::spot::Holding;
use synor_economics::quantity::Quantity;
use synor_engine::EngineError;
use synor_store::{ChangeSet, Kind, ListQuery};

use crate::common::{World, at, id, synor};
use crate::{ask, bid, cleared, market, order, outcome, two_hours};

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

#[tokio::test]
async fn what_nobody_decided_is_found() {
    let world = two_hours().await;
    let query = ListQuery::of(Kind::SpotHolding, &id("acme"));
    let held: Vec<Holding> = world.store.list(query).await.unwrap().items;
    let mut more = held[1].clone();
    more.held = Quantity::new(7_200_000);
    more.providers = [("node-1".parse().unwrap(), more.held)].into();
    let mut other = held[1].clone();
    other.account = id("bolt");
    let mut changes = ChangeSet::new("a change of its own", at("2026-01-10T11:30"));
    changes.put(&more).unwrap().put(&other).unwrap();
    world.store.commit(changes).await.unwrap();
    let found = world.engine.verify().await.unwrap().problems;
    let interval = "compute.gpu (gpu_model rtx4090) from 2026-01-10T11:00:00Z";
    assert_eq!(
        found,
        [
            format!("{interval}: what acme holds is not what was decided"),
            format!("{interval}: bolt holds what nothing decided"),
        ]
    );
}
