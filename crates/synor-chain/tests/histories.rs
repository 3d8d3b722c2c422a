//! Random histories of the development chain, after every step of which its books must agree.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{CHAIN, Place, SYNOR, give, wallet};
use proptest::prelude::*;
use synor_chain::{
    Chain, ChainError, DevChain, DevChainConfig, DevControls, Reorganization, Soma, Wallet,
};
use synor_economics::id::TxId;

#[derive(Debug, Clone)]
enum Step {
    Give {
        to: usize,
        synor: i64,
    },
    Pay {
        from: usize,
        to: usize,
        soma: u64,
    },
    Allow {
        owner: usize,
        spender: usize,
        soma: u64,
    },
    Charge {
        spender: usize,
        owner: usize,
        to: usize,
        soma: u64,
    },
    Mine {
        blocks: u64,
    },
    Reorganize {
        depth: u64,
        drop: prop::sample::Index,
        drop_all: bool,
    },
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
async fn take(
    chain: &mut DevChain,
    place: &Place,
    wallets: &[Wallet],
    sent: &mut Vec<TxId>,
    step: &Step,
) {
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
        Step::Allow {
            owner,
            spender,
            soma,
        } => {
            let nonce = nonce(chain, *owner).await;
            let (most, all) = (Soma::new(2 * SYNOR), Soma::new(*soma));
            wallets[*owner].sign_grant(CHAIN, nonce, address(*spender), most, all)
        }
        Step::Charge {
            spender,
            owner,
            to,
            soma,
        } => {
            let nonce = nonce(chain, *spender).await;
            let (owner, to) = (address(*owner), address(*to));
            wallets[*spender].sign_charge(CHAIN, nonce, owner, to, Soma::new(*soma), "")
        }
        Step::Mine { blocks } => {
            chain.mine(*blocks).await.unwrap();
            return;
        }
        Step::Reorganize {
            depth,
            drop,
            drop_all,
        } => {
            let drop = if sent.is_empty() {
                vec![]
            } else {
                vec![drop.get(sent).clone()]
            };
            let wish = Reorganization {
                depth: *depth,
                drop_all: *drop_all,
                drop,
            };
            if let Err(ChainError::NotInBlocks { .. }) = chain.reorganize(wish).await {
                let wish = Reorganization {
                    depth: *depth,
                    drop_all: *drop_all,
                    drop: vec![],
                };
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
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

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
