//! Where prices come from, and what a source answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::price::Price;
use crate::money::MicroSynor;
use crate::period::Timestamp;

/// A source of prices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PriceSource {
    /// A Uniswap pool, read on chain.
    Dex {
        /// The pool.
        pool_address: String,
        /// What it trades: `SYNOR/USDC`.
        pair: String,
    },
    /// A Chainlink aggregator.
    Chainlink {
        /// The aggregator.
        feed_address: String,
    },
    /// A centralized exchange.
    Cex {
        /// Its name.
        exchange: String,
        /// Where its ticker is.
        api_endpoint: String,
    },
    /// Someone who signs what they say.
    OffChain {
        /// Who.
        oracle_id: String,
    },
}

impl PriceSource {
    /// The kind, in one word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Dex { .. } => "dex",
            Self::Chainlink { .. } => "chainlink",
            Self::Cex { .. } => "cex",
            Self::OffChain { .. } => "off_chain",
        }
    }
}

impl fmt::Display for PriceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Dex { pool_address, pair } => format!("dex {pair} {pool_address}"),
            Self::Chainlink { feed_address } => format!("chainlink {feed_address}"),
            Self::Cex { exchange, .. } => format!("cex {exchange}"),
            Self::OffChain { oracle_id } => format!("off_chain {oracle_id}"),
        };
        f.pad(&text)
    }
}

/// What a source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// USD for one SYNOR.
    #[serde(rename = "price_usd")]
    pub price: Price,
    /// The time that it is the price of, by the source.
    pub observed_at: Timestamp,
    /// How much was traded there in the last 24 hours, in µSYNOR, where the source says.
    #[serde(
        rename = "volume_24h_micro_synor",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub volume_24h: Option<MicroSynor>,
}

/// What became of asking a source in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name that the operator gave the source, unique among all.
    pub name: String,
    /// What it is.
    pub source: PriceSource,
    /// What it said, or why it said nothing that counts.
    pub quote: Result<Quote, String>,
}
