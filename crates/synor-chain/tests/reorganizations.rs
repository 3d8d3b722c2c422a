//! Reorganizations of the development chain: what they restore, return and lose.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{CHAIN, Place, SYNOR, allow, give, pay, state, status, wallet};
use synor_chain::{Chain, ChainError, Cursor, DevControls, Reorganization, Soma, TransferStatus};
use synor_economics::id::TxId;

fn dropping(depth: u64, drop: &[&TxId]) -> Reorganization {
    Reorganization {
        depth,
        drop_all: false,
        drop: drop.iter().copied().cloned().collect(),
    }
}

fn dropping_all(depth: u64) -> Reorganization {
    Reorganization {
        depth,
        drop_all: true,
        drop: Vec::new(),
    }
}

#[tokio::test]
async fn a_reorganization_restores_balances_nonces_and_grants_exactly() {
    let place = Place::new();
    let (a, b, c) = (wallet("a"), wallet("b"), wallet("c"));
    let all = [&a, &b, &c];
    let chain = place.by_hand();
    give(&chain, &a, 100).await;
    allow(&chain, &a, &b, 20).await;
    chain.mine(1).await.unwrap();
    let (before, hash) = (
        state(&chain, &all).await,
        chain.block_hash(1).await.unwrap(),
    );
    for round in 1..=3 {
        pay(&chain, &a, &b, round).await;
        let nonce = chain.next_nonce(b.address()).await.unwrap();
        let amount = Soma::new(5 * SYNOR);
        let charge = b
            .sign_charge(CHAIN, nonce, a.address(), c.address(), amount, "")
            .unwrap();
        chain.submit(charge).await.unwrap();
        allow(&chain, &c, &a, round).await;
        chain.mine(2).await.unwrap();
    }
    allow(&chain, &a, &b, 0).await;
    chain.mine(1).await.unwrap();
    assert_eq!(chain.block_count().await, Ok(8));
    let replaced = chain.block_hash(8).await.unwrap();

    let done = chain.reorganize(dropping_all(7)).await.unwrap();
    assert_eq!(
        (done.fork_height, done.returned.len(), done.dropped.len()),
        (1, 0, 10)
    );
    assert_eq!(state(&chain, &all).await, before);
    assert_eq!(chain.block_count().await, Ok(8));
    assert_eq!(chain.block_hash(1).await.unwrap(), hash);
    assert_ne!(chain.block_hash(8).await.unwrap(), replaced);
    chain.verify().await.unwrap();
}

#[tokio::test]
async fn what_is_not_dropped_is_mined_again() {
    let place = Place::new();
    let (a, b, c) = (wallet("a"), wallet("b"), wallet("c"));
    let chain = place.by_hand();
    give(&chain, &a, 10).await;
    give(&chain, &b, 10).await;
    chain.mine(1).await.unwrap();
    let dropped = pay(&chain, &a, &c, 1).await;
    let returned = pay(&chain, &b, &c, 2).await;
    chain.mine(3).await.unwrap();
    let read = chain
        .transfers_to(c.address(), Cursor::default(), 10)
        .await
        .unwrap();

    let done = chain.reorganize(dropping(3, &[&dropped])).await.unwrap();
    assert_eq!(
        (done.dropped, done.returned),
        (vec![dropped.clone()], vec![returned.clone()])
    );
    assert_eq!(status(&chain, &dropped).await, TransferStatus::Retracted);
    assert_eq!(status(&chain, &returned).await, TransferStatus::Pending);
    assert_eq!(chain.balance(c.address()).await, Ok(Soma::ZERO));
    chain.mine(1).await.unwrap();
    assert_eq!(status(&chain, &returned).await, TransferStatus::Included);
    assert_eq!(chain.balance(c.address()).await, Ok(Soma::new(2 * SYNOR)));

    // Two retractions and one inclusion.
    let news = chain
        .transfers_to(c.address(), read.next, 10)
        .await
        .unwrap();
    let news: Vec<_> = news.items.into_iter().map(|item| item.tx_id).collect();
    assert_eq!(news, [dropped.clone(), returned.clone(), returned]);

    // Whoever kept the dropped transaction may send it again.
    let again = a
        .sign_transfer(CHAIN, 0, c.address(), Soma::new(SYNOR), "")
        .unwrap();
    assert_eq!(chain.submit(again).await, Ok(dropped.clone()));
    chain.mine(1).await.unwrap();
    assert_eq!(status(&chain, &dropped).await, TransferStatus::Included);
    assert_eq!(chain.balance(c.address()).await, Ok(Soma::new(3 * SYNOR)));
    chain.verify().await.unwrap();
}

#[tokio::test]
async fn what_depended_on_a_dropped_transfer_fails_and_says_why() {
    let place = Place::new();
    let (a, b) = (wallet("a"), wallet("b"));
    let chain = place.by_hand();
    let income = give(&chain, &a, 5).await;
    let spent = pay(&chain, &a, &b, 5).await;
    chain.mine(1).await.unwrap();
    assert_eq!(status(&chain, &spent).await, TransferStatus::Included);

    chain.reorganize(dropping(1, &[&income])).await.unwrap();
    chain.mine(1).await.unwrap();
    let seen = chain.transfer(&spent).await.unwrap().unwrap();
    let TransferStatus::Failed { reason } = seen.status else {
        panic!("{seen:?}")
    };
    assert!(
        reason.contains("has 0.00000000 SYNOR, 5.00000000 SYNOR are required"),
        "{reason}"
    );
    assert_eq!(chain.balance(b.address()).await, Ok(Soma::ZERO));
    assert_eq!(chain.next_nonce(a.address()).await, Ok(1));
    chain.verify().await.unwrap();

    // The faucet's nonce is free again, so it goes on working.
    give(&chain, &b, 1).await;
    chain.mine(1).await.unwrap();
    assert_eq!(chain.balance(b.address()).await, Ok(Soma::new(SYNOR)));
}

#[tokio::test]
async fn what_lost_the_nonce_before_its_own_waits_for_it() {
    let place = Place::new();
    let (a, b) = (wallet("a"), wallet("b"));
    let chain = place.by_hand();
    give(&chain, &a, 5).await;
    chain.mine(1).await.unwrap();
    let first = pay(&chain, &a, &b, 1).await;
    let second = pay(&chain, &a, &b, 2).await;
    chain.mine(1).await.unwrap();
    chain.reorganize(dropping(1, &[&first])).await.unwrap();
    chain.mine(2).await.unwrap();
    assert_eq!(status(&chain, &second).await, TransferStatus::Pending);
    assert_eq!(chain.next_nonce(a.address()).await, Ok(0));
    pay(&chain, &a, &b, 3).await;
    chain.mine(1).await.unwrap();
    assert_eq!(status(&chain, &second).await, TransferStatus::Included);
    assert_eq!(chain.balance(b.address()).await, Ok(Soma::new(5 * SYNOR)));
}

#[tokio::test]
async fn a_reorganization_too_deep_or_of_strangers_is_refused() {
    let place = Place::new();
    let chain = place.by_hand();
    let tx = give(&chain, &wallet("a"), 5).await;
    chain.mine(3).await.unwrap();
    for (depth, max) in [(0, 3), (4, 3), (u64::MAX, 3)] {
        let refused = chain.reorganize(dropping_all(depth)).await;
        assert_eq!(refused, Err(ChainError::ReorganizationDepth { depth, max }));
    }
    let refused = chain.reorganize(dropping(2, &[&tx])).await;
    assert_eq!(
        refused,
        Err(ChainError::NotInBlocks {
            tx: tx.clone(),
            depth: 2
        })
    );
    assert_eq!(status(&chain, &tx).await, TransferStatus::Included);
    chain.mine(2_000).await.unwrap();
    let refused = chain.reorganize(dropping_all(1_001)).await;
    assert_eq!(
        refused,
        Err(ChainError::ReorganizationDepth {
            depth: 1_001,
            max: 1_000
        })
    );
    chain.reorganize(dropping_all(1_000)).await.unwrap();
    assert_eq!(status(&chain, &tx).await, TransferStatus::Included);
}
