//! Incidents: each account that one hit gets what its plan promises of that month's spend, once.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, at, id, synor};
use synor_economics::billing::CreditSource;
use synor_economics::metering::ServiceType;
use synor_economics::period::Period;
use synor_economics::sla::SlaOutcome;
use synor_engine::{EngineError, NewCredit, NewIncident, NewPlan};

fn incident(name: &str, start: &str, secs: i64) -> NewIncident {
    NewIncident {
        incident_id: name.to_owned(),
        service: ServiceType::Network,
        period: Period::new(at(start), at(start).plus_secs(secs)).unwrap(),
        downtime_secs: secs,
        accounts: Vec::new(),
        note: String::new(),
    }
}

/// Accounts on plans from the start of January, each with 200 GB of egress in it: 10 SYNOR before
/// the plan's discount.
async fn world(plans: &[(&str, &str)]) -> World {
    let names: Vec<_> = plans.iter().map(|(name, _)| *name).collect();
    let world = World::with(&names).await;
    for (name, plan) in plans {
        let new = NewPlan {
            plan: plan.parse().unwrap(),
            from: Some(at("2026-01-01")),
        };
        world.engine.change_plan(&id(name), new).await.unwrap();
        world
            .usage(name, &["network.egress 200 GB @2026-01-10"])
            .await;
    }
    world
}

async fn outcomes(world: &World, name: &str) -> Vec<SlaOutcome> {
    let mut found = world.engine.incident(name).await.unwrap().outcomes;
    found.sort_by(|a, b| a.account_id.cmp(&b.account_id));
    found
}

/// An hour of January's 744 leaves 99.8656 %: below 99.9 and 99.99, above 99 and 95.
#[tokio::test]
async fn each_plan_gets_what_it_promises_once_the_month_is_billed() {
    let plans = [
        ("ent", "enterprise"),
        ("free", "free"),
        ("prem", "premium"),
        ("std", "standard"),
    ];
    let world = world(&plans).await;
    world.account("idle", "UTC").await;
    let hour = incident("2026-014", "2026-01-20T10:00", 3_600);
    world.engine.report_incident(hour.clone()).await.unwrap();
    assert_eq!(
        world.engine.settle_incidents().await.unwrap(),
        0,
        "not billed yet"
    );
    world.close("2026-01").await;
    assert_eq!(world.engine.settle_incidents().await.unwrap(), 2);
    assert_eq!(world.engine.settle_incidents().await.unwrap(), 0);
    let found = outcomes(&world, "2026-014").await;
    let told: Vec<_> = found
        .iter()
        .map(|o| {
            let percent = o.credit_percent.to_decimal(2);
            format!("{} {percent} {}", o.account_id, o.amount_micro_synor)
        })
        .collect();
    // 10 SYNOR less 30 and 20 per cent, and 10 per cent of that.
    assert_eq!(
        told,
        [
            "ent 10 0.700000 SYNOR",
            "free 0 0.000000 SYNOR",
            "prem 10 0.800000 SYNOR",
            "std 0 0.000000 SYNOR",
        ]
    );
    assert_eq!(found[0].availability_percent, "99.865591");
    assert_eq!(
        found[2].describe(),
        "network was there 99.865591 % of 2026-01, plan premium promises 99.9 %: 10 % of \
         8.000000 SYNOR less 0.000000 SYNOR given before"
    );
    assert_eq!(world.spendable("prem").await, 800_000);
    let settled = world.engine.incident("2026-014").await.unwrap().incident;
    assert!(settled.settled_at.is_some());
    // The same report is the same incident; another of its name is refused.
    world.engine.report_incident(hour.clone()).await.unwrap();
    let other = NewIncident {
        downtime_secs: 60,
        ..hour
    };
    let error = world.engine.report_incident(other).await.unwrap_err();
    assert!(error.to_string().contains("said something else"), "{error}");
    assert_eq!(world.engine.settle_incidents().await.unwrap(), 0);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn racing_settlements_credit_an_incident_once() {
    let world = world(&[("acme", "premium"), ("beta", "enterprise")]).await;
    world.close("2026-01").await;
    let hour = incident("2026-014", "2026-01-20T10:00", 3_600);
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let tasks = (0..16usize).map(|n| {
        let (engine, hour) = (Arc::clone(&engines[n % 2]), hour.clone());
        tokio::spawn(async move {
            engine.report_incident(hour).await.unwrap();
            engine.settle_incidents().await.unwrap()
        })
    });
    let mut credited = 0;
    for task in tasks.collect::<Vec<_>>() {
        credited += task.await.unwrap();
    }
    assert_eq!(credited, 2);
    assert_eq!(world.spendable("acme").await, 800_000);
    assert_eq!(world.spendable("beta").await, 700_000);
    // Nor can the same incident be credited by hand.
    let by_hand = NewCredit {
        amount_micro_synor: synor("1"),
        source: CreditSource::SlaCredit {
            incident_id: "2026-014".to_owned(),
        },
        expires_at: None,
    };
    let error = world
        .engine
        .grant_credit(&id("acme"), by_hand, "by hand")
        .await;
    assert!(error.unwrap_err().to_string().contains("exists already"));
    assert_eq!(world.spendable("acme").await, 800_000);
    world.sound().await;
}

/// Availability is of the month: a second incident gives what both together do, less what the first
/// has given. 8 hours of 744 leave 98.92 %, which is below 99.
#[tokio::test]
async fn incidents_of_a_month_add_up_and_never_exceed_its_spend() {
    let world = world(&[("acme", "premium")]).await;
    world.close("2026-01").await;
    for (name, day, hours, given) in [
        ("a", "2026-01-20", 1, "0.8"),
        ("b", "2026-01-21", 7, "1.2"),
        ("c", "2026-01-22", 1, "0"),
        ("d", "2026-01-23", 48, "6"),
        ("e", "2026-01-26", 48, "0"),
    ] {
        let report = incident(name, day, hours * 3_600);
        world.engine.report_incident(report).await.unwrap();
        world.engine.settle_incidents().await.unwrap();
        let outcome = &outcomes(&world, name).await[0];
        assert_eq!(outcome.amount_micro_synor, synor(given), "{name}");
    }
    assert_eq!(world.spendable("acme").await, 8_000_000);
    world.sound().await;
}

#[tokio::test]
async fn only_the_accounts_named_and_what_was_granted_by_hand_stays() {
    let world = world(&[
        ("acme", "premium"),
        ("beta", "premium"),
        ("gamma", "premium"),
    ])
    .await;
    world.close("2026-01").await;
    let by_hand = NewCredit {
        amount_micro_synor: synor("1"),
        source: CreditSource::SlaCredit {
            incident_id: "x".to_owned(),
        },
        expires_at: None,
    };
    world
        .engine
        .grant_credit(&id("beta"), by_hand, "by hand")
        .await
        .unwrap();
    let named = NewIncident {
        accounts: vec![id("acme"), id("beta")],
        ..incident("x", "2026-01-20", 3_600)
    };
    world.engine.report_incident(named).await.unwrap();
    assert_eq!(world.engine.settle_incidents().await.unwrap(), 1);
    let spendable = [
        world.spendable("acme").await,
        world.spendable("beta").await,
        world.spendable("gamma").await,
    ];
    assert_eq!(spendable, [800_000, 1_000_000, 0]);
    world.sound().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let world = World::with(&["acme"]).await;
    let hour = || incident("x", "2026-01-20", 3_600);
    let too_long = NewIncident {
        downtime_secs: 3_601,
        ..hour()
    };
    let unnamed = NewIncident {
        incident_id: "a b".to_owned(),
        ..hour()
    };
    for bad in [too_long, unnamed] {
        let refused = world.engine.report_incident(bad).await;
        assert!(matches!(refused, Err(EngineError::Sla(_))), "{refused:?}");
    }
    let to_come = incident("x", "2026-02-05", 1);
    let refused = world.engine.report_incident(to_come).await;
    assert!(matches!(
        refused,
        Err(EngineError::Invalid { field: "end", .. })
    ));
    let nobody = NewIncident {
        accounts: vec![id("nobody")],
        ..hour()
    };
    let refused = world.engine.report_incident(nobody).await;
    assert!(matches!(refused, Err(EngineError::UnknownAccount(_))));
    let missing = world.engine.incident("x").await;
    assert!(matches!(missing, Err(EngineError::NotFound { .. })));
}
