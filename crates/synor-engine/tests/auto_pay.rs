//! Auto-pay takes what its payer granted, for whom the payer said, and once.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use InvoiceStatus::{Finalized, Paid};
use common::{CHAIN, World, id, synor};
use synor_chain::{Chain, SignedTransaction, Soma};
use synor_economics::billing::InvoiceStatus;
use synor_engine::{AutoPayCharge, AutoPayOrder, EngineError};

/// A grant to the billing address, signed by the payer: the most of one charge, and of all.
async fn grant(world: &World, most: &str, of_all: &str) -> SignedTransaction {
    let soma = |amount| Soma::from_micro(synor(amount)).unwrap();
    let nonce = world.chain.next_nonce(world.payer.address()).await.unwrap();
    let spender = world.engine.pay_to();
    world
        .payer
        .sign_grant(CHAIN, nonce, spender, soma(most), soma(of_all))
        .unwrap()
}

fn order(max: &str, grant: Option<SignedTransaction>) -> AutoPayOrder {
    AutoPayOrder {
        enabled: true,
        max_per_invoice_micro_synor: Some(synor(max)),
        signed_grant: grant,
        funding_source: None,
    }
}

async fn enable(world: &World, account: &str, order: AutoPayOrder) -> Result<(), EngineError> {
    world
        .engine
        .configure_auto_pay(&id(account), order)
        .await
        .map(drop)
}

async fn charge(world: &World, invoice: synor_economics::id::InvoiceId) -> AutoPayCharge {
    world
        .store
        .get(&invoice.to_string())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn an_invoice_below_the_maximum_is_charged_in_full_and_once() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let signed = grant(&world, "500", "5000").await;
    enable(&world, "acme", order("500", Some(signed)))
        .await
        .unwrap();
    assert_eq!(
        world.engine.run_auto_pay().await.unwrap(),
        0,
        "the grant is not in a block yet"
    );
    world.mine(1).await;
    assert_eq!(world.engine.run_auto_pay().await.unwrap(), 1);
    assert_eq!(
        charge(&world, invoice.invoice_id).await.amount_micro_synor,
        synor("10")
    );
    // Neither while the charge waits, nor while it confirms, nor after it counts.
    for blocks in [1, 5, 10] {
        assert_eq!(world.engine.run_auto_pay().await.unwrap(), 0);
        world.mine(blocks).await;
    }
    assert_eq!(world.engine.run_auto_pay().await.unwrap(), 0);
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(world.spendable("acme").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_engines_charge_once() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let signed = grant(&world, "500", "5000").await;
    enable(&world, "acme", order("500", Some(signed)))
        .await
        .unwrap();
    world.mine(1).await;
    let other = world.another_engine().await;
    let one = std::sync::Arc::clone(&world.engine);
    let one = tokio::spawn(async move { one.run_auto_pay().await.unwrap() });
    let two = tokio::spawn(async move { other.run_auto_pay().await.unwrap() });
    assert!(one.await.unwrap() + two.await.unwrap() >= 1);
    world.mine(20).await;
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(world.spendable("acme").await, 0, "nothing was paid twice");
}

#[tokio::test]
async fn no_more_than_the_maximum_is_taken() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let signed = grant(&world, "4", "5000").await;
    enable(&world, "acme", order("4", Some(signed)))
        .await
        .unwrap();
    world.mine(1).await;
    for _ in 0..3 {
        world.engine.run_auto_pay().await.unwrap();
        world.mine(11).await;
    }
    world.stands(&invoice, Finalized, "4", "6").await;
    // The rest is the customer's to pay.
    world.pay(invoice.invoice_id, "6").await;
    world.stands(&invoice, Paid, "10", "0").await;
}

#[tokio::test]
async fn a_grant_below_the_maximum_is_refused_and_not_submitted() {
    let world = World::with(&["acme"]).await;
    let small = grant(&world, "5", "5000").await;
    let error = enable(&world, "acme", order("5.000001", Some(small.clone())))
        .await
        .unwrap_err();
    match error {
        EngineError::GrantTooSmall { granted, asked, .. } => {
            assert_eq!((granted, asked), (synor("5"), synor("5.000001")));
        }
        other => panic!("{other}"),
    }
    // An order that is refused grants nothing, and its grant may be used for a smaller one.
    assert!(
        world
            .chain
            .transfer(&small.tx_id())
            .await
            .unwrap()
            .is_none()
    );
    assert!(world.engine.auto_pay(&id("acme")).await.unwrap().is_none());
    enable(&world, "acme", order("5", Some(small)))
        .await
        .unwrap();
    world.mine(1).await;
    let error = enable(&world, "acme", order("6", None)).await.unwrap_err();
    assert!(
        matches!(error, EngineError::GrantTooSmall { .. }),
        "{error}"
    );
    enable(&world, "acme", order("4", None)).await.unwrap();
}

#[tokio::test]
async fn a_grant_that_somebody_else_submitted_is_nobody_elses() {
    let world = World::with(&["acme", "mallory"]).await;
    world
        .usage("mallory", &["network.egress 200 GB @2026-01-10"])
        .await;
    let invoice = world.bill("2026-01").await;
    let signed = grant(&world, "500", "5000").await;
    enable(&world, "acme", order("500", Some(signed.clone())))
        .await
        .unwrap();
    for blocks in [0, 1] {
        world.mine(blocks).await;
        // Everybody can read it on the chain, before and after it is in a block.
        let error = enable(&world, "mallory", order("500", Some(signed.clone())))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("was submitted before"),
            "{error}"
        );
    }
    // Also one that its owner submitted without this server.
    let another = grant(&world, "600", "6000").await;
    world.chain.submit(another.clone()).await.unwrap();
    world.mine(1).await;
    for account in ["mallory"] {
        let error = enable(&world, account, order("500", Some(another.clone())))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("was submitted before"),
            "{error}"
        );
    }
    assert_eq!(world.engine.run_auto_pay().await.unwrap(), 0);
    world.stands(&invoice, Finalized, "0", "10").await;
    // Its own account may hand it in again, as a retry does.
    enable(&world, "acme", order("400", Some(signed)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_wallet_pays_for_one_account_at_a_time() {
    let world = World::with(&["acme", "other"]).await;
    let signed = grant(&world, "500", "5000").await;
    enable(&world, "acme", order("500", Some(signed)))
        .await
        .unwrap();
    world.mine(1).await;
    let second = grant(&world, "500", "5000").await;
    let error = enable(&world, "other", order("500", Some(second)))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let off = AutoPayOrder {
        enabled: false,
        max_per_invoice_micro_synor: None,
        signed_grant: None,
        funding_source: None,
    };
    enable(&world, "acme", off).await.unwrap();
    let third = grant(&world, "500", "5000").await;
    enable(&world, "other", order("500", Some(third)))
        .await
        .unwrap();
}

#[tokio::test]
async fn switched_off_it_charges_nothing() {
    let world = World::with(&["acme"]).await;
    let signed = grant(&world, "500", "5000").await;
    enable(&world, "acme", order("500", Some(signed)))
        .await
        .unwrap();
    world.mine(1).await;
    let off = AutoPayOrder {
        enabled: false,
        max_per_invoice_micro_synor: None,
        signed_grant: None,
        funding_source: None,
    };
    enable(&world, "acme", off).await.unwrap();
    let invoice = world.invoice_of("acme", 200).await;
    assert_eq!(world.engine.run_auto_pay().await.unwrap(), 0);
    world.mine(20).await;
    world.stands(&invoice, Finalized, "0", "10").await;
    // Switched on again with the grant that is there.
    enable(&world, "acme", order("500", None)).await.unwrap();
    assert_eq!(world.engine.run_auto_pay().await.unwrap(), 1);
    world.mine(20).await;
    world.stands(&invoice, Paid, "10", "0").await;
}

#[tokio::test]
async fn what_does_not_name_a_grant_or_a_maximum_is_refused() {
    let world = World::with(&["acme"]).await;
    for (order, field) in [
        (order("5", None), "signed_grant"),
        (
            order("0", Some(grant(&world, "5", "5").await)),
            "max_per_invoice_micro_synor",
        ),
        (
            order("5", Some(world.signed("memo", "5").await)),
            "signed_grant",
        ),
        (
            AutoPayOrder {
                enabled: true,
                max_per_invoice_micro_synor: None,
                signed_grant: None,
                funding_source: None,
            },
            "max_per_invoice_micro_synor",
        ),
    ] {
        let error = enable(&world, "acme", order).await.unwrap_err();
        assert!(
            matches!(error, EngineError::Invalid { field: f, .. } if f == field),
            "{error}"
        );
    }
}

/// An invoice that was paid by hand is not charged.
#[tokio::test]
async fn a_payment_on_its_way_is_not_paid_again() {
    let world = World::with(&["acme"]).await;
    let signed = grant(&world, "500", "5000").await;
    enable(&world, "acme", order("500", Some(signed)))
        .await
        .unwrap();
    let invoice = world.invoice_of("acme", 200).await;
    world.transfer(invoice.invoice_id, "10").await;
    world.mine(1).await;
    assert_eq!(world.engine.run_auto_pay().await.unwrap(), 0);
    world.mine(9).await;
    assert_eq!(world.engine.run_auto_pay().await.unwrap(), 0);
    world.stands(&invoice, Paid, "10", "0").await;
}
