//! Following transfers: confirmations, the feed, its cursor, and the faucet they start from.

use super::*;
use crate::{ChainError, Reorganization};

/// A transfer in the tip has one confirmation, and one more with every block on top.
pub async fn confirmations_count_from_one(chain: &dyn DevControls) {
    let a = wallet(chain, "a").await;
    let tx = chain.faucet(a.address(), micro(1)).await.unwrap();
    let seen = settled(chain, &tx).await;
    let height = seen.height.unwrap();
    assert!(seen.block_time.is_some());
    assert!(seen.confirmations >= 1);
    for _ in 0..5 {
        let before = chain.block_count().await.unwrap();
        let seen = look(chain, &tx).await;
        let after = chain.block_count().await.unwrap();
        let tips = (before - height + 1)..=(after - height + 1);
        assert!(
            tips.contains(&seen.confirmations),
            "{} not in {tips:?}",
            seen.confirmations
        );
        blocks(chain, 1).await;
    }
    let never = "0".repeat(64).parse().unwrap();
    assert_eq!(chain.transfer(&never).await, Ok(None));
}

/// The feed has one item for the inclusion of a transfer and one for what took it back, both
/// showing where it stands now.
pub async fn the_feed_tells_of_inclusion_and_of_retraction(chain: &dyn DevControls) {
    // So that a reorganization can reach deeper than the transfers below.
    blocks(chain, 20).await;
    let a = wallet(chain, "a").await;
    let kept = chain.faucet(a.address(), micro(1)).await.unwrap();
    settled(chain, &kept).await;
    let gone = chain.faucet(a.address(), micro(2)).await.unwrap();
    let seen = settled(chain, &gone).await;
    let included = feed(chain, &a, Cursor::default()).await;
    assert_eq!(ids(&included.items), [&kept, &gone]);

    let height = seen.height.unwrap();
    let start = Instant::now();
    let done = loop {
        let depth = chain.block_count().await.unwrap() - height + 10;
        let drop = vec![gone.clone()];
        match chain
            .reorganize(Reorganization {
                depth,
                drop_all: false,
                drop,
            })
            .await
        {
            // More than nine blocks were made in between.
            Err(ChainError::NotInBlocks { .. }) if start.elapsed() < PATIENCE => {}
            done => break done.unwrap(),
        }
    };
    assert_eq!(done.dropped.iter().collect::<Vec<_>>(), [&gone]);
    let after = feed(chain, &a, included.next).await;
    assert!(ids(&after.items).contains(&&gone));
    let now = look(chain, &gone).await;
    assert_eq!(
        (now.status, now.height, now.confirmations),
        (TransferStatus::Retracted, None, 0)
    );
    assert!(
        after
            .items
            .iter()
            .all(|item| item.tx_id != gone || item.confirmations == 0)
    );
    settled(chain, &kept).await;
    assert_eq!(chain.balance(a.address()).await, Ok(soma(1)));
}

/// Reading in pages of any size gives the same items as reading at once, and a cursor at the end
/// sees only what is new.
pub async fn a_cursor_resumes_without_skipping(chain: &dyn DevControls) {
    let (a, b) = (wallet(chain, "a").await, wallet(chain, "b").await);
    let mut sent = Vec::new();
    for n in 1..=7 {
        sent.push(chain.faucet(a.address(), micro(n)).await.unwrap());
        chain.faucet(b.address(), micro(1)).await.unwrap();
    }
    settled(chain, sent.last().unwrap()).await;
    for limit in [1, 2, 3, 7, 100] {
        let (mut cursor, mut found) = (Cursor::default(), Vec::new());
        loop {
            let page = chain
                .transfers_to(a.address(), cursor, limit)
                .await
                .unwrap();
            if page.items.is_empty() {
                assert_eq!(page.next, cursor);
                break;
            }
            assert!(page.items.len() <= limit && page.next > cursor);
            found.extend(page.items.into_iter().map(|item| item.tx_id));
            cursor = page.next;
        }
        assert_eq!(found, sent, "pages of {limit}");
    }
    let end = feed(chain, &a, Cursor::default()).await.next;
    let new = chain.faucet(a.address(), micro(8)).await.unwrap();
    settled(chain, &new).await;
    assert_eq!(ids(&feed(chain, &a, end).await.items), [&new]);
}

/// The faucet refuses more than its limit, nothing and less than nothing.
pub async fn the_faucet_has_a_limit(chain: &dyn DevControls) {
    let a = wallet(chain, "a").await;
    let refused = chain
        .faucet(a.address(), micro(1_000_001))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ChainError::FaucetLimit { .. }),
        "{refused}"
    );
    assert_eq!(
        chain.faucet(a.address(), micro(0)).await,
        Err(ChainError::AmountZero)
    );
    let refused = chain.faucet(a.address(), micro(-1)).await.unwrap_err();
    assert!(
        matches!(refused, ChainError::NegativeAmount { .. }),
        "{refused}"
    );
    assert_eq!(chain.balance(a.address()).await, Ok(Soma::ZERO));
}
