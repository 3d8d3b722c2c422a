//! What every chain must do, written once. Each function wants a chain that makes blocks by itself
//! every few milliseconds, and panics where the chain falls short.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod following;
mod spending;

use std::time::{Duration, Instant};

use synor_economics::id::TxId;
use synor_economics::money::MicroSynor;

use crate::{Cursor, DevControls, ObservedTransfer, Page, Soma, TransferStatus, Wallet};
pub use following::*;
pub use spending::*;

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

async fn feed(chain: &dyn DevControls, wallet: &Wallet, after: Cursor) -> Page<ObservedTransfer> {
    chain
        .transfers_to(wallet.address(), after, 100)
        .await
        .unwrap()
}

fn ids(items: &[ObservedTransfer]) -> Vec<&TxId> {
    items.iter().map(|item| &item.tx_id).collect()
}
