//! Spending: what moves coins, how often, and what is refused.

use super::*;
use crate::{ChainError, MEMO_MAX_BYTES};

/// The same transaction submitted again has the same id and no further effect, before and after its
/// block.
pub async fn money_moves_once_however_often_it_is_submitted(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let tx = a
        .sign_transfer(&id, 0, b.address(), soma(3), "INV-1")
        .unwrap();
    let first = chain.submit(tx.clone()).await.unwrap();
    assert_eq!(first, tx.tx_id());
    assert_eq!(chain.submit(tx.clone()).await, Ok(first.clone()));
    let seen = settled(chain, &first).await;
    assert_eq!(chain.submit(tx).await, Ok(first.clone()));
    blocks(chain, 2).await;

    assert_eq!(seen.status, TransferStatus::Included);
    assert_eq!(
        (seen.tx_id, seen.amount, seen.memo),
        (first, soma(3), "INV-1".to_owned())
    );
    assert_eq!((&seen.from, &seen.to), (a.address(), b.address()));
    assert_eq!(balances(chain, [&a, &b]).await, [soma(7), soma(3)]);
    assert_eq!(chain.next_nonce(a.address()).await, Ok(1));
}

/// A transaction with a gap before its nonce waits and is executed once the gap is closed.
pub async fn a_nonce_gap_waits_until_it_is_closed(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let tx = |nonce| {
        a.sign_transfer(&id, nonce, b.address(), soma(1), "")
            .unwrap()
    };
    let second = chain.submit(tx(1)).await.unwrap();
    let third = chain.submit(tx(2)).await.unwrap();
    blocks(chain, 3).await;
    assert_eq!(look(chain, &second).await.status, TransferStatus::Pending);
    assert_eq!(chain.next_nonce(a.address()).await, Ok(0));

    let first = chain.submit(tx(0)).await.unwrap();
    assert_eq!(chain.next_nonce(a.address()).await, Ok(3));
    for tx in [&first, &second, &third] {
        assert_eq!(settled(chain, tx).await.status, TransferStatus::Included);
    }
    assert_eq!(balances(chain, [&a, &b]).await, [soma(7), soma(3)]);

    let ahead = chain.submit(tx(100_000)).await.unwrap_err();
    assert!(
        matches!(ahead, ChainError::NonceTooHigh { expected: 3, .. }),
        "{ahead}"
    );
}

/// Two different transactions cannot have one nonce, neither executed nor waiting.
pub async fn a_used_nonce_is_refused(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let tx = |nonce, n| {
        a.sign_transfer(&id, nonce, b.address(), soma(n), "")
            .unwrap()
    };
    let first = chain.submit(tx(0, 1)).await.unwrap();
    settled(chain, &first).await;
    chain.submit(tx(5, 1)).await.unwrap();
    for (nonce, expected) in [(0, 1), (5, 1)] {
        let refused = chain.submit(tx(nonce, 2)).await;
        let address = a.address().clone();
        assert_eq!(
            refused,
            Err(ChainError::NonceUsed {
                address,
                expected,
                found: nonce
            })
        );
    }
    assert_eq!(balances(chain, [&a, &b]).await, [soma(9), soma(1)]);
}

/// A signature holds for exactly one transaction on one chain by one key.
pub async fn what_was_not_signed_is_refused(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let honest = a
        .sign_transfer(&id, 0, b.address(), soma(1), "memo")
        .unwrap();
    let other = |nonce, n, memo| {
        a.sign_transfer(&id, nonce, b.address(), soma(n), memo)
            .unwrap()
    };
    let mut forged = [
        other(0, 2, "memo"),
        other(1, 1, "memo"),
        other(0, 1, "omem"),
        honest.clone(),
    ];
    for tx in &mut forged {
        tx.signature = honest.signature;
    }
    forged[3].public_key = b
        .sign_transfer(&id, 0, a.address(), soma(1), "")
        .unwrap()
        .public_key;
    for tx in forged {
        let expected = ChainError::BadSignature { tx: tx.tx_id() };
        assert_eq!(chain.submit(tx).await, Err(expected));
    }
    let elsewhere = a
        .sign_transfer("another", 0, b.address(), soma(1), "memo")
        .unwrap();
    let refused = chain.submit(elsewhere.clone()).await;
    let (expected, found) = (id.clone(), "another".to_owned());
    assert_eq!(refused, Err(ChainError::WrongChain { expected, found }));
    let mut relabelled = elsewhere;
    relabelled.chain_id = id;
    let refused = chain.submit(relabelled).await.unwrap_err();
    assert!(
        matches!(refused, ChainError::BadSignature { .. }),
        "{refused}"
    );

    blocks(chain, 2).await;
    assert_eq!(balances(chain, [&a, &b]).await, [soma(10), soma(0)]);
}

/// More than there is cannot be sent, counting what waits for a block.
pub async fn overspending_is_refused_and_takes_nothing(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let tx = |nonce, n| a.sign_transfer(&id, nonce, b.address(), n, "").unwrap();
    chain.submit(tx(0, soma(6))).await.unwrap();
    let refused = chain.submit(tx(1, soma(5))).await;
    let expected = ChainError::InsufficientBalance {
        address: a.address().clone(),
        available: soma(4),
        required: soma(5),
    };
    assert_eq!(refused, Err(expected));
    assert!(chain.submit(tx(1, Soma::new(u64::MAX))).await.is_err());
    let rest = chain.submit(tx(1, soma(4))).await.unwrap();
    settled(chain, &rest).await;
    assert_eq!(balances(chain, [&a, &b]).await, [soma(0), soma(10)]);
}

/// Zero amounts, memos over the limit and mistyped addresses never reach the mempool.
pub async fn malformed_transactions_are_refused(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let honest = a.sign_transfer(&id, 0, b.address(), soma(1), "").unwrap();
    let sent = async |payload| {
        chain
            .submit(crate::SignedTransaction {
                payload,
                ..honest.clone()
            })
            .await
    };
    let pay = |to: &str, amount, memo: String| crate::Payload::Transfer {
        to: to.parse().unwrap(),
        amount,
        memo,
    };
    let to = b.address().as_str();
    assert_eq!(
        sent(pay(to, Soma::ZERO, String::new())).await,
        Err(ChainError::AmountZero)
    );
    let long = "é".repeat(MEMO_MAX_BYTES / 2) + "x";
    let expected = ChainError::MemoTooLong {
        bytes: MEMO_MAX_BYTES + 1,
        max: MEMO_MAX_BYTES,
    };
    assert_eq!(sent(pay(to, soma(1), long)).await, Err(expected));
    let typo = to.replace(
        &to[to.len() - 1..],
        if to.ends_with('q') { "p" } else { "q" },
    );
    for to in [typo.as_str(), "synor1", "alice", &to.to_uppercase()] {
        let refused = sent(pay(to, soma(1), String::new())).await.unwrap_err();
        assert!(
            matches!(refused, ChainError::BadAddress { .. }),
            "{to}: {refused}"
        );
    }

    let fits = "x".repeat(MEMO_MAX_BYTES);
    let tx = chain
        .submit(
            a.sign_transfer(&id, 0, b.address(), soma(1), &fits)
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(settled(chain, &tx).await.memo, fits);
}

/// A charge takes at most the bound for one and what is left of the allowance.
pub async fn a_grant_bounds_each_charge_and_all_together(chain: &dyn DevControls) {
    let (owner, spender) = (
        funded(chain, "owner", 100).await,
        wallet(chain, "spender").await,
    );
    let payee = wallet(chain, "payee").await;
    let id = chain.chain_id().await.unwrap();
    let charge = |nonce, n| {
        spender
            .sign_charge(
                &id,
                nonce,
                owner.address(),
                payee.address(),
                soma(n),
                "INV-7",
            )
            .unwrap()
    };
    let refused = chain.submit(charge(0, 1)).await.unwrap_err();
    assert!(matches!(refused, ChainError::NoGrant { .. }), "{refused}");

    let granted = owner
        .sign_grant(&id, 0, spender.address(), soma(5), soma(8))
        .unwrap();
    let granted = chain.submit(granted).await.unwrap();
    assert_eq!(settled(chain, &granted).await.amount, Soma::ZERO);
    let exceeded = |amount, left| ChainError::GrantExceeded {
        amount: soma(amount),
        max_per_charge: soma(5),
        remaining: soma(left),
    };
    assert_eq!(chain.submit(charge(0, 6)).await, Err(exceeded(6, 8)));
    let first = chain.submit(charge(0, 5)).await.unwrap();
    assert_eq!(chain.submit(charge(1, 4)).await, Err(exceeded(4, 3)));
    let second = chain.submit(charge(1, 3)).await.unwrap();
    assert_eq!(chain.submit(charge(2, 1)).await, Err(exceeded(1, 0)));

    let seen = settled(chain, &first).await;
    assert_eq!((&seen.from, &seen.to), (owner.address(), payee.address()));
    settled(chain, &second).await;
    assert_eq!(
        balances(chain, [&owner, &spender, &payee]).await,
        [soma(92), soma(0), soma(8)]
    );
    let left = chain
        .grant(owner.address(), spender.address())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((left.max_per_charge, left.remaining), (soma(5), soma(0)));
}

/// After the owner has revoked a grant, nothing can be charged.
pub async fn a_revoked_grant_charges_nothing(chain: &dyn DevControls) {
    let (owner, spender) = (
        funded(chain, "owner", 100).await,
        wallet(chain, "spender").await,
    );
    let id = chain.chain_id().await.unwrap();
    let most = Soma::new(u64::MAX);
    let grant = |nonce, allowance| owner.sign_grant(&id, nonce, spender.address(), most, allowance);
    chain.submit(grant(0, most).unwrap()).await.unwrap();
    let revoked = chain.submit(grant(1, Soma::ZERO).unwrap()).await.unwrap();
    let charge = spender.sign_charge(&id, 0, owner.address(), spender.address(), soma(1), "");
    let refused = chain.submit(charge.unwrap()).await.unwrap_err();
    assert!(matches!(refused, ChainError::NoGrant { .. }), "{refused}");
    settled(chain, &revoked).await;
    assert_eq!(
        chain.grant(owner.address(), spender.address()).await,
        Ok(None)
    );
    assert_eq!(
        balances(chain, [&owner, &spender]).await,
        [soma(100), soma(0)]
    );
}

/// Transactions submitted at the same time, out of order, all land exactly once.
pub async fn concurrent_submissions_all_land(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 40).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let txs = (0..40)
        .rev()
        .map(|n| a.sign_transfer(&id, n, b.address(), soma(1), "").unwrap());
    let submitted: Vec<_> = txs.map(|tx| chain.submit(tx)).collect();
    let mut last = None;
    for result in join_all(submitted).await {
        last = Some(result.unwrap());
    }
    settled(chain, &last.unwrap()).await;
    blocks(chain, 2).await;
    assert_eq!(balances(chain, [&a, &b]).await, [soma(0), soma(40)]);
    assert_eq!(chain.next_nonce(a.address()).await, Ok(40));
}

async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().map(Option::unwrap).collect()
}
