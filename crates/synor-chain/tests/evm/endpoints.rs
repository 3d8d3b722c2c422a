//! Endpoints that go away, lag and lie.

use synor_chain::{Chain, ChainError, Cursor};
use synor_economics::id::InvoiceId;

use crate::world::{Endpoint, Mood, World, feed};

#[tokio::test]
async fn an_endpoint_that_goes_away_is_waited_for() {
    let Some(world) = World::start().await else {
        return;
    };
    let endpoint = Endpoint::start(&world.anvil).await;
    let chain = world.chain_over(vec![endpoint.url.clone()]).await;
    world.pay(InvoiceId::derived(&["1"]), 100).await;
    let (_, cursor) = feed(&chain, Cursor(0)).await;
    endpoint.become_(Mood::Away);
    world.pay(InvoiceId::derived(&["2"]), 100).await;
    let gone = chain.catch_up().await.unwrap_err();
    assert!(matches!(gone, ChainError::RpcUnreachable { .. }), "{gone}");
    endpoint.become_(Mood::Honest);
    assert_eq!(feed(&chain, cursor).await.0.len(), 1);
}

#[tokio::test]
async fn a_block_counts_only_when_both_endpoints_have_it() {
    let Some(world) = World::start().await else {
        return;
    };
    let second = Endpoint::start(&world.anvil).await;
    let rpc = vec![world.anvil.url.clone(), second.url.clone()];
    let chain = world.chain_over(rpc).await;
    world.pay(InvoiceId::derived(&["1"]), 100).await;
    world.mine(2).await;
    second.become_(Mood::Behind(3));
    assert_eq!(feed(&chain, Cursor(0)).await.0.len(), 0);
    second.become_(Mood::Behind(1));
    let (items, cursor) = feed(&chain, Cursor(0)).await;
    assert_eq!((items.len(), items[0].confirmations), (1, 2));
    // One that falls behind what was followed already takes nothing back.
    second.become_(Mood::Behind(3));
    assert_eq!(feed(&chain, cursor).await.0.len(), 0);
    let still = chain.transfer(&items[0].tx_id).await.unwrap().unwrap();
    assert_eq!(still.confirmations, 2);
}

#[tokio::test]
async fn endpoints_that_disagree_stop_the_following_until_they_agree() {
    let Some(world) = World::start().await else {
        return;
    };
    let second = Endpoint::start(&world.anvil).await;
    let rpc = vec![world.anvil.url.clone(), second.url.clone()];
    let chain = world.chain_over(rpc).await;
    world.pay(InvoiceId::derived(&["1"]), 100).await;
    for mood in [Mood::LyingOfPayments, Mood::LyingOfBlocks] {
        second.become_(mood);
        let found = chain.catch_up().await.unwrap_err();
        assert!(matches!(found, ChainError::RpcDisagree { .. }), "{found}");
    }
    second.become_(Mood::Honest);
    let (items, _) = feed(&chain, Cursor(0)).await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].amount.soma(), 10_000);
}
