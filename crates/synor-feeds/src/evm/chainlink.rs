//! A Chainlink aggregator.

use alloy_primitives::Address;
use async_trait::async_trait;
use synor_economics::oracle::chainlink::Round;
use synor_economics::oracle::{PriceSource, Quote};
use synor_economics::period::Timestamp;
use tokio::sync::OnceCell;

use super::abi::{decimalsCall, latestRoundDataCall};
use super::rpc::EvmRpc;
use crate::feed::{FeedError, PriceFeed};

/// An aggregator of SYNOR in USD.
#[derive(Debug)]
pub struct Chainlink {
    rpc: EvmRpc,
    feed: Address,
    heartbeat_secs: i64,
    decimals: OnceCell<u8>,
}

impl Chainlink {
    /// The aggregator at an address, whose answers may be so old.
    pub fn new(rpc: EvmRpc, feed: Address, heartbeat_secs: i64) -> Self {
        Self {
            rpc,
            feed,
            heartbeat_secs,
            decimals: OnceCell::new(),
        }
    }
}

#[async_trait]
impl PriceFeed for Chainlink {
    fn source(&self) -> PriceSource {
        PriceSource::Chainlink {
            feed_address: self.feed.to_string(),
        }
    }

    async fn quote(&self, now: Timestamp) -> Result<Quote, FeedError> {
        let block = self.rpc.latest().await?;
        let decimals = self.rpc.call(self.feed, decimalsCall {}, block);
        let decimals = *self.decimals.get_or_try_init(|| decimals).await?;
        let said = self
            .rpc
            .call(self.feed, latestRoundDataCall {}, block)
            .await?;
        let updated_at = i64::try_from(said.updatedAt).map_err(FeedError::malformed)?;
        let round_id = said.roundId.to::<u128>();
        let answer = i128::try_from(said.answer).map_err(FeedError::malformed)?;
        let round = Round {
            round_id,
            answer,
            updated_at: Timestamp::from_secs(updated_at),
            answered_in_round: said.answeredInRound.to::<u128>(),
        };
        let price = round.price(decimals, self.heartbeat_secs, now);
        Ok(Quote {
            price: price?,
            // Between two updates the answer stands: the chain that says so must be alive.
            observed_at: block.at,
            volume_24h: None,
        })
    }
}
