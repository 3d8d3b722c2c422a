//! Everything can be worked out again: after a restart it is the same, and what was altered behind
//! the engine's back is found.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::{World, id, synor};
use rusqlite::Connection;
use synor_economics::billing::Invoice;
use synor_store::{ChangeSet, Kind, ListQuery};

/// A world in which everything has happened once.
async fn lived() -> (World, Invoice) {
    let world = World::with(&["acme", "other"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.deposit("acme", "5").await;
    world
        .engine
        .deduct(&id("acme"), synor("1.5"), "inference", "a")
        .await
        .unwrap();
    world.pay(invoice.invoice_id, "11").await;
    world.transfer("no reference", "2").await;
    world.transfer(invoice.invoice_id, "3").await;
    world.mine(3).await;
    world.sound().await;
    (world, invoice)
}

#[tokio::test]
async fn after_a_restart_everything_is_as_it_was() {
    let (mut world, invoice) = lived().await;
    for _ in 0..3 {
        let before = (
            world.balance("acme").await,
            world.invoice(&invoice).await,
            world.engine.credits(&id("acme")).await.unwrap(),
            world.engine.distribution(None).await.unwrap(),
            world.store.journal(0, usize::MAX).await.unwrap(),
        );
        let found = format!("{:?}", world.sound().await);
        world = world.restart().await;
        assert_eq!(format!("{:?}", world.sound().await), found);
        assert_eq!(world.engine.follow_chain().await.unwrap(), 0);
        let after = (
            world.balance("acme").await,
            world.invoice(&invoice).await,
            world.engine.credits(&id("acme")).await.unwrap(),
            world.engine.distribution(None).await.unwrap(),
            world.store.journal(0, usize::MAX).await.unwrap(),
        );
        assert_eq!(after, before);
        assert_eq!(world.close("2026-01").await.already_closed, 1);
    }
    // A command that was answered before the restart is answered the same after it.
    let again = world
        .engine
        .deduct(&id("acme"), synor("1.5"), "inference", "a")
        .await
        .unwrap();
    assert_eq!(again.remaining_balance_micro_synor, synor("3.5"));
    // And what waited for confirmations still gets them: 3 more and 2 without reference.
    world.mine(10).await;
    assert_eq!(world.spendable("acme").await, 7_500_000);
    assert_eq!(world.ledger("liabilities:suspense").await, -2_000_000);
    world.sound().await;
}

/// What verification finds after this SQL on one of the files.
async fn problems_after(world: &World, file: &str, sql: &str) -> Vec<String> {
    let connection = Connection::open(world.file(file)).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
    drop(connection);
    world.engine.verify().await.unwrap().problems
}

#[tokio::test]
async fn an_altered_event_is_found_in_the_log_and_in_its_invoice() {
    let (world, _) = lived().await;
    let sql = "UPDATE events SET quantity = CAST(substr(quantity, 1, length(quantity) - 1) || x'01' AS BLOB)";
    let found = problems_after(&world, "usage.db", sql).await;
    assert!(
        found.iter().any(|p| p.starts_with("usage log:")),
        "{found:?}"
    );
    assert!(found.iter().any(|p| p.contains("INV-000001")), "{found:?}");
}

#[tokio::test]
async fn a_deleted_event_is_found() {
    let (world, _) = lived().await;
    let found = problems_after(&world, "usage.db", "DELETE FROM events WHERE position = 1").await;
    assert!(
        found.iter().any(|p| p.starts_with("usage log:")),
        "{found:?}"
    );
    let shorter =
        "INV-000001 of acme for 2026-01: it says 10.000000 SYNOR, its usage comes to 0.000000";
    assert!(found.iter().any(|p| p.starts_with(shorter)), "{found:?}");
}

#[tokio::test]
async fn an_altered_invoice_line_is_found() {
    let (world, _) = lived().await;
    let sql = "UPDATE documents SET body = replace(body, '\"amount_micro_synor\":10000000', '\"amount_micro_synor\":10000001')
               WHERE kind = 'invoice'";
    let found = problems_after(&world, "book.db", sql).await;
    assert!(
        found.iter().any(|p| p.starts_with("book: invoice inv_")),
        "{found:?}"
    );
}

/// Someone who can write to the book through its own door, digests and all: the sums of the invoice
/// hold, but they are not what its usage comes to.
#[tokio::test]
async fn an_invoice_that_its_usage_does_not_come_to_is_found() {
    let world = World::with(&["acme"]).await;
    let mut invoice = world.invoice_of("acme", 200).await;
    for amount in [
        &mut invoice.line_items[0].amount_micro_synor,
        &mut invoice.subtotal_micro_synor,
        &mut invoice.total_due_micro_synor,
    ] {
        *amount = synor("9");
    }
    let mut changes = ChangeSet::new("forgery", invoice.created_at);
    changes.put(&invoice).unwrap();
    world.store.commit(changes).await.unwrap();
    let found = world.engine.verify().await.unwrap().problems;
    assert_eq!(
        found,
        [
            "INV-000001 of acme for 2026-01: it says 9.000000 SYNOR, its usage comes to 10.000000 SYNOR",
            "assets:receivable:acme: the journal says 10.000000 SYNOR, its documents come to 9.000000 SYNOR",
        ]
    );
}

#[tokio::test]
async fn an_altered_posting_is_found() {
    let (world, _) = lived().await;
    let sql = "UPDATE journal SET body = replace(body, '-5000000', '-4000000') WHERE body LIKE '%-5000000%'";
    let found = problems_after(&world, "book.db", sql).await;
    assert!(
        found
            .iter()
            .any(|p| p.contains("it is not what was written: the chain breaks here"))
    );
    assert!(
        found.iter().any(|p| p.contains("does not balance")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|p| p.contains("liabilities:prepaid:acme: the balance is")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_missing_document_is_found() {
    for kind in [
        Kind::Invoice,
        Kind::Credit,
        Kind::Payment,
        Kind::Distribution,
    ] {
        let (world, _) = lived().await;
        let one = world
            .store
            .documents(ListQuery::all(kind))
            .await
            .unwrap()
            .items
            .remove(0);
        let sql = format!(
            "DELETE FROM documents WHERE kind = '{}' AND id = '{}'",
            kind.name(),
            one.keys.id
        );
        let found = problems_after(&world, "book.db", &sql).await;
        assert!(!found.is_empty(), "{}", kind.name());
    }
}

#[tokio::test]
async fn coins_that_the_chain_does_not_hold_are_found() {
    let (world, _) = lived().await;
    // The blocks of all payments are gone, and the engine has not looked yet.
    world.chain.mine(1).await.unwrap();
    let all = synor_chain::Reorganization {
        depth: 204,
        drop_all: true,
        drop: Vec::new(),
    };
    synor_chain::DevControls::reorganize(&*world.chain, all)
        .await
        .unwrap();
    let found = world.engine.verify().await.unwrap().problems;
    assert!(
        found.len() == 1 && found[0].contains("but 16.000000 SYNOR were counted"),
        "{found:?}"
    );
    world.engine.follow_chain().await.unwrap();
    world.sound().await;
    assert_eq!(world.ledger("assets:clawback:acme").await, 1_500_000);
}
