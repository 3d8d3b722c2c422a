//! Estimates against invoices: what `estimate` says of a month is what closing it bills; and the
//! forecast against arithmetic.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::{World, at, id, synor};
use synor_economics::calculator::Estimate;
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::plan::Plan;
use synor_economics::pricing::PriceList;
use synor_economics::pricing::discounts::DiscountScope;
use synor_economics::pricing::reserved::Committed;
use synor_engine::{
    Asker, CostEstimate, EngineError, EstimateRequest, NewCommitment, NewPlan, RerateRequest,
};

const TIERED: &str = r#"
version = "tiered"
effective_from = "2025-01-01T00:00:00Z"
usd_per_synor = "0.25"
[[price]]
resource = "network.egress"
per = "GB"
model = "graduated"
tiers = [{ up_to = "100 GB", amount = "0.05 SYNOR" }, { amount = "0.03 SYNOR", flat = "1 SYNOR" }]
[[price]]
account = "bolt"
resource = "network.egress"
per = "GB"
amount = "0.01 SYNOR"
[[price]]
resource = "storage.stored_data"
per = "GB-month"
amount = "0.02 SYNOR"
[[volume_discount]]
from = "10 SYNOR"
percent = "3"
"#;

fn amount(committed: &str, percent: i128) -> Committed {
    Committed::Amount {
        amount_micro_synor: synor(committed),
        discount_percent: Exact::from_integer(percent),
        scope: DiscountScope::Everything,
    }
}

async fn estimated(world: &World, account: &str, request: EstimateRequest) -> CostEstimate {
    let account = id(account);
    let asker = Asker {
        account: Some(&account),
        is_admin: true,
    };
    world.engine.estimate(request, asker).await.unwrap()
}

fn january() -> EstimateRequest {
    EstimateRequest {
        period: Some("2026-01".parse().unwrap()),
        ..EstimateRequest::default()
    }
}

/// Tiers, a volume discount, a plan from the middle of the month, a commitment and late usage of the
/// month before, in a time zone with summer time.
#[tokio::test]
async fn an_estimate_is_the_invoice_to_come() {
    let world = World::with(&["bolt"]).await;
    world.account("acme", "America/New_York").await;
    let list = PriceList::parse(TIERED).unwrap();
    world.engine.put_price_list_in_force(list).await.unwrap();
    let acme = id("acme");
    world
        .usage("acme", &["network.egress 1 GB @2025-12-10"])
        .await;
    world.close("2025-12").await;
    let plan = NewPlan {
        plan: Plan::Premium,
        from: Some(at("2026-01-15")),
    };
    world.engine.change_plan(&acme, plan).await.unwrap();
    let commitment = NewCommitment {
        committed: amount("7", 15),
        starts: "2026-01".parse().unwrap(),
        ends: "2026-12".parse().unwrap(),
    };
    world
        .engine
        .commit_account(&acme, commitment, "k")
        .await
        .unwrap();
    let used = [
        "network.egress 90.123456789 GB @2026-01-10",
        "network.egress 200.000000001 GB @2026-01-20",
        "storage.stored_data 333 GB @2026-01-03",
        "network.egress 5 GB @2025-12-20",
    ];
    world.usage("acme", &used).await;
    world
        .usage("bolt", &["network.egress 3 GB @2026-01-20"])
        .await;
    let before = estimated(&world, "acme", january()).await;
    let bolts = estimated(&world, "bolt", january()).await;
    world.close("2026-01").await;
    for (account, before) in [("acme", before), ("bolt", bolts)] {
        let invoices = world.engine.invoices_of(&id(account)).await.unwrap();
        let invoice = invoices
            .iter()
            .find(|i| i.month.to_string() == "2026-01")
            .unwrap();
        let estimate: &Estimate = &before.estimates[0];
        assert_eq!(estimate.line_items, invoice.line_items);
        assert_eq!(estimate.discounts, invoice.discounts);
        assert_eq!(estimate.fees, invoice.fees);
        assert_eq!(before.subtotal_micro_synor, invoice.subtotal_micro_synor);
        let owed = invoice.total_due_micro_synor;
        let owed = owed
            .checked_add(invoice.credits_applied_micro_synor)
            .unwrap();
        assert_eq!(before.total_micro_synor, owed);
    }
    assert!(
        estimated(&world, "acme", january()).await.estimates[0]
            .discounts
            .len()
            >= 3
    );
}

#[tokio::test]
async fn real_usage_under_other_terms() {
    let world = World::with(&["acme", "bolt", "idle"]).await;
    world
        .usage("acme", &["network.egress 200 GB @2026-01-10"])
        .await;
    world
        .usage("bolt", &["network.egress 10 GB @2026-01-10"])
        .await;
    world.close("2026-01").await;
    let request = RerateRequest {
        price_list: Some(TIERED.to_owned()),
        period: Some("2026-01".parse().unwrap()),
        ..RerateRequest::default()
    };
    let rerated = world.engine.rerate(request.clone()).await.unwrap();
    let shown: Vec<_> = rerated
        .items
        .iter()
        .map(|item| {
            let percent = item.percent.as_deref().unwrap_or("–");
            let [now, then] =
                [item.now_micro_synor, item.then_micro_synor].map(MicroSynor::to_decimal);
            format!("{} {now} {then} {percent}", item.account_id)
        })
        .collect();
    // acme: 5 + 1 + 3; bolt has a price of its own there.
    assert_eq!(
        shown,
        ["bolt 0.500000 0.100000 -80", "acme 10.000000 9.000000 -10"]
    );
    assert_eq!(rerated.difference_micro_synor, MicroSynor::new(-1_400_000));
    let plan = RerateRequest {
        price_list: None,
        plan: Some(Plan::Enterprise),
        ..request
    };
    let rerated = world.engine.rerate(plan).await.unwrap();
    assert_eq!(rerated.then_micro_synor, synor("7.35"));
    let nothing = world
        .engine
        .rerate(RerateRequest::default())
        .await
        .unwrap_err();
    assert!(
        nothing.to_string().contains("another price list"),
        "{nothing}"
    );

    let other = EstimateRequest {
        price_list: Some(TIERED.to_owned()),
        compare: true,
        commitments: vec![amount("4", 15)],
        ..january()
    };
    let cost = estimated(&world, "acme", other).await;
    assert_eq!(cost.total_micro_synor, synor("9"));
    assert_eq!(cost.total_micro_usd, Some(2_250_000));
    // 4/0.85 are covered: 4 + 9 − 4.705882.
    assert_eq!(cost.commitments[0].with_micro_synor, synor("8.294118"));
    assert_eq!(cost.commitments[0].break_even_micro_synor, Some(synor("4")));
}

/// A caller that may see one account gets everyone's prices, whatever it calls its bills.
#[tokio::test]
async fn nobody_learns_the_prices_of_another() {
    let world = World::with(&["acme", "bolt"]).await;
    let list = PriceList::parse(TIERED).unwrap();
    world.engine.put_price_list_in_force(list).await.unwrap();
    let request: EstimateRequest = serde_json::from_value(serde_json::json!({
        "period": "2026-02",
        "bills": [{"account_id": "bolt", "usage":
            [{"resource": "network.egress", "quantity": "10", "unit": "GB"}]}],
    }))
    .unwrap();
    let (acme, bolt) = (id("acme"), id("bolt"));
    for (account, is_admin, total) in [
        (Some(&acme), false, "0.5"),
        (Some(&bolt), false, "0.1"),
        (None, true, "0.1"),
    ] {
        let asker = Asker { account, is_admin };
        let cost = world.engine.estimate(request.clone(), asker).await.unwrap();
        assert_eq!(cost.total_micro_synor, synor(total));
        assert_eq!(cost.estimates[0].account_id.as_ref(), Some(&bolt));
    }
    let flags = EstimateRequest {
        flags: [("egress".to_owned(), vec!["5XB".to_owned()])].into(),
        ..EstimateRequest::default()
    };
    let refused = world
        .engine
        .estimate(flags, Asker::default())
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        EngineError::Invalid {
            field: "egress",
            ..
        }
    ));
}

/// On 5 February at midnight, of a month of 28 days: 10 GB a day for a week, a level of 100 GB, and
/// GB-seconds that their source has integrated.
#[tokio::test]
async fn a_month_goes_on_as_its_last_days() {
    let world = World::with(&["acme", "new"]).await;
    let days = [
        "01-29", "01-30", "01-31", "02-01", "02-02", "02-03", "02-04",
    ];
    for day in days {
        let egress = format!("network.egress 10 GB @2026-{day}T12:00:00Z");
        world.usage("acme", &[&egress]).await;
    }
    world
        .usage("acme", &["storage.stored_data 100 GB @2026-01-10"])
        .await;
    let forecast = world.engine.forecast(&id("acme")).await.unwrap();
    assert_eq!((forecast.days, forecast.rest_secs), (7, 24 * 86_400 - 1));
    let usage: Vec<_> = forecast
        .usage
        .iter()
        .map(|kind| {
            (
                kind.resource.to_string(),
                kind.so_far.get(),
                kind.expected.get(),
                kind.is_level,
            )
        })
        .collect();
    let gb = 1_000_000_000;
    let level = 100 * gb * (4 * 86_400 + 1);
    assert_eq!(
        usage,
        [
            (
                "storage.stored_data".to_owned(),
                level,
                100 * gb * 28 * 86_400,
                true
            ),
            ("network.egress".to_owned(), 40 * gb, 279_999_884_259, false),
        ]
    );
    // 2 for the level, 280 GB less a second's at 0.05.
    assert_eq!(forecast.expected.total_micro_synor, synor("15.999994"));
    assert_eq!(
        forecast.low.total_micro_synor,
        forecast.high.total_micro_synor
    );
    // A level that has gone to zero stays there.
    world
        .usage("acme", &["storage.stored_data 0 GB @2026-02-05T00:00:00Z"])
        .await;
    let gone = world.engine.forecast(&id("acme")).await.unwrap();
    assert!(gone.expected.total_micro_synor < synor("14.3"));

    let empty = world.engine.forecast(&id("new")).await.unwrap();
    assert_eq!(
        (empty.days, empty.expected.total_micro_synor),
        (0, MicroSynor::ZERO)
    );
    // Two days of 0 and 20 GB after the first: the mean is 10, and there is a band.
    let uneven = [
        "network.egress 20 GB @2026-02-03",
        "network.requests 1 @2026-02-04",
    ];
    world.usage("new", &uneven).await;
    let forecast = world.engine.forecast(&id("new")).await.unwrap();
    assert_eq!(forecast.days, 2);
    let egress = &forecast.usage[0];
    // s = √200, 1.28 · s · √(24 + 24²/2) = 319.7 GB around 20 + 240, not below what was used.
    assert_eq!(egress.expected.get() / gb, 259);
    assert_eq!(egress.high.get() / gb, 579);
    assert_eq!(egress.low.get() / gb, 20);
    assert!(forecast.low.total_micro_synor < forecast.expected.total_micro_synor);
    assert!(forecast.expected.total_micro_synor < forecast.high.total_micro_synor);
}

/// What follows after a change of plan that is known already is billed under the new one.
#[tokio::test]
async fn a_forecast_follows_the_plan() {
    let world = World::with(&["acme"]).await;
    let days = ["02-01", "02-02", "02-03", "02-04"];
    for day in days {
        world
            .usage("acme", &[&format!("network.egress 28 GB @2026-{day}")])
            .await;
    }
    let free = world.engine.forecast(&id("acme")).await.unwrap();
    let plan = NewPlan {
        plan: Plan::Enterprise,
        from: Some(at("2026-02-15")),
    };
    world.engine.change_plan(&id("acme"), plan).await.unwrap();
    let changed = world.engine.forecast(&id("acme")).await.unwrap();
    assert_eq!(changed.usage, free.usage);
    // 28 GB × 14 days at 0.05, of which 30 % are taken off.
    let off = free
        .expected
        .total_micro_synor
        .checked_sub(changed.expected.total_micro_synor);
    assert_eq!(off, Ok(synor("5.88")));
}
