//! Usage of spot capacity on invoices, and what operators get of it.

use synor_economics::money::Exact;
use synor_economics::plan::Plan;
use synor_engine::NewPlan;

use crate::common::{World, at, id, synor};
use crate::{ask, bid, cleared, lines, outcome, two_hours};

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
    let of = async |account: &str| {
        let invoice = closed.invoices.iter().find(|i| i.account_id == id(account));
        lines(&world.whole(invoice.unwrap()).await)
    };
    // dash bid 0.50 and pays 0.40; bolt held nothing, so its usage was ordinary.
    assert_eq!(
        of("dash").await,
        ["Spot GPU rtx4090 (spot): 3600000 × 400000"]
    );
    assert_eq!(of("bolt").await, ["GPU rtx4090 (list): 3600000 × 500000"]);
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
