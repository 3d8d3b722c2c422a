//! What a data folder holds, opened: its configuration, its stores, the development chain, and the
//! engine over them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use synor_chain::Wallet;
use synor_engine::{Engine, SystemClock, new_secret};

use crate::chain_config::NodeChain;
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

impl Platform {
    /// Opens the folder. `block_interval` is the time between blocks, instead of the configured one.
    pub async fn open(
        folder: &DataFolder,
        block_interval: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let config = Config::load(folder)?;
        let list = config.price_list(folder)?;
        let usage = config.storage.usage_log(folder).await?;
        let store = config.storage.book(folder).await?;
        let block_interval = block_interval.unwrap_or_else(|| config.block_interval());
        let (rpc, section) = (config.chain_rpc.as_deref(), &config.chain);
        let (chain, billing_key) = section.open(folder, rpc, block_interval).await?;
        let engine = Engine::new(
            usage,
            store,
            chain.as_chain(),
            Arc::new(SystemClock),
            billing_key,
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
pub async fn billing_wallet(folder: DataFolder) -> anyhow::Result<Wallet> {
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
