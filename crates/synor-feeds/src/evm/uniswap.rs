//! Uniswap pools: V2 by its reserves, V3 by what it remembers of its ticks.

use alloy_primitives::Address;
use async_trait::async_trait;
use synor_economics::oracle::uniswap::PoolTokens;
use synor_economics::oracle::{PriceSource, Quote};
use synor_economics::period::Timestamp;
use tokio::sync::OnceCell;

use super::abi::{decimalsCall, getReservesCall, observeCall, token0Call, token1Call};
use super::rpc::{Block, EvmRpc};
use crate::feed::{FeedError, PriceFeed};

/// What both kinds of pools have.
#[derive(Debug)]
struct Pool {
    rpc: EvmRpc,
    pool: Address,
    synor: Address,
    pair: String,
    /// They never change.
    tokens: OnceCell<PoolTokens>,
}

impl Pool {
    fn new(rpc: EvmRpc, pool: Address, synor: Address, pair: String) -> Self {
        Self {
            rpc,
            pool,
            synor,
            pair,
            tokens: OnceCell::new(),
        }
    }

    async fn tokens(&self, block: Block) -> Result<PoolTokens, FeedError> {
        let read = || async {
            let token0 = self.rpc.call(self.pool, token0Call {}, block).await?;
            let token1 = self.rpc.call(self.pool, token1Call {}, block).await?;
            let synor_is_token0 = token0 == self.synor;
            let usd = if synor_is_token0 { token1 } else { token0 };
            if !synor_is_token0 && token1 != self.synor {
                return Err(FeedError::NotOfPool {
                    token0: token0.to_string(),
                    token1: token1.to_string(),
                });
            }
            let synor_decimals = self.rpc.call(self.synor, decimalsCall {}, block).await?;
            let usd_decimals = self.rpc.call(usd, decimalsCall {}, block).await?;
            Ok(PoolTokens {
                synor_is_token0,
                synor_decimals,
                usd_decimals,
            })
        };
        self.tokens.get_or_try_init(read).await.copied()
    }

    fn source(&self) -> PriceSource {
        PriceSource::Dex {
            pool_address: self.pool.to_string(),
            pair: self.pair.clone(),
        }
    }
}

/// The price of a V2 pool's reserves. One block can move it: it is for a median among others.
#[derive(Debug)]
pub struct UniswapV2(Pool);

impl UniswapV2 {
    /// The pool at an address, of which `synor` is one token and the other is worth a USD.
    pub fn new(rpc: EvmRpc, pool: Address, synor: Address, pair: String) -> Self {
        Self(Pool::new(rpc, pool, synor, pair))
    }
}

#[async_trait]
impl PriceFeed for UniswapV2 {
    fn source(&self) -> PriceSource {
        self.0.source()
    }

    async fn quote(&self, _now: Timestamp) -> Result<Quote, FeedError> {
        let pool = &self.0;
        let block = pool.rpc.latest().await?;
        let tokens = pool.tokens(block).await?;
        let reserves = pool.rpc.call(pool.pool, getReservesCall {}, block).await?;
        let (first, second) = (reserves.reserve0.to(), reserves.reserve1.to());
        Ok(Quote {
            price: tokens.v2_price(first, second)?,
            observed_at: block.at,
            volume_24h: None,
        })
    }
}

/// The geometric mean price of a V3 pool over a window.
#[derive(Debug)]
pub struct UniswapV3 {
    pool: Pool,
    window_secs: u32,
}

impl UniswapV3 {
    /// The pool at an address, of which `synor` is one token and the other is worth a USD. The pool
    /// must remember `window_secs` (`increaseObservationCardinalityNext`), or it refuses.
    pub fn new(rpc: EvmRpc, pool: Address, synor: Address, pair: String, window_secs: u32) -> Self {
        Self {
            pool: Pool::new(rpc, pool, synor, pair),
            window_secs,
        }
    }
}

#[async_trait]
impl PriceFeed for UniswapV3 {
    fn source(&self) -> PriceSource {
        self.pool.source()
    }

    async fn quote(&self, _now: Timestamp) -> Result<Quote, FeedError> {
        let pool = &self.pool;
        let block = pool.rpc.latest().await?;
        let tokens = pool.tokens(block).await?;
        let call = observeCall {
            secondsAgos: vec![self.window_secs, 0],
        };
        let seen = pool.rpc.call(pool.pool, call, block).await?;
        let [before, after] = seen.tickCumulatives.as_slice() else {
            return Err(FeedError::malformed("it observed other than two times"));
        };
        let (before, after) = (before.as_i64(), after.as_i64());
        Ok(Quote {
            price: tokens.v3_twap(before, after, self.window_secs)?,
            observed_at: block.at,
            volume_24h: None,
        })
    }
}
