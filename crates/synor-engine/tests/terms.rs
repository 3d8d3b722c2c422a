//! What an account pays less for: plans, commitments, promo codes and referrals, up to the invoice
//! and its verification.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, at, id, synor};
use synor_economics::billing::{DiscountType, Invoice};
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::plan::Plan;
use synor_economics::pricing::PriceList;
use synor_economics::pricing::discounts::{DiscountAmount, DiscountScope};
use synor_economics::pricing::promotion::{Promotion, PromotionError};
use synor_economics::pricing::reserved::Committed;
use synor_engine::{EngineError, NewCommitment, NewPlan};

/// The account's invoice for January, after closing it and proving the books.
async fn january(world: &World, account: &str) -> Invoice {
    world
        .engine
        .close_period("2026-01".parse().unwrap(), &|_, _| {})
        .await
        .unwrap();
    let found = world.engine.verify().await.unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    world
        .engine
        .invoices_of(&id(account))
        .await
        .unwrap()
        .remove(0)
}

fn taken(invoice: &Invoice) -> Vec<MicroSynor> {
    invoice
        .discounts
        .iter()
        .map(|d| d.amount_micro_synor)
        .collect()
}

fn code(name: &str, amount: DiscountAmount) -> Promotion {
    Promotion {
        code: name.parse().unwrap(),
        amount,
        scope: DiscountScope::Everything,
        starts_at: at("2026-01-01"),
        expires_at: None,
        max_redemptions: None,
        accounts: Vec::new(),
        months: 1,
        stacks: true,
        redeemed: 0,
    }
}

/// 100 GB at 0.05 on the free plan, then 200 GB on premium: 15 SYNOR, of which the 10 after the
/// change have 20 % off.
#[tokio::test]
async fn a_change_of_plan_splits_the_month_at_the_instant() {
    let world = World::with(&["acme"]).await;
    let acme = id("acme");
    let new = NewPlan {
        plan: Plan::Premium,
        from: Some(at("2026-01-15")),
    };
    world.engine.change_plan(&acme, new).await.unwrap();
    let egress = [
        "network.egress 100 GB @2026-01-14T23:59:59Z",
        "network.egress 150 GB @2026-01-15T00:00:00Z",
        "network.egress 50 GB @2026-01-31",
    ];
    world.usage("acme", &egress).await;
    let invoice = january(&world, "acme").await;
    assert_eq!(invoice.subtotal_micro_synor, synor("15"));
    assert_eq!(taken(&invoice), [synor("2")]);
    assert_eq!(
        invoice.discounts[0].discount_type,
        DiscountType::Plan {
            plan: Plan::Premium
        }
    );
    let late = NewPlan {
        plan: Plan::Free,
        from: Some(at("2026-01-20")),
    };
    let error = world.engine.change_plan(&acme, late).await.unwrap_err();
    assert!(
        error.to_string().contains("has been billed already"),
        "{error}"
    );
}

/// Usage is worth 30 SYNOR. Committed to 17 at 15 % off, that covers 20 at list: 3 off, 27 due.
/// Committed to 34, that would cover 40: 4.5 off, and 34 − 25.5 = 8.5 to true up.
#[tokio::test]
async fn a_commitment_discounts_what_it_covers_and_trues_up_what_it_does_not() {
    for (committed, off, due) in [("17", "3", "27"), ("34", "4.5", "34")] {
        let world = World::with(&["acme"]).await;
        let new = NewCommitment {
            committed: Committed::Amount {
                amount_micro_synor: synor(committed),
                discount_percent: Exact::from_integer(15),
                scope: DiscountScope::Everything,
            },
            starts: "2026-01".parse().unwrap(),
            ends: "2026-12".parse().unwrap(),
        };
        let acme = id("acme");
        let made = world
            .engine
            .commit_account(&acme, new.clone(), "k")
            .await
            .unwrap();
        assert_eq!(
            world.engine.commit_account(&acme, new, "k").await.unwrap(),
            made
        );
        world
            .usage("acme", &["network.egress 600 GB @2026-01-10"])
            .await;
        let invoice = january(&world, "acme").await;
        assert_eq!(taken(&invoice), [synor(off)]);
        assert_eq!(invoice.total_due_micro_synor, synor(due));
    }
}

/// 100 core-hours reserved at 0.015, 150 used at a list price of 0.02: 100 × 0.005 off.
#[tokio::test]
async fn reserved_capacity_is_charged_at_its_rate_and_overage_at_the_list() {
    let world = World::with(&["acme"]).await;
    let new = NewCommitment {
        committed: Committed::Capacity {
            resource: "compute.cpu".parse().unwrap(),
            dimensions: Default::default(),
            units: Exact::from_integer(100),
            per: "core-hour".parse().unwrap(),
            rate_micro_synor: Exact::from_integer(15_000),
        },
        starts: "2026-01".parse().unwrap(),
        ends: "2026-01".parse().unwrap(),
    };
    world
        .engine
        .commit_account(&id("acme"), new, "k")
        .await
        .unwrap();
    world
        .usage("acme", &["compute.cpu 150 core-hours @2026-01-10"])
        .await;
    let invoice = january(&world, "acme").await;
    assert_eq!(taken(&invoice), [synor("0.5")]);
    assert_eq!(invoice.total_due_micro_synor, synor("2.5"));
}

#[tokio::test]
async fn a_commitment_that_ends_before_it_starts_is_refused() {
    let world = World::with(&["acme"]).await;
    let new = NewCommitment {
        committed: Committed::Amount {
            amount_micro_synor: synor("1"),
            discount_percent: Exact::from_integer(5),
            scope: DiscountScope::Everything,
        },
        starts: "2026-03".parse().unwrap(),
        ends: "2026-02".parse().unwrap(),
    };
    let error = world
        .engine
        .commit_account(&id("acme"), new, "k")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "a commitment that starts in 2026-03 cannot end with 2026-02"
    );
}

/// 10 % and 25 % of 100 SYNOR take 32.5 off (the case of Meteroid's discount.rs), through codes.
#[tokio::test]
async fn promo_codes_compound_in_the_order_of_their_redemption() {
    let world = World::with(&["acme"]).await;
    for (day, name, percent) in [("2026-01-10", "ten", 10), ("2026-01-11", "quarter", 25)] {
        world.clock.set(day);
        let amount = DiscountAmount::Percent(Exact::from_integer(percent));
        world
            .engine
            .create_promotion(code(name, amount))
            .await
            .unwrap();
        world
            .engine
            .redeem(&id("acme"), &name.parse().unwrap())
            .await
            .unwrap();
    }
    world
        .usage("acme", &["network.egress 2000 GB @2026-01-10"])
        .await;
    world.clock.set("2026-02-05");
    let invoice = january(&world, "acme").await;
    assert_eq!(taken(&invoice), [synor("10"), synor("22.5")]);
}

#[tokio::test]
async fn a_code_used_twice_or_expired_or_by_the_wrong_account_is_refused() {
    let world = World::with(&["acme", "other"]).await;
    let off = || DiscountAmount::Fixed(synor("5"));
    let own = Promotion {
        accounts: vec![id("acme")],
        ..code("own", off())
    };
    world.engine.create_promotion(own).await.unwrap();
    let ended = Promotion {
        expires_at: Some(at("2026-02-01")),
        ..code("ended", off())
    };
    world.engine.create_promotion(ended).await.unwrap();
    let redeem = async |account: &str, code: &str| {
        world
            .engine
            .redeem(&id(account), &code.parse().unwrap())
            .await
    };
    redeem("acme", "own").await.unwrap();
    for (account, code, why) in [
        (
            "acme",
            "OWN",
            "account acme has redeemed promo code OWN already",
        ),
        ("other", "own", "promo code OWN is not for account other"),
        (
            "acme",
            "ended",
            "promo code ENDED expired at 2026-02-01T00:00:00Z",
        ),
        ("acme", "none", "promo code `NONE` does not exist"),
    ] {
        assert_eq!(redeem(account, code).await.unwrap_err().to_string(), why);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_limit_of_redemptions_holds_when_all_try_at_once() {
    let names: Vec<String> = (0..16).map(|n| format!("a{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::with(&names).await;
    let amount = DiscountAmount::Percent(Exact::from_integer(10));
    let five = Promotion {
        max_redemptions: Some(5),
        ..code("five", amount)
    };
    world.engine.create_promotion(five).await.unwrap();
    let second = world.another_engine().await;
    let mut tasks = tokio::task::JoinSet::new();
    for (n, name) in names.iter().enumerate() {
        let engine = Arc::clone(if n % 2 == 0 { &world.engine } else { &second });
        let account = id(name);
        tasks.spawn(async move { engine.redeem(&account, &"five".parse().unwrap()).await });
    }
    let mut redeemed = 0;
    for outcome in tasks.join_all().await {
        match outcome {
            Ok(_) => redeemed += 1,
            Err(EngineError::Promotion(PromotionError::UsedUp { limit: 5, .. })) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(redeemed, 5);
}

#[tokio::test]
async fn both_sides_of_a_referral_are_rewarded_once_and_circles_are_refused() {
    let world = World::with(&["alice", "bob", "carol"]).await;
    let refer = async |account: &str, by: &str| world.engine.refer(&id(account), &id(by)).await;
    refer("bob", "alice").await.unwrap();
    refer("carol", "bob").await.unwrap();
    for (account, by, why) in [
        ("alice", "alice", "an account cannot refer itself"),
        ("alice", "carol", "carol was itself brought in by alice"),
        ("bob", "carol", "bob was referred by alice already"),
    ] {
        let error = refer(account, by).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    world
        .usage("bob", &["network.egress 100 GB @2026-01-10"])
        .await;
    let invoice = january(&world, "bob").await;
    assert_eq!(world.engine.reward_referrals().await.unwrap(), 0);
    world.pay(invoice.invoice_id, "5").await;
    assert_eq!(world.engine.reward_referrals().await.unwrap(), 1);
    assert_eq!(world.engine.reward_referrals().await.unwrap(), 0);
    for (name, credit) in [("alice", "10"), ("bob", "10"), ("carol", "0")] {
        let balance = world.engine.balance(&id(name)).await.unwrap();
        assert_eq!(balance.credit_micro_synor, synor(credit), "{name}");
    }
    assert_eq!(
        world.engine.verify().await.unwrap().problems,
        Vec::<String>::new()
    );
}

/// From the 16th (15 of 31 days gone) egress costs 0.10 instead of 0.05: 10 GB of each.
#[tokio::test]
async fn a_price_change_inside_the_month_splits_it() {
    let world = World::with(&["acme"]).await;
    let dearer = "version = \"dearer\"\neffective_from = \"2026-01-16T00:00:00Z\"\n\
                  [[price]]\nresource = \"network.egress\"\nper = \"GB\"\namount = \"0.10 SYNOR\"";
    let list = PriceList::parse(dearer).unwrap();
    world.engine.put_price_list_in_force(list).await.unwrap();
    let egress = [
        "network.egress 10 GB @2026-01-15",
        "network.egress 10 GB @2026-01-16",
    ];
    world.usage("acme", &egress).await;
    let invoice = january(&world, "acme").await;
    let lines: Vec<_> = invoice
        .line_items
        .iter()
        .map(|line| (line.price_list_version.as_str(), line.amount_micro_synor))
        .collect();
    assert_eq!(
        lines,
        [("2026-01-01", synor("0.5")), ("dearer", synor("1"))]
    );
    let back = dearer.replace("dearer", "back").replace("01-16", "01-20");
    let back = PriceList::parse(&back).unwrap();
    let error = world
        .engine
        .put_price_list_in_force(back)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("prices of billed time do not change"),
        "{error}"
    );
}
