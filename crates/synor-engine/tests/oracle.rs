//! Prices in USD become SYNOR at the period's rate: the average of its last day, an operator's word,
//! or nothing at all.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::{CHAIN, World, id};
use synor_chain::Wallet;
use synor_economics::oracle::{
    AggregateLimits, BreakerLimits, PriceSource, Quote, RateOrigin, Standing,
};
use synor_economics::period::Timestamp;
use synor_economics::pricing::PriceList;
use synor_engine::{Engine, EngineConfig, EngineError, NewRate, OracleConfig, TwapKind};
use synor_feeds::{FeedError, NamedFeed, PriceFeed};

/// 0.021 USD a core-hour, at whatever the month's rate is.
const LIST: &str = r#"
version = "usd"
effective_from = "2026-01-01T00:00:00Z"
usd_per_synor = "oracle"
[[price]]
resource = "compute.cpu"
per = "core-hour"
amount = "0.021 USD"
"#;
const USED: &str = "compute.cpu 100 core-hours @2026-01-10";

/// What all sources say.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

impl Said {
    fn set(&self, price: &str) {
        *self.0.lock().unwrap() = price.to_owned();
    }
}

#[async_trait]
impl PriceFeed for Said {
    fn source(&self) -> PriceSource {
        let oracle_id = "test".to_owned();
        PriceSource::OffChain { oracle_id }
    }

    async fn quote(&self, now: Timestamp) -> Result<Quote, FeedError> {
        Ok(Quote {
            price: self.0.lock().unwrap().parse()?,
            observed_at: now,
            volume_24h: None,
        })
    }
}

fn oracle(said: &Said) -> OracleConfig {
    let feed = |name: &str| NamedFeed {
        name: name.to_owned(),
        feed: Arc::new(said.clone()),
    };
    OracleConfig {
        feeds: vec![feed("b"), feed("a")],
        aggregate: AggregateLimits {
            quorum: 2,
            stale_after_secs: 60,
            spread_max_bps: 500,
        },
        breaker: BreakerLimits {
            jump_max_bps: 2_000,
            jump_window_secs: 3_600,
            fresh_secs: 3_600,
            hold_secs: 7_200,
        },
        interval_secs: 3_600,
        timeout: Duration::from_secs(1),
    }
}

/// An engine on the world's backends with the list in force.
async fn engine(world: &World, oracle: Option<OracleConfig>) -> Arc<Engine> {
    let config = EngineConfig {
        oracle,
        ..EngineConfig::default()
    };
    let made = Engine::new(
        world.usage.clone(),
        world.store.clone(),
        world.chain.clone(),
        world.clock.clone(),
        Wallet::development(CHAIN, "billing"),
        config,
        PriceList::parse(LIST).unwrap(),
    );
    Arc::new(made.await.unwrap())
}

/// A round at each full hour of some hours of a day.
async fn rounds(world: &World, engine: &Engine, day: &str, hours: std::ops::Range<u32>) {
    for hour in hours {
        world.clock.set(&format!("{day}T{hour:02}:00"));
        let state = engine.oracle_round().await.unwrap();
        assert_eq!(state.breaker.tripped, None);
    }
}

async fn close(engine: &Engine, month: &str) -> synor_engine::ClosedPeriod {
    let month = month.parse().unwrap();
    engine.close_period(month, &|_, _| {}).await.unwrap()
}

#[tokio::test]
async fn a_month_is_billed_at_the_average_of_its_last_day_and_its_late_usage_too() {
    let world = World::with(&["acme", "idle"]).await;
    let said = Said::default();
    let engine = engine(&world, Some(oracle(&said))).await;
    world.usage("acme", &[USED]).await;
    // Half of the last day at 0.20 USD, half at 0.22.
    said.set("0.20");
    rounds(&world, &engine, "2026-01-30", 22..24).await;
    rounds(&world, &engine, "2026-01-31", 0..12).await;
    said.set("0.22");
    rounds(&world, &engine, "2026-01-31", 12..24).await;
    world.clock.set("2026-02-05");
    let closed = close(&engine, "2026-01").await;
    assert_eq!((closed.invoice_count, closed.without_usage), (1, 1));
    let invoice = engine.invoices_of(&id("acme")).await.unwrap().remove(0);
    let rate = invoice.usd_rate.clone().unwrap();
    assert_eq!(rate.usd_per_synor.to_string(), "0.21");
    let RateOrigin::Twap {
        samples,
        sources,
        covered_secs,
        ..
    } = rate.origin
    else {
        panic!("{rate:?}");
    };
    assert_eq!((samples, covered_secs), (24, 86_400));
    assert_eq!(sources, ["a", "b"]);
    // 100 × 0.021 ÷ 0.21.
    assert_eq!(invoice.subtotal_micro_synor.micro(), 10_000_000);

    // The next month has another rate; what comes late for January is billed at January's.
    said.set("0.25");
    rounds(&world, &engine, "2026-02-28", 0..24).await;
    let late = [
        "compute.cpu 10 core-hours @2026-01-20",
        "compute.cpu 25 core-hours @2026-02-10",
    ];
    world.usage("acme", &late).await;
    world.clock.set("2026-03-01");
    close(&engine, "2026-02").await;
    let next = engine.invoices_of(&id("acme")).await.unwrap().remove(1);
    assert_eq!(next.usd_rate.unwrap().usd_per_synor.to_string(), "0.25");
    let amounts: Vec<_> = next
        .line_items
        .iter()
        .map(|line| {
            (
                line.adjusts.map(|m| m.to_string()),
                line.amount_micro_synor.micro(),
            )
        })
        .collect();
    let january = Some("2026-01".to_owned());
    assert_eq!(amounts, [(None, 2_100_000), (january, 1_000_000)]);
    assert_eq!(engine.verify().await.unwrap().problems, [] as [String; 0]);
}

#[tokio::test]
async fn without_a_rate_nothing_is_billed_until_someone_sets_it() {
    let world = World::with(&["acme", "idle"]).await;
    for oracle in [None, Some(oracle(&Said::default()))] {
        let engine = engine(&world, oracle).await;
        if world.engine.usage().position().await.unwrap() == 0 {
            world.usage("acme", &[USED]).await;
        }
        let closed = close(&engine, "2026-01").await;
        assert_eq!(
            (
                closed.invoice_count,
                closed.without_usage,
                closed.failed_count
            ),
            (0, 1, 1)
        );
        let reason = &closed.failed[0].reason;
        assert!(reason.contains("synor oracle rate 2026-01"), "{reason}");
        let draft = engine
            .draft_of(&id("acme"), "2026-01".parse().unwrap())
            .await;
        assert!(
            matches!(draft, Err(EngineError::NoRate { .. })),
            "{draft:?}"
        );
    }
    let engine = engine(&world, None).await;
    let rate = |usd: &str| NewRate {
        month: "2026-01".parse().unwrap(),
        usd_per_synor: usd.parse().unwrap(),
        reason: "the sources were down".to_owned(),
    };
    engine.set_rate(rate("0.21")).await.unwrap();
    engine.set_rate(rate("0.21")).await.unwrap();
    let other = engine.set_rate(rate("0.22")).await;
    assert!(
        matches!(other, Err(EngineError::RateExists { .. })),
        "{other:?}"
    );
    assert_eq!(close(&engine, "2026-01").await.invoice_count, 1);
    let invoice = engine.invoices_of(&id("acme")).await.unwrap().remove(0);
    assert_eq!(invoice.subtotal_micro_synor.micro(), 10_000_000);
    let said = invoice.usd_rate.unwrap().describe();
    assert!(said.contains("the sources were down"), "{said}");
    assert_eq!(engine.verify().await.unwrap().problems, [] as [String; 0]);
}

#[tokio::test]
async fn the_running_month_is_shown_at_the_price_of_the_moment_while_there_is_one() {
    let world = World::with(&["acme"]).await;
    let said = Said::default();
    let engine = engine(&world, Some(oracle(&said))).await;
    world
        .usage("acme", &["compute.cpu 100 core-hours @2026-02-04"])
        .await;
    let draft = engine.current_invoice(&id("acme")).await;
    assert!(
        matches!(draft, Err(EngineError::NoRate { .. })),
        "{draft:?}"
    );
    said.set("0.21");
    engine.oracle_round().await.unwrap();
    let draft = engine.current_invoice(&id("acme")).await.unwrap();
    assert_eq!(draft.subtotal_micro_synor.micro(), 10_000_000);
    assert!(matches!(
        draft.usd_rate.unwrap().origin,
        RateOrigin::Spot { .. }
    ));

    // It holds for two hours and is then refused.
    said.set("nobody knows");
    world.clock.set("2026-02-05T01:59");
    engine.oracle_round().await.unwrap();
    let price = engine.oracle_price().await.unwrap();
    assert!(matches!(price.standing, Standing::Held { .. }), "{price:?}");
    engine.current_invoice(&id("acme")).await.unwrap();
    world.clock.set("2026-02-05T02:01");
    let price = engine.oracle_price().await.unwrap();
    assert!(
        matches!(price.standing, Standing::Refused { .. }),
        "{price:?}"
    );
    let draft = engine.current_invoice(&id("acme")).await;
    assert!(
        matches!(draft, Err(EngineError::NoRate { .. })),
        "{draft:?}"
    );
}

#[tokio::test]
async fn history_is_real_and_makes_room_after_a_hundred_days() {
    let world = World::with(&[]).await;
    let said = Said::default();
    let engine = engine(&world, Some(oracle(&said))).await;
    said.set("0.20");
    rounds(&world, &engine, "2026-02-05", 0..3).await;
    said.set("0.21");
    rounds(&world, &engine, "2026-02-05", 3..5).await;
    let day = engine.oracle_price().await.unwrap().price.unwrap().day;
    let shown = |price: Option<synor_economics::oracle::Price>| price.unwrap().to_string();
    assert_eq!(
        (shown(day.low), shown(day.high), day.samples),
        ("0.2".into(), "0.21".into(), 5)
    );
    world.clock.set("2026-02-05T05:00");
    let twap = engine
        .oracle_twap(TwapKind::Arithmetic, 5 * 3_600)
        .await
        .unwrap();
    assert_eq!(twap.price.to_string(), "0.204");

    // 2,400 hours later the same place is used again.
    said.set("0.22");
    rounds(&world, &engine, "2026-05-16", 0..1).await;
    let hours = synor_store::ListQuery::all(synor_store::Kind::OracleHour);
    let kept = world.store.documents(hours).await.unwrap().items;
    assert_eq!(kept.len(), 5);
}
