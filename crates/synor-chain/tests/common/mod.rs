//! What the tests of this crate share.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use synor_chain::{
    Chain, DevChain, DevChainConfig, DevControls, Grant, RpcServer, Soma, TransferStatus, Wallet,
};
use synor_economics::id::TxId;
use synor_economics::money::MicroSynor;
use tempfile::TempDir;

/// A folder for a chain that is removed with the value.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("chain.db")
    }

    /// A chain that makes blocks by itself, quickly.
    pub fn running(&self) -> DevChain {
        let block_interval = Duration::from_millis(5);
        DevChain::open(
            self.file(),
            DevChainConfig {
                block_interval,
                ..Default::default()
            },
        )
        .unwrap()
    }

    /// A chain that makes blocks only when the test says so.
    pub fn by_hand(&self) -> DevChain {
        DevChain::open(self.file(), by_hand()).unwrap()
    }
}

pub fn by_hand() -> DevChainConfig {
    DevChainConfig {
        block_interval: Duration::from_secs(100_000),
        ..Default::default()
    }
}

/// Serves the chain's RPC on a free port of this machine and returns its URL.
pub async fn serve(chain: Arc<dyn DevControls>) -> String {
    let server = Arc::new(RpcServer::for_development(chain));
    let handler = axum::routing::post(move |body: String| {
        let server = Arc::clone(&server);
        async move {
            (
                [("content-type", "application/json")],
                server.handle(&body).await,
            )
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/rpc", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/rpc", handler);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

pub const CHAIN: &str = "synor-dev";
pub const SYNOR: u64 = 100_000_000;

pub fn wallet(name: &str) -> Wallet {
    Wallet::development(CHAIN, name)
}

pub async fn give(chain: &DevChain, to: &Wallet, synor: i64) -> TxId {
    chain
        .faucet(to.address(), MicroSynor::new(synor * 1_000_000))
        .await
        .unwrap()
}

pub async fn pay(chain: &DevChain, from: &Wallet, to: &Wallet, synor: u64) -> TxId {
    let nonce = chain.next_nonce(from.address()).await.unwrap();
    let amount = Soma::new(synor * SYNOR);
    let tx = from
        .sign_transfer(CHAIN, nonce, to.address(), amount, "")
        .unwrap();
    chain.submit(tx).await.unwrap()
}

pub async fn allow(chain: &DevChain, owner: &Wallet, spender: &Wallet, synor: u64) -> TxId {
    let nonce = chain.next_nonce(owner.address()).await.unwrap();
    let most = Soma::new(synor * SYNOR);
    let tx = owner
        .sign_grant(CHAIN, nonce, spender.address(), most, most)
        .unwrap();
    chain.submit(tx).await.unwrap()
}

pub async fn status(chain: &DevChain, tx: &TxId) -> TransferStatus {
    chain.transfer(tx).await.unwrap().unwrap().status
}

/// Everything a few wallets can see of the state.
pub async fn state(chain: &DevChain, wallets: &[&Wallet]) -> Vec<(Soma, u64, Vec<Option<Grant>>)> {
    let mut all = Vec::new();
    for one in wallets {
        let mut grants = Vec::new();
        for other in wallets {
            grants.push(chain.grant(one.address(), other.address()).await.unwrap());
        }
        let balance = chain.balance(one.address()).await.unwrap();
        all.push((
            balance,
            chain.next_nonce(one.address()).await.unwrap(),
            grants,
        ));
    }
    all
}
