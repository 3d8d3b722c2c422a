//! What a SYNOR is worth, asked of others: Uniswap pools and Chainlink feeds over the JSON-RPC of an
//! EVM chain, tickers of exchanges, and reports that someone signs.
//!
//! Each is a [`PriceFeed`]. [`ask_all`] asks all of them at once and gives each the same time; what
//! a source sends is held to a size, and is believed by nobody until `oracle::aggregate` has seen
//! the others.

mod ask;
mod cex;
mod config;
#[cfg(feature = "evm")]
mod evm;
mod feed;
mod http;
mod signed;

pub use ask::{NamedFeed, ask_all};
pub use cex::{Cex, TickerMapping, TimeFormat};
pub use config::{ConfigError, SignatureScheme, SourceConfig, SourceKind, open};
#[cfg(feature = "evm")]
pub use evm::{Chainlink, EvmRpc, UniswapV2, UniswapV3, price_report_hash};
pub use feed::{FeedError, PriceFeed};
pub use http::{BODY_MAX_BYTES, Http};
pub use signed::{OffChain, SignedReport};
