//! What a data folder holds, opened: its configuration, its stores, the development chain, and the
//! engine over them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use synor_chain::{Chain, DevChain, DevChainConfig, DevControls, RpcChain, Wallet};
use synor_engine::{Engine, SystemClock, new_secret};

use crate::config::Config;
use crate::data_folder::DataFolder;

/// An open data folder. Whoever opens it holds its lock.
pub struct Platform {
    /// What the operator decided.
    pub config: Config,
    /// The use cases.
    pub engine: Arc<Engine>,
    /// The chain that it is paid on.
    pub chain: NodeChain,
}

/// The chain of a node.
#[derive(Clone)]
pub enum NodeChain {
    /// The development chain in its data folder.
    Own(Arc<DevChain>),
    /// One that another node has.
    Elsewhere(Arc<RpcChain>),
}

impl NodeChain {
    /// The chain as the engine sees it.
    pub fn chain(&self) -> Arc<dyn Chain> {
        match self {
            Self::Own(chain) => Arc::<DevChain>::clone(chain),
            Self::Elsewhere(chain) => Arc::<RpcChain>::clone(chain),
        }
    }

    /// The chain as its users see it.
    pub fn controls(&self) -> Arc<dyn DevControls> {
        match self {
            Self::Own(chain) => Arc::<DevChain>::clone(chain),
            Self::Elsewhere(chain) => Arc::<RpcChain>::clone(chain),
        }
    }

    /// Closes what is this node's.
    pub async fn stop(&self) {
        if let Self::Own(chain) = self {
            chain.stop().await;
        }
    }
}

impl Platform {
    /// Opens the folder. `block_interval` is the time between blocks, instead of the configured one.
    pub async fn open(
        folder: &DataFolder,
        block_interval: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let config = Config::load(folder)?;
        let wallet = billing_wallet(folder.clone()).await?;
        let list = config.price_list(folder)?;
        let usage = config.storage.usage_log(folder).await?;
        let store = config.storage.book(folder).await?;
        let chain = match &config.chain_rpc {
            Some(url) => NodeChain::Elsewhere(Arc::new(RpcChain::new(url)?)),
            None => {
                let chain_config = DevChainConfig {
                    block_interval: block_interval.unwrap_or_else(|| config.block_interval()),
                    ..DevChainConfig::default()
                };
                let file = folder.file("chain.sqlite");
                NodeChain::Own(Arc::new(DevChain::open(file, chain_config)?))
            }
        };
        let engine = Engine::new(
            usage,
            store,
            chain.chain(),
            Arc::new(SystemClock),
            wallet,
            config.engine()?,
            list,
        )
        .await?;
        Ok(Self {
            config,
            engine: Arc::new(engine),
            chain,
        })
    }
}

/// The wallet that collects payments and signs auto-pay charges. Its passphrase is
/// `SYNOR_BILLING_PASSPHRASE`, or random and kept beside the key file for the owner's eyes.
async fn billing_wallet(folder: DataFolder) -> anyhow::Result<Wallet> {
    let open = move || {
        let key_file = folder.file("billing-wallet.json");
        let passphrase_file = folder.file("billing-passphrase");
        let passphrase = match std::env::var("SYNOR_BILLING_PASSPHRASE") {
            Ok(passphrase) => passphrase,
            Err(_) if passphrase_file.exists() => std::fs::read_to_string(&passphrase_file)
                .with_context(|| format!("cannot read {}", passphrase_file.display()))?,
            Err(_) => {
                let new = new_secret("billing")?;
                folder.write_private("billing-passphrase", &new)?;
                new
            }
        };
        let wallet = if key_file.exists() {
            Wallet::unlock(&key_file, &passphrase)
        } else {
            Wallet::create(&key_file, &passphrase)
        };
        wallet.context("the billing wallet")
    };
    tokio::task::spawn_blocking(open).await?
}
