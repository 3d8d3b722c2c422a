//! The feeds of an EVM chain against Uniswap's own contracts, and what a manipulated block does to
//! the price that comes out. Each number is held against what the pool itself answers.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod chain;

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::aliases::I24;
use alloy_primitives::{Address, I256, U160, U256};
use alloy_sol_types::SolValue;
use synor_economics::oracle::{
    AggregateLimits, Breaker, BreakerLimits, Confidence, HistoryPoint, Price, PriceFeedAggregator,
    PriceSource, Quote,
};
use synor_economics::period::Timestamp;
use synor_feeds::{
    Chainlink, EvmRpc, FeedError, Http, NamedFeed, PriceFeed, UniswapV2, UniswapV3, ask_all,
};
use synor_testkit::evm::own_contract;

use chain::*;

const SYNOR: u128 = 1_000_000_000_000_000_000;
const USD: u128 = 1_000_000;

fn rpc(chain: &Chain) -> EvmRpc {
    let http = Http::new(Duration::from_secs(10)).unwrap();
    EvmRpc::new(chain.anvil.url.clone(), http)
}

fn v2(chain: &Chain, pool: Address, synor: Address) -> UniswapV2 {
    UniswapV2::new(rpc(chain), pool, synor, "SYNOR/USDC".to_owned())
}

fn v3(chain: &Chain, pool: Address, synor: Address, window_secs: u32) -> UniswapV3 {
    UniswapV3::new(
        rpc(chain),
        pool,
        synor,
        "SYNOR/USDC".to_owned(),
        window_secs,
    )
}

/// USD for one SYNOR from two amounts in smallest units, as a test works it out: in floats.
fn ratio(usd: f64, synor: f64) -> f64 {
    (usd / 1e6) / (synor / 1e18)
}

fn as_float(price: Price) -> f64 {
    price.to_string().parse().unwrap()
}

fn assert_near(got: Price, expected: f64, relative: f64) {
    let off = (as_float(got) / expected - 1.0).abs();
    assert!(off < relative, "{got} is not {expected}");
}

/// A V2 pair with a million SYNOR at a quarter USD.
async fn filled_pair(chain: &Chain, synor: Address, usd: Address) -> Address {
    let pair = chain.v2_pair(synor, usd).await;
    let (synor_in, usd_in) = (U256::from(1_000_000 * SYNOR), U256::from(250_000 * USD));
    let first = synor < usd;
    let call = fillV2Call {
        pair,
        amount0: if first { synor_in } else { usd_in },
        amount1: if first { usd_in } else { synor_in },
    };
    chain.send(chain.trader, call).await;
    pair
}

/// A V3 pool at a quarter USD with liquidity at every price.
async fn filled_pool(chain: &Chain, synor: Address, usd: Address) -> Address {
    let pool = chain.v3_pool(synor, usd).await;
    // √(0.25 × 10^-12) = 5 × 10^-7, and its reciprocal.
    let one: U256 = U256::from(1) << 96;
    let root = if synor < usd {
        one / U256::from(2_000_000)
    } else {
        one * U256::from(2_000_000)
    };
    let call = initializeCall {
        sqrtPriceX96: U160::from(root),
    };
    chain.send(pool, call).await;
    let next = 50;
    chain
        .send(pool, increaseObservationCardinalityNextCall { next })
        .await;
    let call = fillV3Call {
        pool,
        lower: I24::try_from(-887_220).unwrap(),
        upper: I24::try_from(887_220).unwrap(),
        liquidity: 500_000_000_000_000_000,
    };
    chain.send(chain.trader, call).await;
    pool
}

async fn trade_v3(chain: &Chain, pool: Address, zero_for_one: bool, amount: u128) {
    // As far as it goes: TickMath's own ends.
    let limit = if zero_for_one {
        U160::from(4_295_128_740_u64)
    } else {
        "1461446703485210103287273052203988822378723970341"
            .parse()
            .unwrap()
    };
    let call = tradeV3Call {
        pool,
        zeroForOne: zero_for_one,
        amountIn: I256::try_from(amount).unwrap(),
        limit,
    };
    chain.send(chain.trader, call).await;
}

#[tokio::test]
async fn a_v2_pool_says_what_its_reserves_are() {
    let Some(chain) = Chain::start().await else {
        return;
    };
    for synor_first in [true, false] {
        let (synor, usd) = chain.tokens(synor_first).await;
        let pair = filled_pair(&chain, synor, usd).await;
        let feed = v2(&chain, pair, synor);
        let quote = feed.quote(chain.now().await).await.unwrap();
        assert_eq!(quote.price.to_string(), "0.25");
        assert_eq!(quote.observed_at, chain.now().await);

        // Someone buys SYNOR for 10,000 USD: the price rises by about 8 %.
        let call = tradeV2Call {
            pair,
            zeroForOne: !synor_first,
            amountIn: U256::from(10_000 * USD),
        };
        chain.send(chain.trader, call).await;
        let reserves = chain.read(pair, getReservesCall {}).await;
        let (first, second) = (
            reserves.reserve0.to::<u128>(),
            reserves.reserve1.to::<u128>(),
        );
        let (synor_left, usd_left) = if synor_first {
            (first, second)
        } else {
            (second, first)
        };
        assert_eq!(usd_left, 260_000 * USD);
        let quote = feed.quote(chain.now().await).await.unwrap();
        assert_near(
            quote.price,
            ratio(usd_left as f64, synor_left as f64),
            1e-12,
        );
        assert!(as_float(quote.price) > 0.27);

        // A pool of other tokens is refused rather than read the wrong way round.
        let other = chain.token(18).await;
        let wrong = v2(&chain, pair, other).quote(chain.now().await).await;
        assert!(
            matches!(wrong, Err(FeedError::NotOfPool { .. })),
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_v3_pool_says_what_its_price_was_over_time() {
    let Some(chain) = Chain::start().await else {
        return;
    };
    for synor_first in [true, false] {
        let (synor, usd) = chain.tokens(synor_first).await;
        let pool = filled_pool(&chain, synor, usd).await;
        let feed = v3(&chain, pool, synor, 600);
        // It was made just now and remembers less than that.
        let young = feed.quote(chain.now().await).await;
        assert!(matches!(young, Err(FeedError::Rpc(_))), "{young:?}");
        chain.pass(700).await;
        let quote = feed.quote(chain.now().await).await.unwrap();
        // A tick is a ten-thousandth wide.
        assert_near(quote.price, 0.25, 1.1e-4);

        trade_v3(&chain, pool, !synor_first, 30_000 * USD).await;
        let slot = chain.read(pool, slot0Call {}).await;
        let tick = f64::from(slot.tick.as_i32());
        let now = if synor_first {
            1.0001f64.powf(tick)
        } else {
            1.0001f64.powf(-tick)
        } * 1e12;
        assert!(now > 0.30, "{now}");
        // At once hardly anything, after the whole window all of it.
        let quote = feed.quote(chain.now().await).await.unwrap();
        assert_near(quote.price, 0.25, 0.01);
        chain.pass(300).await;
        let quote = feed.quote(chain.now().await).await.unwrap();
        assert_near(quote.price, (0.25f64 * now).sqrt(), 0.01);
        chain.pass(600).await;
        let quote = feed.quote(chain.now().await).await.unwrap();
        assert_near(quote.price, now, 1.1e-4);
    }
}

#[tokio::test]
async fn a_chainlink_feed_is_believed_only_if_its_round_is_whole_and_fresh() {
    let Some(chain) = Chain::start().await else {
        return;
    };
    let arguments = (U256::from(8),).abi_encode_params();
    let aggregator = chain.deploy(&own_contract("Aggregator"), arguments).await;
    let feed = Chainlink::new(rpc(&chain), aggregator, 3_600);
    let never = feed.quote(chain.now().await).await.unwrap_err().to_string();
    assert!(never.contains("not complete"), "{never}");
    let set = |round: u64, answer: i64, at: Timestamp, of: u64| setCall {
        roundId: alloy_primitives::Uint::from(round),
        answer: I256::try_from(answer).unwrap(),
        updatedAt: U256::from(at.secs()),
        answeredInRound: alloy_primitives::Uint::from(of),
    };
    let at = chain.now().await;
    chain.send(aggregator, set(7, 25_125_000, at, 7)).await;
    let quote = feed.quote(chain.now().await).await.unwrap();
    assert_eq!(quote.price.to_string(), "0.25125");
    for (call, why) in [
        (set(8, 25_125_000, at, 7), "answer of round 7"),
        (set(8, -1, at, 8), "not above zero"),
        (set(8, 25_125_000, at.plus_secs(-4_000), 8), "heartbeat"),
    ] {
        chain.send(aggregator, call).await;
        let error = feed.quote(chain.now().await).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

/// A source that is not on the chain.
struct Says(&'static str);

#[async_trait::async_trait]
impl PriceFeed for Says {
    fn source(&self) -> PriceSource {
        let exchange = "elsewhere".to_owned();
        let api_endpoint = String::new();
        PriceSource::Cex {
            exchange,
            api_endpoint,
        }
    }

    async fn quote(&self, now: Timestamp) -> Result<Quote, FeedError> {
        Ok(Quote {
            price: self.0.parse()?,
            observed_at: now,
            volume_24h: None,
        })
    }
}

/// In one block someone moves both pools tenfold; the price moves by less than half a per cent, and
/// the round names the pool that was left out.
#[tokio::test]
async fn a_block_that_moves_the_pools_tenfold_does_not_move_the_price() {
    let Some(chain) = Chain::start().await else {
        return;
    };
    let (synor, usd) = chain.tokens(true).await;
    let pair = filled_pair(&chain, synor, usd).await;
    let pool = filled_pool(&chain, synor, usd).await;
    chain.pass(2_000).await;
    let named = |name: &str, feed: Arc<dyn PriceFeed>| NamedFeed {
        name: name.to_owned(),
        feed,
    };
    let feeds = [
        named("v2", Arc::new(v2(&chain, pair, synor))),
        named("v3", Arc::new(v3(&chain, pool, synor, 1_800))),
        named("elsewhere", Arc::new(Says("0.2502"))),
    ];
    let limits = AggregateLimits {
        quorum: 2,
        stale_after_secs: 60,
        spread_max_bps: 500,
    };
    let aggregator = PriceFeedAggregator { limits };
    let bounds = BreakerLimits {
        jump_max_bps: 2_000,
        jump_window_secs: 3_600,
        fresh_secs: 120,
        hold_secs: 3_600,
    };
    let mut breaker = Breaker::default();
    let timeout = Duration::from_secs(10);
    let now = chain.now().await;
    let before = aggregator.aggregate(&ask_all(&feeds, now, timeout).await, now);
    assert_eq!(before.used(), ["v2", "v3", "elsewhere"]);
    assert!(breaker.take(&before, &[], &bounds));
    let good = before.price.unwrap();
    let history = [HistoryPoint {
        at: now,
        price: good,
        confidence: Confidence(100),
        volume_24h: None,
        sources: Vec::new(),
    }];

    // √10 times the dollars in the pool make the price tenfold.
    let call = tradeV2Call {
        pair,
        zeroForOne: false,
        amountIn: U256::from(542_000 * USD),
    };
    chain.send(chain.trader, call).await;
    trade_v3(&chain, pool, false, 542_000 * USD).await;
    let now = chain.now().await;
    let after = aggregator.aggregate(&ask_all(&feeds, now, timeout).await, now);
    let of = |name: &str| after.sources.iter().find(|s| s.name == name).unwrap();
    let spot = of("v2").quote.unwrap().price;
    assert!(as_float(spot) > 2.4, "{spot}");
    assert_eq!(of("v2").status.name(), "outlier");
    assert!(
        of("v2")
            .reason
            .as_ref()
            .unwrap()
            .contains("from the median")
    );
    let moved = after.price.unwrap().off_bps(good);
    assert!(moved < 50, "moved by {moved} ten-thousandths");
    assert!(breaker.take(&after, &history, &bounds));

    // Were the pool the only source, there would be no price at all, rather than that one.
    let alone = PriceFeedAggregator {
        limits: AggregateLimits {
            quorum: 1,
            ..limits
        },
    };
    let lied = alone.aggregate(&ask_all(&feeds[..1], now, timeout).await, now);
    assert_eq!(lied.price, Some(spot));
    let mut breaker = breaker.clone();
    assert!(!breaker.take(&lied, &history, &bounds));
    assert_eq!(breaker.last_good.unwrap().price_usd, after.price.unwrap());
}
