//! `[chain]` of `synor.toml`: which chain is paid on, and the chain opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use synor_chain::{Chain, DevChain, DevChainConfig, RpcChain, RpcServer};
use synor_engine::BillingKey;

use crate::data_folder::DataFolder;

/// The chain as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChainSection {
    /// The development chain in the data folder.
    #[default]
    Dev,
    /// An EVM chain.
    Evm(EvmSection),
}

/// An EVM chain and the contract on it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "evm"), allow(dead_code, reason = "read to be refused"))]
pub struct EvmSection {
    /// JSON-RPC endpoints; with two or more, a block counts only if all agree on it.
    rpc: Vec<String>,
    /// The contract `SynorBilling`.
    billing: String,
    /// The block of its deployment.
    from_block: u64,
    /// The keystore of the key that charges, relative to the data folder; without it the chain is
    /// only followed, and auto-pay charges nothing.
    operator_key: Option<PathBuf>,
    /// A file with the keystore's passphrase, instead of `SYNOR_OPERATOR_PASSPHRASE`.
    operator_passphrase_file: Option<PathBuf>,
    /// The most that a unit of gas may cost, in gwei.
    max_fee_gwei: Option<u64>,
    /// After so many seconds in no block, a transaction is sent again with a higher fee.
    stuck_after_secs: Option<i64>,
}

/// The chain that a node is paid on.
#[derive(Clone)]
pub enum NodeChain {
    /// The development chain in its data folder.
    Own(Arc<DevChain>),
    /// One that another node has.
    OfNode(Arc<RpcChain>),
    /// A chain of the world.
    #[cfg_attr(not(feature = "evm"), allow(dead_code, reason = "there is no other"))]
    World(Arc<dyn Chain>),
}

impl NodeChain {
    /// The chain as the engine sees it.
    pub fn as_chain(&self) -> Arc<dyn Chain> {
        match self {
            Self::Own(chain) => Arc::<DevChain>::clone(chain),
            Self::OfNode(chain) => Arc::<RpcChain>::clone(chain),
            Self::World(chain) => Arc::clone(chain),
        }
    }

    /// Its JSON-RPC, as this node answers it.
    pub fn rpc_server(&self) -> RpcServer {
        match self {
            Self::Own(chain) => RpcServer::for_development(Arc::<DevChain>::clone(chain)),
            Self::OfNode(chain) => RpcServer::for_development(Arc::<RpcChain>::clone(chain)),
            Self::World(chain) => RpcServer::new(Arc::clone(chain)),
        }
    }

    /// Ends what runs of it here.
    pub async fn stop(&self) {
        if let Self::Own(chain) = self {
            chain.stop().await;
        }
    }
}

impl ChainSection {
    /// Opens the chain, with what charges on it. A development chain is that of the node at `rpc`, or
    /// one in the data folder with this time between blocks.
    pub async fn open(
        &self,
        folder: &DataFolder,
        rpc: Option<&str>,
        block_interval: Duration,
    ) -> anyhow::Result<(NodeChain, BillingKey)> {
        match self {
            Self::Dev => {
                let wallet = crate::platform::billing_wallet(folder.clone()).await?;
                if let Some(url) = rpc {
                    let chain = NodeChain::OfNode(Arc::new(RpcChain::new(url)?));
                    return Ok((chain, wallet.into()));
                }
                let config = DevChainConfig {
                    block_interval,
                    ..DevChainConfig::default()
                };
                let chain = DevChain::open(folder.file("chain.sqlite"), config)?;
                Ok((NodeChain::Own(Arc::new(chain)), wallet.into()))
            }
            Self::Evm(section) => section.open(folder).await.context("the EVM chain"),
        }
    }
}

#[cfg(not(feature = "evm"))]
impl EvmSection {
    async fn open(&self, _: &DataFolder) -> anyhow::Result<(NodeChain, BillingKey)> {
        Err(crate::error::error_with_help(
            "this binary knows no EVM chain",
            "build it with `--features evm`",
        ))
    }
}

#[cfg(feature = "evm")]
impl EvmSection {
    async fn open(&self, folder: &DataFolder) -> anyhow::Result<(NodeChain, BillingKey)> {
        use synor_chain::evm::{EvmChain, EvmConfig, SendRules};

        let billing = self.billing.parse();
        let billing = billing.with_context(|| format!("billing: `{}`", self.billing))?;
        let defaults = SendRules::default();
        let max_fee_wei = self.max_fee_gwei.map(u128::from);
        let max_fee_wei = max_fee_wei.and_then(|gwei| gwei.checked_mul(1_000_000_000));
        let config = EvmConfig {
            rpc: self.rpc.clone(),
            billing,
            from_block: self.from_block,
            rules: SendRules {
                max_fee_wei: max_fee_wei.unwrap_or(defaults.max_fee_wei),
                stuck_after_secs: self.stuck_after_secs.unwrap_or(defaults.stuck_after_secs),
            },
        };
        let key = match &self.operator_key {
            None => None,
            Some(path) => Some(self.unlock(folder.path().join(path), folder).await?),
        };
        let chain = EvmChain::open(folder.file("evm.sqlite"), config, key).await?;
        let pay_to = chain.pay_to()?;
        let chain = NodeChain::World(Arc::new(chain));
        Ok((chain, BillingKey::Contract(pay_to)))
    }

    async fn unlock(
        &self,
        path: PathBuf,
        folder: &DataFolder,
    ) -> anyhow::Result<synor_chain::evm::EvmKey> {
        let passphrase = match (&self.operator_passphrase_file, passphrase_of_environment()) {
            (Some(file), _) => {
                let file = folder.path().join(file);
                let text = std::fs::read_to_string(&file);
                let text = text.with_context(|| format!("cannot read {}", file.display()))?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            (None, Some(passphrase)) => passphrase,
            (None, None) => {
                return Err(crate::error::error_with_help(
                    "the operator's key has no passphrase",
                    "set SYNOR_OPERATOR_PASSPHRASE, or `operator_passphrase_file` under [chain]",
                ));
            }
        };
        let unlock = move || synor_chain::evm::EvmKey::unlock(&path, &passphrase);
        let unlocked = tokio::task::spawn_blocking(unlock).await?;
        unlocked.context("the operator's key")
    }
}

#[cfg(feature = "evm")]
fn passphrase_of_environment() -> Option<String> {
    std::env::var("SYNOR_OPERATOR_PASSPHRASE").ok()
}
