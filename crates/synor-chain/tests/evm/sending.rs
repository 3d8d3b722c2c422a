//! What the engine's key sends: replaced when stuck, sent once, and looked after through crashes and
//! reorganizations.

use serde_json::json;
use synor_chain::evm::EvmChain;
use synor_chain::evm::SendRules;
use synor_chain::{Chain, ChainError, Cursor, Order, TransferStatus};
use synor_economics::billing::PaymentTarget;
use synor_economics::id::{AccountId, InvoiceId};
use synor_economics::money::MicroSynor;

use crate::world::{World, feed};

fn order(world: &World, invoice: &str) -> Order {
    let owner = world.payer.to_checksum(None).parse().unwrap();
    let target = PaymentTarget::Invoice(InvoiceId::derived(&[invoice]));
    Order::charge(owner, account(), target, MicroSynor::new(10))
}

fn account() -> AccountId {
    "acme".parse().unwrap()
}

/// Orders, and says under which hash it was last signed.
async fn ordered(chain: &EvmChain, order: &Order) -> String {
    chain.order(order).await.unwrap();
    chain.sent_as(order.id()).unwrap().unwrap().to_string()
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_at_its_nonce_and_happens_once() {
    let Some(world) = World::start().await else {
        return;
    };
    world.grant(&account(), 100, 1_000).await;
    let rules = SendRules {
        stuck_after_secs: 0,
        ..SendRules::default()
    };
    let rpc = vec![world.anvil.url.clone()];
    let chain = world.chain_with(rpc, rules).await;
    world.rpc("evm_setAutomine", json!([false])).await;
    let order = order(&world, "1");
    let first = ordered(&chain, &order).await;
    let waiting = chain.transfer(order.id()).await.unwrap().unwrap();
    assert_eq!(waiting.status, TransferStatus::Pending);
    chain.catch_up().await.unwrap();
    let replaced = ordered(&chain, &order).await;
    assert_ne!(first, replaced);
    let gone = world.rpc("eth_getTransactionByHash", json!([first])).await;
    let waits = world
        .rpc("eth_getTransactionByHash", json!([replaced]))
        .await;
    assert!(gone.is_null(), "{gone}");
    assert!(waits["blockHash"].is_null() && !waits.is_null(), "{waits}");
    world.mine(1).await;
    let (items, _) = feed(&chain, Cursor(0)).await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].tx_id.as_str(), replaced);
    let made = chain.transfer(order.id()).await.unwrap().unwrap();
    assert_eq!(made, items[0]);
}

#[tokio::test]
async fn what_was_sent_before_a_crash_is_sent_again_and_counted_once() {
    let Some(world) = World::start().await else {
        return;
    };
    world.grant(&account(), 100, 1_000).await;
    world.rpc("evm_setAutomine", json!([false])).await;
    let first = order(&world, "1");
    let sent = {
        let chain = world.chain().await;
        ordered(&chain, &first).await
    };
    // The node forgets what waits, as one does when it restarts.
    world.rpc("anvil_dropAllTransactions", json!([])).await;
    let chain = world.chain().await;
    chain.catch_up().await.unwrap();
    assert_eq!(ordered(&chain, &first).await, sent);
    let second = ordered(&chain, &order(&world, "2")).await;
    world.mine(1).await;
    let (items, _) = feed(&chain, Cursor(0)).await;
    let ids: Vec<_> = items.iter().map(|t| t.tx_id.to_string()).collect();
    assert_eq!(ids, [sent, second]);
}

#[tokio::test]
async fn a_charge_that_a_reorganization_took_is_sent_again() {
    let Some(world) = World::start().await else {
        return;
    };
    world.grant(&account(), 100, 1_000).await;
    let chain = world.chain().await;
    let before = world.rpc("evm_snapshot", json!([])).await;
    chain.order(&order(&world, "1")).await.unwrap();
    world.mine(1).await;
    let (_, cursor) = feed(&chain, Cursor(0)).await;
    world.rpc("evm_revert", json!([before])).await;
    world.rpc("evm_increaseTime", json!([100])).await;
    world.mine(3).await;
    chain.catch_up().await.unwrap();
    world.mine(1).await;
    let (items, _) = feed(&chain, cursor).await;
    let states: Vec<bool> = items.iter().map(|t| t.height.is_some()).collect();
    // Each item shows the transfer as it stands now: taken back, and there again.
    assert_eq!(states, [true, true]);
}

#[tokio::test]
async fn above_the_allowed_fee_nothing_is_sent() {
    let Some(world) = World::start().await else {
        return;
    };
    world.grant(&account(), 100, 1_000).await;
    let rules = SendRules {
        max_fee_wei: 1,
        ..SendRules::default()
    };
    let rpc = vec![world.anvil.url.clone()];
    let chain = world.chain_with(rpc, rules).await;
    let refused = chain.order(&order(&world, "1")).await.unwrap_err();
    assert!(
        matches!(refused, ChainError::FeeTooHigh { .. }),
        "{refused}"
    );
    assert_eq!(chain.status().await.unwrap().open_sends, 0);
}
