//! What every chain must do, written once. Each function wants a chain that makes blocks by itself
//! every few milliseconds, and panics where the chain falls short.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::{Duration, Instant};

use synor_economics::id::TxId;
use synor_economics::money::MicroSynor;

use crate::{
    ChainError, Cursor, DevControls, MEMO_MAX_BYTES, ObservedTransfer, Reorganization, Soma,
    TransferStatus, Wallet,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// One SYNOR in soma.
const SYNOR: u64 = 100_000_000;

/// Names every function of the suite: `for_each_case!(test)` calls `test!(name)` for each.
#[macro_export]
macro_rules! for_each_case {
    ($test:ident) => {
        $test!(money_moves_once_however_often_it_is_submitted);
        $test!(a_nonce_gap_waits_until_it_is_closed);
        $test!(a_used_nonce_is_refused);
        $test!(what_was_not_signed_is_refused);
        $test!(overspending_is_refused_and_takes_nothing);
        $test!(malformed_transactions_are_refused);
        $test!(a_grant_bounds_each_charge_and_all_together);
        $test!(a_revoked_grant_charges_nothing);
        $test!(confirmations_count_from_one);
        $test!(the_feed_tells_of_inclusion_and_of_retraction);
        $test!(a_cursor_resumes_without_skipping);
        $test!(the_faucet_has_a_limit);
        $test!(concurrent_submissions_all_land);
    };
}

/// The same transaction submitted again has the same id and no further effect, before and after its
/// block.
pub async fn money_moves_once_however_often_it_is_submitted(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let tx = a.sign_transfer(&id, 0, b.address(), soma(3), "INV-1").unwrap();
    let first = chain.submit(tx.clone()).await.unwrap();
    assert_eq!(first, tx.tx_id());
    assert_eq!(chain.submit(tx.clone()).await, Ok(first.clone()));
    let seen = settled(chain, &first).await;
    assert_eq!(chain.submit(tx).await, Ok(first.clone()));
    blocks(chain, 2).await;

    assert_eq!(seen.status, TransferStatus::Included);
    assert_eq!((seen.tx_id, seen.amount, seen.memo), (first, soma(3), "INV-1".to_owned()));
    assert_eq!((&seen.from, &seen.to), (a.address(), b.address()));
    assert_eq!(balances(chain, [&a, &b]).await, [soma(7), soma(3)]);
    assert_eq!(chain.next_nonce(a.address()).await, Ok(1));
}

/// A transaction with a gap before its nonce waits and is executed once the gap is closed.
pub async fn a_nonce_gap_waits_until_it_is_closed(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let tx = |nonce| a.sign_transfer(&id, nonce, b.address(), soma(1), "").unwrap();
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
    assert!(matches!(ahead, ChainError::NonceTooHigh { expected: 3, .. }), "{ahead}");
}

/// Two different transactions cannot have one nonce, neither executed nor waiting.
pub async fn a_used_nonce_is_refused(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let tx = |nonce, n| a.sign_transfer(&id, nonce, b.address(), soma(n), "").unwrap();
    let first = chain.submit(tx(0, 1)).await.unwrap();
    settled(chain, &first).await;
    chain.submit(tx(5, 1)).await.unwrap();
    for (nonce, expected) in [(0, 1), (5, 1)] {
        let refused = chain.submit(tx(nonce, 2)).await;
        let address = a.address().clone();
        assert_eq!(refused, Err(ChainError::NonceUsed { address, expected, found: nonce }));
    }
    assert_eq!(balances(chain, [&a, &b]).await, [soma(9), soma(1)]);
}

/// A signature holds for exactly one transaction on one chain by one key.
pub async fn what_was_not_signed_is_refused(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 10).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let honest = a.sign_transfer(&id, 0, b.address(), soma(1), "memo").unwrap();
    let other = |nonce, n, memo| a.sign_transfer(&id, nonce, b.address(), soma(n), memo).unwrap();
    let mut forged = [other(0, 2, "memo"), other(1, 1, "memo"), other(0, 1, "omem"), honest.clone()];
    for tx in &mut forged {
        tx.signature = honest.signature;
    }
    forged[3].public_key = b.sign_transfer(&id, 0, a.address(), soma(1), "").unwrap().public_key;
    for tx in forged {
        let expected = ChainError::BadSignature { tx: tx.tx_id() };
        assert_eq!(chain.submit(tx).await, Err(expected));
    }
    let elsewhere = a.sign_transfer("another", 0, b.address(), soma(1), "memo").unwrap();
    let refused = chain.submit(elsewhere.clone()).await;
    let (expected, found) = (id.clone(), "another".to_owned());
    assert_eq!(refused, Err(ChainError::WrongChain { expected, found }));
    let mut relabelled = elsewhere;
    relabelled.chain_id = id;
    let refused = chain.submit(relabelled).await.unwrap_err();
    assert!(matches!(refused, ChainError::BadSignature { .. }), "{refused}");

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
    let sent = async |payload| chain.submit(crate::SignedTransaction { payload, ..honest.clone() }).await;
    let pay = |to: &str, amount, memo: String| crate::Payload::Transfer {
        to: to.parse().unwrap(),
        amount,
        memo,
    };
    let to = b.address().as_str();
    assert_eq!(sent(pay(to, Soma::ZERO, String::new())).await, Err(ChainError::AmountZero));
    let long = "é".repeat(MEMO_MAX_BYTES / 2) + "x";
    let expected = ChainError::MemoTooLong { bytes: MEMO_MAX_BYTES + 1, max: MEMO_MAX_BYTES };
    assert_eq!(sent(pay(to, soma(1), long)).await, Err(expected));
    let typo = to.replace(&to[to.len() - 1..], if to.ends_with('q') { "p" } else { "q" });
    for to in [typo.as_str(), "synor1", "alice", &to.to_uppercase()] {
        let refused = sent(pay(to, soma(1), String::new())).await.unwrap_err();
        assert!(matches!(refused, ChainError::BadAddress { .. }), "{to}: {refused}");
    }

    let fits = "x".repeat(MEMO_MAX_BYTES);
    let tx = chain
        .submit(a.sign_transfer(&id, 0, b.address(), soma(1), &fits).unwrap())
        .await
        .unwrap();
    assert_eq!(settled(chain, &tx).await.memo, fits);
}

/// A charge takes at most the bound for one and what is left of the allowance.
pub async fn a_grant_bounds_each_charge_and_all_together(chain: &dyn DevControls) {
    let (owner, spender) = (funded(chain, "owner", 100).await, wallet(chain, "spender").await);
    let payee = wallet(chain, "payee").await;
    let id = chain.chain_id().await.unwrap();
    let charge = |nonce, n| {
        spender
            .sign_charge(&id, nonce, owner.address(), payee.address(), soma(n), "INV-7")
            .unwrap()
    };
    let refused = chain.submit(charge(0, 1)).await.unwrap_err();
    assert!(matches!(refused, ChainError::NoGrant { .. }), "{refused}");

    let granted = owner.sign_grant(&id, 0, spender.address(), soma(5), soma(8)).unwrap();
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
    assert_eq!(balances(chain, [&owner, &spender, &payee]).await, [soma(92), soma(0), soma(8)]);
    let left = chain.grant(owner.address(), spender.address()).await.unwrap().unwrap();
    assert_eq!((left.max_per_charge, left.remaining), (soma(5), soma(0)));
}

/// After the owner has revoked a grant, nothing can be charged.
pub async fn a_revoked_grant_charges_nothing(chain: &dyn DevControls) {
    let (owner, spender) = (funded(chain, "owner", 100).await, wallet(chain, "spender").await);
    let id = chain.chain_id().await.unwrap();
    let most = Soma::new(u64::MAX);
    let grant = |nonce, allowance| owner.sign_grant(&id, nonce, spender.address(), most, allowance);
    chain.submit(grant(0, most).unwrap()).await.unwrap();
    let revoked = chain.submit(grant(1, Soma::ZERO).unwrap()).await.unwrap();
    let charge = spender.sign_charge(&id, 0, owner.address(), spender.address(), soma(1), "");
    let refused = chain.submit(charge.unwrap()).await.unwrap_err();
    assert!(matches!(refused, ChainError::NoGrant { .. }), "{refused}");
    settled(chain, &revoked).await;
    assert_eq!(chain.grant(owner.address(), spender.address()).await, Ok(None));
    assert_eq!(balances(chain, [&owner, &spender]).await, [soma(100), soma(0)]);
}

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
        assert!(tips.contains(&seen.confirmations), "{} not in {tips:?}", seen.confirmations);
        blocks(chain, 1).await;
    }
    let never = "0".repeat(64).parse().unwrap();
    assert_eq!(chain.transfer(&never).await, Ok(None));
}

/// The feed has one item for the inclusion of a transfer and one for what took it back, both
/// showing where it stands now.
pub async fn the_feed_tells_of_inclusion_and_of_retraction(chain: &dyn DevControls) {
    let a = wallet(chain, "a").await;
    let kept = chain.faucet(a.address(), micro(1)).await.unwrap();
    settled(chain, &kept).await;
    let gone = chain.faucet(a.address(), micro(2)).await.unwrap();
    let seen = settled(chain, &gone).await;
    let included = feed(chain, &a, Cursor::default()).await;
    assert_eq!(ids(&included.items), [&kept, &gone]);

    let height = seen.height.unwrap();
    let wish = |depth| Reorganization { depth, drop_all: false, drop: vec![gone.clone()] };
    let tip = chain.block_count().await.unwrap();
    let done = chain.reorganize(wish(tip - height + 1)).await;
    let done = match done {
        // A block was made in between; the next attempt reaches one deeper.
        Err(ChainError::NotInBlocks { .. }) => chain.reorganize(wish(tip - height + 4)).await,
        done => done,
    };
    assert_eq!(done.unwrap().dropped.iter().collect::<Vec<_>>(), [&gone]);
    let after = feed(chain, &a, included.next).await;
    assert!(ids(&after.items).contains(&&gone));
    let now = look(chain, &gone).await;
    assert_eq!((now.status, now.height, now.confirmations), (TransferStatus::Retracted, None, 0));
    assert!(after.items.iter().all(|item| item.tx_id != gone || item.confirmations == 0));
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
            let page = chain.transfers_to(a.address(), cursor, limit).await.unwrap();
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
    let refused = chain.faucet(a.address(), micro(1_000_001)).await.unwrap_err();
    assert!(matches!(refused, ChainError::FaucetLimit { .. }), "{refused}");
    assert_eq!(chain.faucet(a.address(), micro(0)).await, Err(ChainError::AmountZero));
    let refused = chain.faucet(a.address(), micro(-1)).await.unwrap_err();
    assert!(matches!(refused, ChainError::NegativeAmount { .. }), "{refused}");
    assert_eq!(chain.balance(a.address()).await, Ok(Soma::ZERO));
}

/// Transactions submitted at the same time, out of order, all land exactly once.
pub async fn concurrent_submissions_all_land(chain: &dyn DevControls) {
    let (a, b) = (funded(chain, "a", 40).await, wallet(chain, "b").await);
    let id = chain.chain_id().await.unwrap();
    let txs = (0..40).rev().map(|n| a.sign_transfer(&id, n, b.address(), soma(1), "").unwrap());
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
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().map(Option::unwrap).collect()
}

fn soma(synor: u64) -> Soma {
    Soma::new(synor * SYNOR)
}

fn micro(synor: i64) -> MicroSynor {
    MicroSynor::new(synor * 1_000_000)
}

async fn wallet(chain: &dyn DevControls, name: &str) -> Wallet {
    Wallet::development(&chain.chain_id().await.unwrap(), name)
}

async fn funded(chain: &dyn DevControls, name: &str, synor: i64) -> Wallet {
    let wallet = wallet(chain, name).await;
    let tx = chain.faucet(wallet.address(), micro(synor)).await.unwrap();
    assert_eq!(settled(chain, &tx).await.status, TransferStatus::Included);
    wallet
}

async fn look(chain: &dyn DevControls, tx: &TxId) -> ObservedTransfer {
    chain.transfer(tx).await.unwrap().unwrap()
}

/// Waits until the transfer is no longer pending.
async fn settled(chain: &dyn DevControls, tx: &TxId) -> ObservedTransfer {
    let start = Instant::now();
    loop {
        let seen = look(chain, tx).await;
        if seen.status != TransferStatus::Pending {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "{tx} is still pending");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn blocks(chain: &dyn DevControls, more: u64) {
    let (start, first) = (Instant::now(), chain.block_count().await.unwrap());
    while chain.block_count().await.unwrap() < first + more {
        assert!(start.elapsed() < PATIENCE, "no blocks are made");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn balances<const N: usize>(chain: &dyn DevControls, wallets: [&Wallet; N]) -> [Soma; N] {
    let mut found = [Soma::ZERO; N];
    for (balance, wallet) in found.iter_mut().zip(wallets) {
        *balance = chain.balance(wallet.address()).await.unwrap();
    }
    found
}

async fn feed(
    chain: &dyn DevControls,
    wallet: &Wallet,
    after: Cursor,
) -> crate::Page<ObservedTransfer> {
    chain.transfers_to(wallet.address(), after, 100).await.unwrap()
}

fn ids(items: &[ObservedTransfer]) -> Vec<&TxId> {
    items.iter().map(|item| &item.tx_id).collect()
}
