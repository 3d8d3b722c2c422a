//! The seam: something that can be asked what a SYNOR is worth.

use async_trait::async_trait;
use synor_economics::oracle::chainlink::RoundError;
use synor_economics::oracle::uniswap::PoolError;
use synor_economics::oracle::{PriceError, PriceSource, Quote};
use synor_economics::period::Timestamp;
use thiserror::Error;

/// A source of prices.
#[async_trait]
pub trait PriceFeed: Send + Sync {
    /// What it is.
    fn source(&self) -> PriceSource;

    /// What it says now; `now` is our clock, to which freshness is held.
    async fn quote(&self, now: Timestamp) -> Result<Quote, FeedError>;
}

/// Why a source said nothing that counts.
#[derive(Debug, Error)]
pub enum FeedError {
    /// It could not be reached, or broke off.
    #[error("cannot reach it: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("it did not answer within {0} ms")]
    Timeout(u128),
    /// It answered with an HTTP status that is no success.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
    /// It sent more than is read.
    #[error("it sent more than {0} bytes")]
    TooLong(usize),
    /// What it sent cannot be read.
    #[error("its answer cannot be read: {0}")]
    Malformed(String),
    /// The chain refused the call.
    #[error("the chain refused the call: {0}")]
    Rpc(String),
    /// The pool is not of the configured token.
    #[error("the pool trades {token0} and {token1}, and neither is the configured SYNOR token")]
    NotOfPool {
        /// Its first token.
        token0: String,
        /// Its second token.
        token1: String,
    },
    /// The signature is not the signer's.
    #[error("the signature is not of {0}")]
    Signature(String),
    /// What it says is no price.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// The pool gives no price.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The feed's round is not to be believed.
    #[error(transparent)]
    Round(#[from] RoundError),
}

impl FeedError {
    /// What was sent cannot be read, for this reason. What it quotes is cut short.
    pub fn malformed(reason: impl ToString) -> Self {
        Self::Malformed(reason.to_string().chars().take(200).collect())
    }
}
