//! What only the development chain does: it survives restarts and crashes in one file.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{Place, SYNOR, allow, by_hand, give, pay, state, status, wallet};
use synor_chain::{Chain, ChainError, Cursor, DevChain, DevChainConfig, Soma, TransferStatus};

#[tokio::test]
async fn a_restart_keeps_everything() {
    let place = Place::new();
    let (a, b, c) = (wallet("a"), wallet("b"), wallet("c"));
    let chain = place.by_hand();
    give(&chain, &a, 10).await;
    allow(&chain, &a, &b, 3).await;
    let mined = pay(&chain, &a, &b, 4).await;
    chain.mine(5).await.unwrap();
    let waiting = pay(&chain, &b, &a, 1).await;
    // The second can only be paid from the first, so their order must survive too.
    pay(&chain, &a, &c, 2).await;
    let passed_on = pay(&chain, &c, &b, 2).await;
    let (before, seen) = (
        state(&chain, &[&a, &b]).await,
        chain.transfer(&mined).await.unwrap(),
    );
    let feed = chain
        .transfers_to(b.address(), Cursor::default(), 10)
        .await
        .unwrap();
    chain.stop().await;
    assert_eq!(chain.block_count().await, Err(ChainError::Stopped));

    let chain = place.by_hand();
    assert_eq!(state(&chain, &[&a, &b]).await, before);
    assert_eq!(chain.transfer(&mined).await.unwrap(), seen);
    assert_eq!(chain.block_count().await, Ok(5));
    assert_eq!(
        chain
            .transfers_to(b.address(), Cursor::default(), 10)
            .await
            .unwrap(),
        feed
    );
    assert_eq!(status(&chain, &waiting).await, TransferStatus::Pending);
    chain.mine(1).await.unwrap();
    assert_eq!(status(&chain, &waiting).await, TransferStatus::Included);
    assert_eq!(status(&chain, &passed_on).await, TransferStatus::Included);
    assert_eq!(
        chain
            .transfers_to(a.address(), feed.next, 10)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    chain.verify().await.unwrap();
}

/// The files as they are at the moment of a crash, opened by the next process.
#[tokio::test]
async fn what_was_acknowledged_survives_a_crash() {
    let place = Place::new();
    let (a, b) = (wallet("a"), wallet("b"));
    let chain = place.by_hand();
    give(&chain, &a, 10).await;
    chain.mine(1).await.unwrap();
    let waiting = pay(&chain, &a, &b, 4).await;
    let copy = Place::new();
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.folder.path().join(file.file_name())).unwrap();
    }

    let crashed = copy.by_hand();
    assert_eq!(crashed.block_count().await, Ok(1));
    assert_eq!(status(&crashed, &waiting).await, TransferStatus::Pending);
    crashed.mine(1).await.unwrap();
    assert_eq!(crashed.balance(b.address()).await, Ok(Soma::new(4 * SYNOR)));
    crashed.verify().await.unwrap();
}

#[tokio::test]
async fn empty_blocks_take_no_space() {
    let place = Place::new();
    let size = async |blocks| {
        let chain = place.by_hand();
        chain.mine(blocks).await.unwrap();
        chain.stop().await;
        std::fs::metadata(place.file()).unwrap().len()
    };
    assert_eq!(size(1).await, size(50_000).await);
    assert_eq!(place.by_hand().block_count().await, Ok(50_001));
}

#[tokio::test]
async fn the_file_belongs_to_one_process_and_one_chain() {
    let place = Place::new();
    let chain = place.by_hand();
    let second = DevChain::open(place.file(), by_hand()).unwrap_err();
    assert!(matches!(second, ChainError::Open { .. }), "{second}");
    chain.stop().await;
    let config = DevChainConfig {
        chain_id: "other".to_owned(),
        ..by_hand()
    };
    let other = DevChain::open(place.file(), config).unwrap_err();
    assert!(
        other
            .to_string()
            .contains("holds chain `synor-dev`, not `other`"),
        "{other}"
    );
}

#[tokio::test]
async fn coins_from_nowhere_are_noticed_on_opening() {
    let place = Place::new();
    let chain = place.by_hand();
    give(&chain, &wallet("a"), 10).await;
    chain.mine(1).await.unwrap();
    chain.stop().await;
    let db = rusqlite::Connection::open(place.file()).unwrap();
    let a = wallet("a");
    db.execute(
        "UPDATE balances SET soma = soma + 1 WHERE address = ?1",
        [a.address().as_str()],
    )
    .unwrap();
    drop(db);
    let error = DevChain::open(place.file(), by_hand()).unwrap_err();
    assert!(matches!(error, ChainError::Inconsistent { .. }), "{error}");
}
