//! What the tests of this crate share.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use synor_chain::{DevChain, DevChainConfig, DevControls, RpcServer};
use tempfile::TempDir;

/// A folder for a chain that is removed with the value.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("chain.db")
    }

    /// A chain that makes blocks by itself, quickly.
    pub fn running(&self) -> DevChain {
        let block_interval = Duration::from_millis(5);
        DevChain::open(self.file(), DevChainConfig { block_interval, ..Default::default() }).unwrap()
    }

    /// A chain that makes blocks only when the test says so.
    pub fn by_hand(&self) -> DevChain {
        DevChain::open(self.file(), by_hand()).unwrap()
    }
}

pub fn by_hand() -> DevChainConfig {
    DevChainConfig { block_interval: Duration::from_secs(100_000), ..Default::default() }
}

/// Serves the chain's RPC on a free port of this machine and returns its URL.
pub async fn serve(chain: Arc<dyn DevControls>) -> String {
    let server = Arc::new(RpcServer::for_development(chain));
    let handler = axum::routing::post(move |body: String| {
        let server = Arc::clone(&server);
        async move { ([("content-type", "application/json")], server.handle(&body).await) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/rpc", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/rpc", handler);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}
