//! Reorganizations, restarts and gaps.

use serde_json::json;
use synor_chain::{Chain, Cursor, TransferStatus};
use synor_economics::id::InvoiceId;

use crate::world::{World, feed};

#[tokio::test]
async fn a_reorganization_of_five_blocks_takes_a_payment_back_and_may_bring_it_again() {
    let Some(world) = World::start().await else {
        return;
    };
    let chain = world.chain().await;
    let (kept, lost) = (InvoiceId::derived(&["kept"]), InvoiceId::derived(&["lost"]));
    world.pay(kept, 100).await;
    world.mine(3).await;
    let before = world.rpc("evm_snapshot", json!([])).await;
    world.pay(lost, 200).await;
    world.mine(4).await;
    let (items, cursor) = feed(&chain, Cursor(0)).await;
    assert_eq!(items[1].confirmations, 5);

    world.rpc("evm_revert", json!([before])).await;
    // A shorter chain says nothing yet.
    assert_eq!(feed(&chain, cursor).await.0, []);
    world.rpc("evm_increaseTime", json!([100])).await;
    world.mine(6).await;
    let (taken, cursor) = feed(&chain, cursor).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].memo, lost.to_string());
    assert_eq!(taken[0].status, TransferStatus::Retracted);
    assert_eq!((taken[0].height, taken[0].confirmations), (None, 0));
    let still = chain.transfer(&items[0].tx_id).await.unwrap().unwrap();
    assert_eq!(
        (still.status, still.confirmations),
        (TransferStatus::Included, 10)
    );

    world.pay(lost, 200).await;
    let (again, _) = feed(&chain, cursor).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].status, TransferStatus::Included);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was_and_sees_what_a_reorganization_took_meanwhile() {
    let Some(world) = World::start().await else {
        return;
    };
    let lost = InvoiceId::derived(&["lost"]);
    let before = world.rpc("evm_snapshot", json!([])).await;
    world.pay(lost, 200).await;
    let cursor = {
        let chain = world.chain().await;
        let (items, cursor) = feed(&chain, Cursor(0)).await;
        assert_eq!(items.len(), 1);
        cursor
    };
    world.rpc("evm_revert", json!([before])).await;
    world.rpc("evm_increaseTime", json!([100])).await;
    world.mine(3).await;
    let chain = world.chain().await;
    let (items, _) = feed(&chain, cursor).await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].status, TransferStatus::Retracted);
}

#[tokio::test]
async fn a_long_gap_is_read_in_ranges_and_leaves_nothing_out() {
    let Some(world) = World::start().await else {
        return;
    };
    let mut paid = Vec::new();
    for (n, gap) in [700, 1, 600, 499, 1, 255].into_iter().enumerate() {
        let id = InvoiceId::derived(&[&n.to_string()]);
        world.pay(id, 100).await;
        paid.push(id.to_string());
        world.mine(gap).await;
    }
    let chain = world.chain().await;
    let (items, _) = feed(&chain, Cursor(0)).await;
    let seen: Vec<String> = items.iter().map(|t| t.memo.clone()).collect();
    assert_eq!(seen, paid);
    // The last one has 255 blocks on top of its own.
    assert_eq!(items[5].confirmations, 256);
    let all_above = items[0].confirmations;
    assert_eq!(all_above, 700 + 1 + 600 + 499 + 1 + 255 + 6);
}

#[tokio::test]
async fn a_lost_file_is_read_again_by_the_same_cursor() {
    let Some(world) = World::start().await else {
        return;
    };
    world.pay(InvoiceId::derived(&["1"]), 100).await;
    let cursor = {
        let chain = world.chain().await;
        feed(&chain, Cursor(0)).await.1
    };
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", world.file().display());
        let _ = std::fs::remove_file(path);
    }
    let chain = world.chain().await;
    assert_eq!(feed(&chain, cursor).await.0.len(), 1);
}
