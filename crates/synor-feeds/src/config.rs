//! Sources as an operator writes them, and the feeds that they become.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use thiserror::Error;

use crate::ask::NamedFeed;
use crate::cex::{Cex, TickerMapping};
use crate::feed::PriceFeed;
use crate::http::Http;
use crate::signed::{OffChain, Signer};

/// The most sources that are asked.
pub const SOURCES_MAX: usize = 64;

/// A source as it is written.
#[derive(Debug, Clone, Deserialize)]
pub struct SourceConfig {
    /// Its name, unique among all.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: SourceKind,
}

/// What a source is.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceKind {
    /// The reserves of a Uniswap V2 pool: the price of the last block, which one block can move.
    UniswapV2 {
        /// The JSON-RPC of the chain.
        rpc: String,
        /// The pool's address.
        pool: String,
        /// The address of the SYNOR token; the pool's other token is taken for a USD.
        synor: String,
        /// What people call the pair.
        #[serde(default = "default_pair")]
        pair: String,
    },
    /// The time-weighted price of a Uniswap V3 pool.
    UniswapV3 {
        /// The JSON-RPC of the chain.
        rpc: String,
        /// The pool's address.
        pool: String,
        /// The address of the SYNOR token; the pool's other token is taken for a USD.
        synor: String,
        /// What people call the pair.
        #[serde(default = "default_pair")]
        pair: String,
        /// Over how many seconds.
        #[serde(default = "default_window")]
        window_secs: u32,
    },
    /// A Chainlink aggregator.
    Chainlink {
        /// The JSON-RPC of the chain.
        rpc: String,
        /// The aggregator's address.
        feed: String,
        /// How old its answer may be, in seconds.
        heartbeat_secs: i64,
    },
    /// The ticker of an exchange.
    Cex {
        /// Its name.
        exchange: String,
        /// The ticker's URL.
        url: String,
        /// Where in it the price is, and how it is written.
        #[serde(flatten)]
        mapping: TickerMappingFields,
    },
    /// Signed reports.
    Signed {
        /// Whose.
        oracle_id: String,
        /// Where they are.
        url: String,
        /// How they are signed.
        #[serde(default)]
        scheme: SignatureScheme,
        /// The ed25519 key in hexadecimal, or the address.
        signer: String,
        /// What they are about.
        #[serde(default = "default_report_pair")]
        pair: String,
    },
}

/// [`TickerMapping`] among the other fields of a source.
pub type TickerMappingFields = TickerMapping;

/// How a report is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureScheme {
    /// ed25519 over the report's text.
    #[default]
    Ed25519,
    /// secp256k1 over EIP-712 typed data.
    Eip712,
}

fn default_pair() -> String {
    "SYNOR/USDC".to_owned()
}

fn default_report_pair() -> String {
    "SYNOR/USD".to_owned()
}

const fn default_window() -> u32 {
    1_800
}

/// What is wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// One of them is not as it must be.
    #[error("oracle source `{name}`: {reason}")]
    Source {
        /// Which.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// There can be no HTTP client.
    #[error("the oracle's HTTP client: {0}")]
    Client(String),
    /// There are too many.
    #[error("the oracle has {0} sources, and 64 are the most")]
    TooMany(usize),
}

/// The feeds of these sources, each of which is given `timeout` for an answer.
pub fn open(sources: &[SourceConfig], timeout: Duration) -> Result<Vec<NamedFeed>, ConfigError> {
    if sources.len() > SOURCES_MAX {
        return Err(ConfigError::TooMany(sources.len()));
    }
    // One for all: it reads the machine's root certificates.
    let http = Http::new(timeout).map_err(|e| ConfigError::Client(e.to_string()))?;
    let mut names = BTreeSet::new();
    let mut feeds = Vec::with_capacity(sources.len());
    for source in sources {
        let wrong = |reason: String| ConfigError::Source {
            name: source.name.clone(),
            reason,
        };
        check_text("name", &source.name).map_err(wrong)?;
        if !names.insert(&source.name) {
            return Err(wrong("two sources have this name".to_owned()));
        }
        feeds.push(NamedFeed {
            name: source.name.clone(),
            feed: feed(&source.kind, http.clone()).map_err(wrong)?,
        });
    }
    Ok(feeds)
}

fn feed(kind: &SourceKind, http: Http) -> Result<Arc<dyn PriceFeed>, String> {
    match kind {
        SourceKind::Cex {
            exchange,
            url,
            mapping,
        } => {
            check_text("exchange", exchange)?;
            check_url("url", url)?;
            let pointers = [
                Some(&mapping.price),
                mapping.volume.as_ref(),
                mapping.time.as_ref(),
            ];
            if let Some(bad) = pointers.into_iter().flatten().find(|p| !p.starts_with('/')) {
                return Err(format!("`{bad}` is not a JSON pointer such as /data/last"));
            }
            let (exchange, url) = (exchange.clone(), url.clone());
            Ok(Arc::new(Cex::new(exchange, url, mapping.clone(), http)))
        }
        SourceKind::Signed {
            oracle_id,
            url,
            scheme,
            signer,
            pair,
        } => {
            check_text("oracle_id", oracle_id)?;
            check_text("pair", pair)?;
            check_url("url", url)?;
            let signer = match scheme {
                SignatureScheme::Ed25519 => Signer::Ed25519(verifying_key(signer)?),
                SignatureScheme::Eip712 => evm_signer(signer)?,
            };
            let (id, pair, url) = (oracle_id.clone(), pair.clone(), url.clone());
            Ok(Arc::new(OffChain::new(id, pair, url, signer, http)))
        }
        SourceKind::UniswapV2 { rpc, .. }
        | SourceKind::UniswapV3 { rpc, .. }
        | SourceKind::Chainlink { rpc, .. } => {
            check_url("rpc", rpc)?;
            evm_feed(kind, http)
        }
    }
}

#[cfg(feature = "evm")]
fn evm_feed(kind: &SourceKind, http: Http) -> Result<Arc<dyn PriceFeed>, String> {
    use crate::evm::{Chainlink, EvmRpc, UniswapV2, UniswapV3, address};
    match kind {
        SourceKind::UniswapV2 {
            rpc,
            pool,
            synor,
            pair,
        } => {
            let (pool, synor) = (address("pool", pool)?, address("synor", synor)?);
            let rpc = EvmRpc::new(rpc.clone(), http);
            Ok(Arc::new(UniswapV2::new(rpc, pool, synor, pair.clone())))
        }
        SourceKind::UniswapV3 {
            rpc,
            pool,
            synor,
            pair,
            window_secs,
        } => {
            if *window_secs == 0 {
                return Err("window_secs must be above zero".to_owned());
            }
            let (pool, synor) = (address("pool", pool)?, address("synor", synor)?);
            let rpc = EvmRpc::new(rpc.clone(), http);
            let feed = UniswapV3::new(rpc, pool, synor, pair.clone(), *window_secs);
            Ok(Arc::new(feed))
        }
        SourceKind::Chainlink {
            rpc,
            feed,
            heartbeat_secs,
        } => {
            if *heartbeat_secs <= 0 {
                return Err("heartbeat_secs must be above zero".to_owned());
            }
            let rpc = EvmRpc::new(rpc.clone(), http);
            let feed = address("feed", feed)?;
            Ok(Arc::new(Chainlink::new(rpc, feed, *heartbeat_secs)))
        }
        SourceKind::Cex { .. } | SourceKind::Signed { .. } => {
            Err("it is not of an EVM chain".to_owned())
        }
    }
}

#[cfg(not(feature = "evm"))]
fn evm_feed(_: &SourceKind, _: Http) -> Result<Arc<dyn PriceFeed>, String> {
    Err(WITHOUT_EVM.to_owned())
}

#[cfg(not(feature = "evm"))]
const WITHOUT_EVM: &str = "this build has no EVM; build it with the feature `evm`";

#[cfg(feature = "evm")]
fn evm_signer(text: &str) -> Result<Signer, String> {
    crate::evm::address("signer", text).map(Signer::Eip712)
}

#[cfg(not(feature = "evm"))]
fn evm_signer(_: &str) -> Result<Signer, String> {
    Err(WITHOUT_EVM.to_owned())
}

fn verifying_key(text: &str) -> Result<VerifyingKey, String> {
    let bytes = hex::decode(text)
        .ok()
        .and_then(|b| <[u8; 32]>::try_from(b).ok());
    let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    key.ok_or_else(|| format!("signer: `{text}` is not an ed25519 key of 64 hexadecimal digits"))
}

/// What is signed has one line for each of these.
fn check_text(field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 100 || text.chars().any(char::is_control) {
        return Err(format!("{field} must be 1 to 100 characters on one line"));
    }
    Ok(())
}

fn check_url(field: &str, text: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(text).map_err(|e| format!("{field}: `{text}`: {e}"))?;
    match url.scheme() {
        "http" | "https" => Ok(()),
        other => Err(format!("{field}: `{other}` is not http or https")),
    }
}
