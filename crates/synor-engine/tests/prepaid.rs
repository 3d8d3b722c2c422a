//! A balance is spent once, exactly, and never below zero, however many spend it; a deposit fills it
//! once, however often it is announced or observed.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, id, synor};
use synor_economics::billing::{CreditSource, PrepaidError};
use synor_economics::money::MicroSynor;
use synor_engine::{EngineError, NewCredit, NewDeposit};

/// 64 tasks on two engines want more than there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_deductions_at_once_never_overdraw() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "5").await;
    world.deposit("acme", "0.7").await;
    let there = world.spendable("acme").await;
    assert_eq!(there, 5_700_000);
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let tasks = (0..64usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        let amount = MicroSynor::new(100_003 + 7_001 * (n as i64 % 11));
        tokio::spawn(async move {
            let name = format!("task {n}");
            match engine.deduct(&id("acme"), amount, "inference", &name).await {
                Ok(result) => {
                    assert_eq!(result.amount_deducted_micro_synor, amount);
                    assert!(!result.remaining_balance_micro_synor.is_negative());
                    amount.micro()
                }
                Err(EngineError::Prepaid(PrepaidError::InsufficientBalance {
                    available,
                    required,
                })) => {
                    assert!(available < required && required == amount);
                    0
                }
                Err(other) => panic!("{other}"),
            }
        })
    });
    let (mut taken, mut refused) = (0, 0);
    for task in tasks.collect::<Vec<_>>() {
        let amount = task.await.unwrap();
        taken += amount;
        refused += u32::from(amount == 0);
    }
    assert!(
        taken <= there && refused > 0,
        "{taken} of {there}, {refused} refused"
    );
    assert!(
        there - taken < 170_013 + 1,
        "the rest would have covered another"
    );
    assert_eq!(world.spendable("acme").await, there - taken);
    assert_eq!(
        world.ledger("liabilities:prepaid:acme").await,
        taken - there
    );
    assert_eq!(world.ledger("income:service_fees").await, -taken);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_deducts_once() {
    let world = World::with(&["acme", "other"]).await;
    world.deposit("acme", "5").await;
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let tasks = (0..16usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        tokio::spawn(async move {
            engine
                .deduct(&id("acme"), synor("2"), "inference", "once")
                .await
        })
    });
    let mut results = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        results.push(task.await.unwrap().unwrap());
    }
    assert_eq!(results[0].remaining_balance_micro_synor, synor("3"));
    results.dedup();
    assert_eq!(results.len(), 1, "all are told the same");
    assert_eq!(world.spendable("acme").await, 3_000_000);
    // Also when the balance would not cover it any more.
    world
        .engine
        .deduct(&id("acme"), synor("3"), "inference", "rest")
        .await
        .unwrap();
    let again = world
        .engine
        .deduct(&id("acme"), synor("2"), "inference", "once")
        .await
        .unwrap();
    assert_eq!(again, results[0]);
    // Another amount or reason is another request; another account has commands of its own.
    for (amount, reason) in [("1", "inference"), ("2", "training")] {
        let error = world
            .engine
            .deduct(&id("acme"), synor(amount), reason, "once")
            .await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("was used before for another request"),
            "{error}"
        );
    }
    let other = world
        .engine
        .deduct(&id("other"), synor("2"), "inference", "once")
        .await;
    assert!(matches!(other, Err(EngineError::Prepaid(_))));
    world.sound().await;
}

#[tokio::test]
async fn a_balance_that_does_not_cover_names_both_amounts() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "5").await;
    let acme = id("acme");
    let deduct = |amount| world.engine.deduct(&acme, amount, "inference", "a");
    let error = deduct(synor("5.000001")).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the balance of 5.000000 SYNOR does not cover 5.000001 SYNOR; nothing was taken"
    );
    for amount in [0, -1, i64::MIN] {
        let error = deduct(MicroSynor::new(amount))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("must be above zero"), "{error}");
    }
    assert!(
        world
            .engine
            .has_sufficient_balance(&id("acme"), synor("5"))
            .await
            .unwrap()
            .has_sufficient_balance
    );
    assert!(
        !world
            .engine
            .has_sufficient_balance(&id("acme"), synor("5.000001"))
            .await
            .unwrap()
            .has_sufficient_balance
    );
    // A refusal is not remembered: with more on the account the same command goes through.
    world.deposit("acme", "1").await;
    deduct(synor("5.000001")).await.unwrap();
    assert_eq!(world.spendable("acme").await, 999_999);
    world.sound().await;
}

#[tokio::test]
async fn granted_credit_is_spent_with_the_soonest_to_expire_first() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "2").await;
    for (amount, ends) in [
        ("1", Some("2026-03-01")),
        ("1", Some("2026-02-06")),
        ("1", None),
    ] {
        let new = NewCredit {
            amount_micro_synor: synor(amount),
            source: CreditSource::Promotional {
                campaign: "launch".to_owned(),
            },
            expires_at: ends.map(common::at),
        };
        let command = format!("{ends:?}");
        world
            .engine
            .grant_credit(&id("acme"), new, &command)
            .await
            .unwrap();
    }
    world
        .engine
        .deduct(&id("acme"), synor("0.5"), "inference", "a")
        .await
        .unwrap();
    world.clock.set("2026-02-06");
    assert_eq!(
        world.spendable("acme").await,
        4_000_000,
        "half of one has expired"
    );
    world
        .engine
        .deduct(&id("acme"), synor("1.25"), "inference", "b")
        .await
        .unwrap();
    let left = world.engine.credits(&id("acme")).await.unwrap();
    let left: Vec<_> = left
        .iter()
        .map(|c| c.remaining_micro_synor.micro())
        .collect();
    // Ends first, then the oldest: the deposit came before the endless credit or with it.
    assert_eq!(left[..2], [500_000, 0]);
    assert_eq!(left[2..].iter().sum::<i64>(), 2_750_000);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deposit_announced_twice_is_one_deposit() {
    let world = World::with(&["acme"]).await;
    let other = world.another_engine().await;
    let announce = |engine: Arc<synor_engine::Engine>| {
        tokio::spawn(async move {
            let new = NewDeposit {
                amount_micro_synor: synor("25"),
            };
            engine
                .announce_deposit(&id("acme"), new, "once")
                .await
                .unwrap()
        })
    };
    let tasks = [
        announce(Arc::clone(&world.engine)),
        announce(other),
        announce(Arc::clone(&world.engine)),
    ];
    let mut announced = Vec::new();
    for task in tasks {
        announced.push(task.await.unwrap());
    }
    announced.dedup();
    assert_eq!(announced.len(), 1);
    let deposit = &announced[0].deposit;
    let acme = id("acme");
    // Its transfer, handed in twice, and another one while the first lives, are one transfer.
    let signed = world.signed(&announced[0].request.reference, "25").await;
    let hand_in = |signed| {
        world
            .engine
            .submit_deposit(&acme, deposit.deposit_id, signed)
    };
    hand_in(signed.clone()).await.unwrap();
    hand_in(signed).await.unwrap();
    let second = world.signed(&announced[0].request.reference, "25").await;
    hand_in(second).await.unwrap();
    world.mine(10).await;
    let state = world
        .engine
        .deposit(&id("acme"), deposit.deposit_id)
        .await
        .unwrap();
    assert_eq!(
        (state.payments.len(), state.credited_micro_synor),
        (1, synor("25"))
    );
    assert_eq!(world.spendable("acme").await, 25_000_000);
    let new = NewDeposit {
        amount_micro_synor: synor("26"),
    };
    let error = world
        .engine
        .announce_deposit(&id("acme"), new, "once")
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("was used before for another request"),
        "{error}"
    );
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transfer_observed_many_times_at_once_is_one_credit() {
    let world = World::with(&["acme"]).await;
    let mut expected = 0;
    for (round, amount) in ["5", "0.3", "7.25"].iter().enumerate() {
        let announced = world.announce("acme", amount, amount).await;
        world.transfer(&announced.request.reference, amount).await;
        // What was announced is not what counts, but what arrives.
        world.transfer(&announced.request.reference, "1").await;
        world.chain.mine(10 + round as u64).await.unwrap();
        let engines = [Arc::clone(&world.engine), world.another_engine().await];
        let tasks = (0..8usize).map(|n| {
            let engine = Arc::clone(&engines[n % 2]);
            tokio::spawn(async move { engine.follow_chain().await.unwrap() })
        });
        let mut changed = 0;
        for task in tasks.collect::<Vec<_>>() {
            changed += task.await.unwrap();
        }
        assert_eq!(changed, 2, "each was counted by one of them");
        expected += synor(amount).micro() + 1_000_000;
        assert_eq!(world.spendable("acme").await, expected);
        assert_eq!(world.engine.follow_chain().await.unwrap(), 0);
    }
    world.sound().await;
}

#[tokio::test]
async fn a_credit_is_granted_once_and_never_as_a_deposit() {
    let world = World::with(&["acme"]).await;
    let manual = |amount: &str| NewCredit {
        amount_micro_synor: synor(amount),
        source: CreditSource::Manual {
            reason: "sorry".to_owned(),
            admin: "ops".to_owned(),
        },
        expires_at: Some(common::at("2026-02-20")),
    };
    let grant = |new, command| {
        let world = &world;
        async move { world.engine.grant_credit(&id("acme"), new, command).await }
    };
    let first = grant(manual("3"), "once").await.unwrap();
    // The same command is answered the same for ever, also after the credit has expired.
    for now in ["2026-02-06", "2026-02-20"] {
        world.clock.set(now);
        assert_eq!(grant(manual("3"), "once").await.unwrap(), first);
    }
    assert!(grant(manual("4"), "once").await.is_err());
    assert!(grant(manual("4"), "expired").await.is_err());
    assert!(grant(manual("0"), "nothing").await.is_err());
    let prepaid = NewCredit {
        source: CreditSource::Prepaid {
            tx_id: "abc".parse().unwrap(),
        },
        ..manual("5")
    };
    assert!(grant(prepaid, "deposit").await.is_err());
    assert_eq!(world.engine.credits(&id("acme")).await.unwrap(), [first]);
    world.sound().await;
}
