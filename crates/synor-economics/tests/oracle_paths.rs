//! Ten thousand simulated paths of a price, asked of sources that fail, lag, spike and lie. While
//! the honest are the majority of those that answer, what comes out is within what they said; when
//! they are not, it is refused or within the breaker's bound of what was good before.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use synor_economics::oracle::{
    AggregateLimits, Answer, Breaker, BreakerLimits, HistoryPoint, Price, PriceFeedAggregator,
    PriceSource, Quote, Standing,
};
use synor_economics::period::Timestamp;

const PATHS: u64 = 10_000;
const ROUNDS: i64 = 24;
const STEP_SECS: i64 = 60;
const STALE_SECS: i64 = 180;
const BOUNDS: BreakerLimits = BreakerLimits {
    jump_max_bps: 2_000,
    jump_window_secs: 900,
    fresh_secs: 120,
    hold_secs: 600,
};
const MILLI_USD: u128 = 1_000_000_000_000_000;

/// xorshift64*, so that a path is told by its number.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A value up to so many parts of ten thousand above or below.
    fn near(&mut self, value: u128, bps: u64) -> u128 {
        let off = self.below(2 * bps + 1);
        value * u128::from(10_000 - bps + off) / 10_000
    }
}

#[derive(Clone, Copy)]
enum Temper {
    Honest,
    /// Says the price of some rounds ago, at its time or as if it were of now.
    Lagging {
        rounds: usize,
        admits: bool,
    },
    Times(u128),
    Tenth,
    /// Follows the price and walks away from it.
    Drifting,
    Random,
}

impl Temper {
    fn of_liar(random: &mut Random) -> Self {
        match random.below(5) {
            0 => Self::Times(2 + u128::from(random.below(20))),
            1 => Self::Tenth,
            2 => Self::Drifting,
            3 => Self::Random,
            _ => Self::Lagging {
                rounds: 5,
                admits: false,
            },
        }
    }

    const fn is_honest(self) -> bool {
        matches!(self, Self::Honest | Self::Lagging { admits: true, .. })
    }
}

#[derive(Debug, Default)]
struct Seen {
    good_with_honest_majority: u64,
    good_without: u64,
    refused_rounds: u64,
    held: u64,
    no_price: u64,
    far_lie_taken: u64,
}

fn walk(path: u64, seen: &mut Seen) {
    let mut random = Random(path.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let count = 3 + random.below(7) as usize;
    // Half of the paths have a minority of liars at most, the others any number.
    let liars_max = if random.one_in(2) {
        count.div_ceil(2)
    } else {
        count + 1
    };
    let liars = random.below(liars_max as u64) as usize;
    let mut tempers: Vec<_> = (0..liars).map(|_| Temper::of_liar(&mut random)).collect();
    while tempers.len() < count {
        let lags = random.one_in(4);
        tempers.push(if lags {
            let rounds = random.below(5) as usize;
            Temper::Lagging {
                rounds,
                admits: true,
            }
        } else {
            Temper::Honest
        });
    }
    let limits = AggregateLimits {
        quorum: count / 2 + 1,
        stale_after_secs: STALE_SECS,
        spread_max_bps: 1_000,
    };
    let aggregator = PriceFeedAggregator { limits };
    let mut breaker = Breaker::default();
    let mut history: Vec<HistoryPoint> = Vec::new();
    let mut truths = vec![u128::from(1 + random.below(5_000)) * MILLI_USD];
    let outages = if random.one_in(3) { 3 } else { 20 };
    for round in 0..ROUNDS {
        let now = Timestamp::from_secs(1_000_000 + round * STEP_SECS);
        let last = *truths.last().unwrap();
        let moved = if random.one_in(40) {
            random.near(last * 13 / 10, 100)
        } else {
            random.near(last, 100)
        };
        truths.push(moved);
        let mut answers = Vec::with_capacity(count);
        let mut honest = Vec::new();
        let mut lies = 0;
        for temper in &tempers {
            let (said, age) = say(*temper, &truths, round, &mut random);
            let fails = random.one_in(outages);
            if !fails && age <= STALE_SECS {
                if temper.is_honest() {
                    honest.push(said);
                } else {
                    lies += 1;
                }
            }
            answers.push(Answer {
                name: String::new(),
                source: PriceSource::OffChain {
                    oracle_id: String::new(),
                },
                quote: if fails {
                    Err("timeout".to_owned())
                } else {
                    Ok(Quote {
                        price: Price::from_atto(said).unwrap(),
                        observed_at: now.plus_secs(-age),
                        volume_24h: None,
                    })
                },
            });
        }
        let outcome = aggregator.aggregate(&answers, now);
        let good = breaker.take(&outcome, &history, &BOUNDS);
        let has_majority = honest.len() > lies;
        if good {
            let price = outcome.price.unwrap();
            if has_majority {
                seen.good_with_honest_majority += 1;
                let (low, high) = (honest.iter().min().unwrap(), honest.iter().max().unwrap());
                let within = (*low..=*high).contains(&price.atto());
                assert!(within, "path {path}, round {round}: {price} of {honest:?}");
            } else {
                seen.good_without += 1;
                let off = price.off_bps(Price::from_atto(moved).unwrap());
                seen.far_lie_taken += u64::from(off > 5_000 && !history.is_empty());
            }
            for before in history.iter().rev().take(1) {
                let windows = now.secs_since(before.at) / BOUNDS.jump_window_secs + 1;
                let bound = BOUNDS.jump_max_bps * u64::try_from(windows).unwrap();
                let off = price.off_bps(before.price);
                assert!(off <= bound, "path {path}, round {round}: moved {off}");
            }
            history.push(HistoryPoint {
                at: now,
                price,
                confidence: outcome.confidence,
                volume_24h: None,
                sources: Vec::new(),
            });
        } else {
            seen.refused_rounds += 1;
        }
        match breaker.standing(now, &BOUNDS) {
            Standing::Good(current) => assert_eq!(current.at, now),
            Standing::Held { good, .. } => {
                seen.held += 1;
                let last = history.last().unwrap();
                assert_eq!((good.price_usd, good.at), (last.price, last.at));
                assert!(now.secs_since(good.at) <= BOUNDS.hold_secs);
            }
            Standing::Refused { .. } => seen.no_price += 1,
        }
    }
}

/// What a source says, and how old it says that is.
fn say(temper: Temper, truths: &[u128], round: i64, random: &mut Random) -> (u128, i64) {
    let truth = *truths.last().unwrap();
    match temper {
        Temper::Honest => (random.near(truth, 20), random.below(30) as i64),
        Temper::Lagging { rounds, admits } => {
            let back = rounds.min(truths.len() - 1);
            let said = truths[truths.len() - 1 - back];
            let age = if admits { back as i64 * STEP_SECS } else { 0 };
            (said, age)
        }
        Temper::Times(factor) => (truth * factor, 0),
        Temper::Tenth => (truth / 10, 0),
        Temper::Drifting => (truth * u128::try_from(100 + round).unwrap() / 100, 0),
        Temper::Random => (u128::from(1 + random.below(1_000_000)) * MILLI_USD, 0),
    }
}

#[test]
fn ten_thousand_paths() {
    let mut seen = Seen::default();
    for path in 0..PATHS {
        walk(path, &mut seen);
    }
    // All that was asserted did happen.
    assert!(seen.good_with_honest_majority > 100_000, "{seen:?}");
    assert!(seen.good_without > 1_000, "{seen:?}");
    assert!(seen.refused_rounds > 10_000, "{seen:?}");
    assert!(seen.held > 10_000, "{seen:?}");
    assert!(seen.no_price > 1_000, "{seen:?}");
    println!("{seen:?}");
}
