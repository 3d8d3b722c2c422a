//! What only the development chain does: it survives restarts and crashes, and reorganizes.

mod common;

use common::{Place, by_hand};
use proptest::prelude::*;
use synor_chain::{
    Chain, ChainError, Cursor, DevChain, DevChainConfig, DevControls, Grant, Reorganization, Soma,
    TransferStatus, Wallet,
};
use synor_economics::id::TxId;
use synor_economics::money::MicroSynor;

const CHAIN: &str = "synor-dev";
const SYNOR: u64 = 100_000_000;

fn wallet(name: &str) -> Wallet {
    Wallet::development(CHAIN, name)
}

async fn give(chain: &DevChain, to: &Wallet, synor: i64) -> TxId {
    chain.faucet(to.address(), MicroSynor::new(synor * 1_000_000)).await.unwrap()
}

async fn pay(chain: &DevChain, from: &Wallet, to: &Wallet, synor: u64) -> TxId {
    let nonce = chain.next_nonce(from.address()).await.unwrap();
    let amount = Soma::new(synor * SYNOR);
    let tx = from.sign_transfer(CHAIN, nonce, to.address(), amount, "").unwrap();
    chain.submit(tx).await.unwrap()
}

async fn allow(chain: &DevChain, owner: &Wallet, spender: &Wallet, synor: u64) -> TxId {
    let nonce = chain.next_nonce(owner.address()).await.unwrap();
    let most = Soma::new(synor * SYNOR);
    let tx = owner.sign_grant(CHAIN, nonce, spender.address(), most, most).unwrap();
    chain.submit(tx).await.unwrap()
}

async fn status(chain: &DevChain, tx: &TxId) -> TransferStatus {
    chain.transfer(tx).await.unwrap().unwrap().status
}

fn dropping(depth: u64, drop: &[&TxId]) -> Reorganization {
    Reorganization { depth, drop_all: false, drop: drop.iter().copied().cloned().collect() }
}

fn dropping_all(depth: u64) -> Reorganization {
    Reorganization { depth, drop_all: true, drop: Vec::new() }
}

/// Everything a few wallets can see of the state.
async fn state(chain: &DevChain, wallets: &[&Wallet]) -> Vec<(Soma, u64, Vec<Option<Grant>>)> {
    let mut all = Vec::new();
    for one in wallets {
        let mut grants = Vec::new();
        for other in wallets {
            grants.push(chain.grant(one.address(), other.address()).await.unwrap());
        }
        let balance = chain.balance(one.address()).await.unwrap();
        all.push((balance, chain.next_nonce(one.address()).await.unwrap(), grants));
    }
    all
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let place = Place::new();
    let (a, b) = (wallet("a"), wallet("b"));
    let chain = place.by_hand();
    give(&chain, &a, 10).await;
    allow(&chain, &a, &b, 3).await;
    let mined = pay(&chain, &a, &b, 4).await;
    chain.mine(5).await.unwrap();
    let waiting = pay(&chain, &b, &a, 1).await;
    let (before, seen) = (state(&chain, &[&a, &b]).await, chain.transfer(&mined).await.unwrap());
    let feed = chain.transfers_to(b.address(), Cursor::default(), 10).await.unwrap();
    chain.stop().await;
    assert_eq!(chain.block_count().await, Err(ChainError::Stopped));

    let chain = place.by_hand();
    assert_eq!(state(&chain, &[&a, &b]).await, before);
    assert_eq!(chain.transfer(&mined).await.unwrap(), seen);
    assert_eq!(chain.block_count().await, Ok(5));
    assert_eq!(chain.transfers_to(b.address(), Cursor::default(), 10).await.unwrap(), feed);
    assert_eq!(status(&chain, &waiting).await, TransferStatus::Pending);
    chain.mine(1).await.unwrap();
    assert_eq!(status(&chain, &waiting).await, TransferStatus::Included);
    assert_eq!(chain.transfers_to(a.address(), feed.next, 10).await.unwrap().items.len(), 1);
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
    let config = DevChainConfig { chain_id: "other".to_owned(), ..by_hand() };
    let other = DevChain::open(place.file(), config).unwrap_err();
    assert!(other.to_string().contains("holds chain `synor-dev`, not `other`"), "{other}");
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
    db.execute("UPDATE balances SET soma = soma + 1 WHERE address = ?1", [a.address().as_str()])
        .unwrap();
    drop(db);
    let error = DevChain::open(place.file(), by_hand()).unwrap_err();
    assert!(matches!(error, ChainError::Inconsistent { .. }), "{error}");
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
    let (before, hash) = (state(&chain, &all).await, chain.block_hash(1).await.unwrap());
    for round in 1..=3 {
        pay(&chain, &a, &b, round).await;
        let nonce = chain.next_nonce(b.address()).await.unwrap();
        let amount = Soma::new(5 * SYNOR);
        let charge = b.sign_charge(CHAIN, nonce, a.address(), c.address(), amount, "").unwrap();
        chain.submit(charge).await.unwrap();
        allow(&chain, &c, &a, round).await;
        chain.mine(2).await.unwrap();
    }
    allow(&chain, &a, &b, 0).await;
    chain.mine(1).await.unwrap();
    assert_eq!(chain.block_count().await, Ok(8));
    let replaced = chain.block_hash(8).await.unwrap();

    let done = chain.reorganize(dropping_all(7)).await.unwrap();
    assert_eq!((done.fork_height, done.returned.len(), done.dropped.len()), (1, 0, 10));
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
    let read = chain.transfers_to(c.address(), Cursor::default(), 10).await.unwrap();

    let done = chain.reorganize(dropping(3, &[&dropped])).await.unwrap();
    assert_eq!((done.dropped, done.returned), (vec![dropped.clone()], vec![returned.clone()]));
    assert_eq!(status(&chain, &dropped).await, TransferStatus::Retracted);
    assert_eq!(status(&chain, &returned).await, TransferStatus::Pending);
    assert_eq!(chain.balance(c.address()).await, Ok(Soma::ZERO));
    chain.mine(1).await.unwrap();
    assert_eq!(status(&chain, &returned).await, TransferStatus::Included);
    assert_eq!(chain.balance(c.address()).await, Ok(Soma::new(2 * SYNOR)));

    // Two retractions and one inclusion.
    let news = chain.transfers_to(c.address(), read.next, 10).await.unwrap();
    let news: Vec<_> = news.items.into_iter().map(|item| item.tx_id).collect();
    assert_eq!(news, [dropped.clone(), returned.clone(), returned]);

    // Whoever kept the dropped transaction may send it again.
    let again = a.sign_transfer(CHAIN, 0, c.address(), Soma::new(SYNOR), "").unwrap();
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
    let TransferStatus::Failed { reason } = seen.status else { panic!("{seen:?}") };
    assert!(reason.contains("has 0.00000000 SYNOR, 5.00000000 SYNOR are required"), "{reason}");
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
    assert_eq!(refused, Err(ChainError::NotInBlocks { tx: tx.clone(), depth: 2 }));
    assert_eq!(status(&chain, &tx).await, TransferStatus::Included);
    chain.mine(2_000).await.unwrap();
    let refused = chain.reorganize(dropping_all(1_001)).await;
    assert_eq!(refused, Err(ChainError::ReorganizationDepth { depth: 1_001, max: 1_000 }));
    chain.reorganize(dropping_all(1_000)).await.unwrap();
    assert_eq!(status(&chain, &tx).await, TransferStatus::Included);
}

#[derive(Debug, Clone)]
enum Step {
    Give { to: usize, synor: i64 },
    Pay { from: usize, to: usize, soma: u64 },
    Allow { owner: usize, spender: usize, soma: u64 },
    Charge { spender: usize, owner: usize, to: usize, soma: u64 },
    Mine { blocks: u64 },
    Reorganize { depth: u64, drop: prop::sample::Index, drop_all: bool },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..4usize;
    let soma = || 1..3 * SYNOR;
    prop_oneof![
        2 => (who(), 1..4i64).prop_map(|(to, synor)| Step::Give { to, synor }),
        4 => (who(), who(), soma()).prop_map(|(from, to, soma)| Step::Pay { from, to, soma }),
        1 => (who(), who(), 0..5 * SYNOR)
            .prop_map(|(owner, spender, soma)| Step::Allow { owner, spender, soma }),
        2 => (who(), who(), who(), soma())
            .prop_map(|(spender, owner, to, soma)| Step::Charge { spender, owner, to, soma }),
        4 => (1..4u64).prop_map(|blocks| Step::Mine { blocks }),
        2 => (1..6u64, any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(depth, drop, drop_all)| Step::Reorganize { depth, drop, drop_all }),
        1 => Just(Step::Restart),
    ]
}

/// Does one step; a refusal is fine, the books must agree all the same.
async fn take(chain: &mut DevChain, place: &Place, wallets: &[Wallet], sent: &mut Vec<TxId>, step: &Step) {
    let nonce = async |chain: &DevChain, who: usize| {
        chain.next_nonce(wallets[who].address()).await.unwrap()
    };
    let address = |who: usize| wallets[who].address();
    let tx = match step {
        Step::Give { to, synor } => {
            sent.push(give(chain, &wallets[*to], *synor).await);
            return;
        }
        Step::Pay { from, to, soma } => {
            let nonce = nonce(chain, *from).await;
            wallets[*from].sign_transfer(CHAIN, nonce, address(*to), Soma::new(*soma), "")
        }
        Step::Allow { owner, spender, soma } => {
            let nonce = nonce(chain, *owner).await;
            let (most, all) = (Soma::new(2 * SYNOR), Soma::new(*soma));
            wallets[*owner].sign_grant(CHAIN, nonce, address(*spender), most, all)
        }
        Step::Charge { spender, owner, to, soma } => {
            let nonce = nonce(chain, *spender).await;
            let (owner, to) = (address(*owner), address(*to));
            wallets[*spender].sign_charge(CHAIN, nonce, owner, to, Soma::new(*soma), "")
        }
        Step::Mine { blocks } => {
            chain.mine(*blocks).await.unwrap();
            return;
        }
        Step::Reorganize { depth, drop, drop_all } => {
            let drop = if sent.is_empty() { vec![] } else { vec![drop.get(sent).clone()] };
            let wish = Reorganization { depth: *depth, drop_all: *drop_all, drop };
            if let Err(ChainError::NotInBlocks { .. }) = chain.reorganize(wish).await {
                let wish = Reorganization { depth: *depth, drop_all: *drop_all, drop: vec![] };
                chain.reorganize(wish).await.unwrap();
            }
            return;
        }
        Step::Restart => {
            chain.stop().await;
            *chain = place.by_hand();
            return;
        }
    };
    if let Ok(id) = chain.submit(tx.unwrap()).await {
        sent.push(id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// `verify` recomputes everything from the genesis, so a rollback that is not exact, a coin too
    /// many or a balance below zero (which soma cannot hold) shows up at once.
    #[test]
    fn no_history_loses_or_makes_coins(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::new();
            let mut chain = place.by_hand();
            let wallets = ["a", "b", "c", "d"].map(wallet);
            let mut sent = Vec::new();
            for step in &steps {
                take(&mut chain, &place, &wallets, &mut sent, step).await;
                chain.verify().await.unwrap();
            }
            let everyone = wallets.iter().map(Wallet::address).cloned();
            let faucet = Wallet::development(CHAIN, "faucet").address().clone();
            let mut sum = 0;
            for address in everyone.chain([faucet]) {
                sum += chain.balance(&address).await.unwrap().soma();
            }
            assert_eq!(sum, DevChainConfig::default().supply.soma());
        });
    }
}
