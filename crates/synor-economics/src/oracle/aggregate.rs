//! One price out of many answers: the median of those that are fresh and not outlying.
//!
//! **While more than half of the fresh answers are honest, the price is never outside what the
//! honest ones said.** The two middle values of all fresh answers then have an honest answer on
//! either side; the median of what remains after outliers are dropped is held between them.

use serde::{Deserialize, Serialize};

use super::breaker::Trip;
use super::chainlink::AHEAD_MAX_SECS;
use super::history::DayStats;
use super::price::Price;
use super::price_feed::{Answer, PriceSource, Quote};
use crate::money::MicroSynor;
use crate::period::Timestamp;

/// An answer further from the median than this many median absolute deviations is an outlier.
pub const OUTLIER_MADS: u128 = 5;
/// An answer this close to the median is never an outlier, however close the others are to each
/// other: half a per cent, which arbitrage leaves between markets.
pub const OUTLIER_FLOOR_BPS: u64 = 50;

/// What a round is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregateLimits {
    /// How many answers must be left. More than half of the sources, so that no minority decides.
    pub quorum: usize,
    /// How old an answer may be, in seconds.
    pub stale_after_secs: i64,
    /// How far the lowest and the highest of the answers that are left may be apart, in parts of
    /// ten thousand of the price.
    pub spread_max_bps: u64,
}

/// How much a price is to be trusted, from 0 to 100: see [`PriceFeedAggregator::aggregate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Confidence(pub u8);

/// What became of a source's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceStatus {
    /// It counts.
    Used,
    /// It is too old, or of the future.
    Stale,
    /// It is too far from the others.
    Outlier,
    /// There is none.
    Failed,
}

impl SourceStatus {
    /// The status in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Stale => "stale",
            Self::Outlier => "outlier",
            Self::Failed => "failed",
        }
    }
}

/// A source in a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source's name.
    pub name: String,
    /// What it is.
    pub source: PriceSource,
    /// Whether it counts.
    pub status: SourceStatus,
    /// What it said, if anything.
    #[serde(flatten)]
    pub quote: Option<Quote>,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// A round: what each source said, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When the sources were asked.
    pub at: Timestamp,
    /// The median of the answers that count; none if there are none.
    #[serde(rename = "price_usd", skip_serializing_if = "Option::is_none", default)]
    pub price: Option<Price>,
    /// From 0 to 100.
    pub confidence: Confidence,
    /// How far the answers that count are apart, in parts of ten thousand of the price.
    pub spread_bps: u64,
    /// How much was traded in 24 hours where the sources that count say, in µSYNOR.
    #[serde(
        rename = "volume_24h_micro_synor",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub volume_24h: Option<MicroSynor>,
    /// Every source, in the order of the configuration.
    pub sources: Vec<SourceReport>,
    /// Why the price may not be used, as far as the round itself shows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<Trip>,
}

impl Outcome {
    /// The names of the sources that count.
    pub fn used(&self) -> Vec<String> {
        let used = |s: &&SourceReport| s.status == SourceStatus::Used;
        self.sources
            .iter()
            .filter(used)
            .map(|s| s.name.clone())
            .collect()
    }
}

/// The price as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregatedPrice {
    /// USD for one SYNOR, exact.
    #[serde(rename = "price_usd")]
    pub price: Price,
    /// The same at six decimals.
    pub price_micro_usd: u64,
    /// When it was found.
    pub at: Timestamp,
    /// From 0 to 100.
    pub confidence: Confidence,
    /// The sources that it follows from.
    pub sources: Vec<String>,
    /// What the price was in the last 24 hours.
    pub day: DayStats,
}

/// Makes one price of many answers.
#[derive(Debug, Clone, Copy)]
pub struct PriceFeedAggregator {
    /// What a round is held to.
    pub limits: AggregateLimits,
}

impl PriceFeedAggregator {
    /// What follows from the answers of one round.
    ///
    /// Confidence is `100 × coverage × (1 + agreement) / 2 × (1 + freshness) / 2`, rounded down:
    /// *coverage* is the part of all sources that count, *agreement* is one where they say the same
    /// and zero where they are as far apart as they may be, *freshness* is one where the oldest of
    /// them is of this second and zero where it is as old as it may be. It is zero if a limit is
    /// broken.
    pub fn aggregate(&self, answers: &[Answer], now: Timestamp) -> Outcome {
        let mut sources: Vec<_> = answers.iter().map(|a| self.weighed(a, now)).collect();
        let fresh = sorted_prices(&sources);
        let price = middle(&fresh).map(|median| {
            drop_outliers(&mut sources, median, &fresh);
            let kept = sorted_prices(&sources);
            let (low, high) = middle_pair(&fresh).unwrap_or((median, median));
            middle(&kept).unwrap_or(median).clamp(low, high)
        });
        let used = sorted_prices(&sources);
        let spread_bps = spread_bps(&used, price);
        let fault = self.fault(used.len(), spread_bps);
        let confidence = match fault {
            Some(_) => Confidence(0),
            None => self.confidence(&sources, spread_bps, now),
        };
        Outcome {
            at: now,
            price,
            confidence,
            spread_bps,
            volume_24h: volume(&sources),
            sources,
            fault,
        }
    }

    fn weighed(&self, answer: &Answer, now: Timestamp) -> SourceReport {
        let (status, quote, reason) = match &answer.quote {
            Err(reason) => (SourceStatus::Failed, None, Some(reason.clone())),
            Ok(quote) => match self.stale(quote, now) {
                Some(reason) => (SourceStatus::Stale, Some(*quote), Some(reason)),
                None => (SourceStatus::Used, Some(*quote), None),
            },
        };
        SourceReport {
            name: answer.name.clone(),
            source: answer.source.clone(),
            status,
            quote,
            reason,
        }
    }

    fn stale(&self, quote: &Quote, now: Timestamp) -> Option<String> {
        let age = now.secs_since(quote.observed_at);
        let most = self.limits.stale_after_secs;
        if age > most {
            Some(format!("it is {age} s old, more than {most}"))
        } else if age < AHEAD_MAX_SECS.saturating_neg() {
            Some(format!(
                "it is {} s ahead of the clock",
                age.saturating_neg()
            ))
        } else {
            None
        }
    }

    fn fault(&self, used: usize, spread_bps: u64) -> Option<Trip> {
        let AggregateLimits {
            quorum,
            spread_max_bps,
            ..
        } = self.limits;
        if used < quorum.max(1) {
            Some(Trip::ThinQuorum { used, quorum })
        } else if spread_bps > spread_max_bps {
            Some(Trip::Disagreement {
                spread_bps,
                spread_max_bps,
            })
        } else {
            None
        }
    }

    fn confidence(&self, sources: &[SourceReport], spread_bps: u64, now: Timestamp) -> Confidence {
        let counts = |s: &&SourceReport| s.status == SourceStatus::Used;
        let used = sources.iter().filter(counts);
        let count = u128::try_from(used.clone().count()).unwrap_or(0);
        let all = u128::try_from(sources.len()).unwrap_or(u128::MAX);
        let ages = used.filter_map(|s| Some(now.secs_since(s.quote?.observed_at).max(0)));
        let oldest = u64::try_from(ages.max().unwrap_or(0)).unwrap_or(u64::MAX);
        let age_max = u64::try_from(self.limits.stale_after_secs).unwrap_or(0);
        let agreement = left_of(spread_bps, self.limits.spread_max_bps);
        let freshness = left_of(oldest, age_max);
        // Each part is in ten thousandths: at most 100 × 10^4 × 2×10^4 × 2×10^4.
        let product = count
            .saturating_mul(100)
            .saturating_mul(agreement.saturating_add(PARTS))
            .saturating_mul(freshness.saturating_add(PARTS));
        let whole = all
            .saturating_mul(4)
            .saturating_mul(PARTS)
            .saturating_mul(PARTS);
        let percent = product.checked_div(whole).unwrap_or(0);
        Confidence(u8::try_from(percent).unwrap_or(100).min(100))
    }
}

const PARTS: u128 = 10_000;

/// How much is left of a limit, in ten thousandths.
fn left_of(used: u64, limit: u64) -> u128 {
    let left = u128::from(limit.saturating_sub(used)).saturating_mul(PARTS);
    left.checked_div(u128::from(limit)).unwrap_or(PARTS)
}

fn sorted_prices(sources: &[SourceReport]) -> Vec<Price> {
    let used = sources.iter().filter(|s| s.status == SourceStatus::Used);
    let mut prices: Vec<_> = used.filter_map(|s| Some(s.quote?.price)).collect();
    prices.sort_unstable();
    prices
}

/// The one or two values in the middle of a sorted list.
fn middle_pair<T: Copy>(sorted: &[T]) -> Option<(T, T)> {
    let half = sorted.len().checked_div(2)?;
    let high = *sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some((high, high));
    }
    Some((*sorted.get(half.checked_sub(1)?)?, high))
}

fn middle(sorted: &[Price]) -> Option<Price> {
    middle_pair(sorted).map(|(low, high)| low.between(high))
}

fn drop_outliers(sources: &mut [SourceReport], median: Price, fresh: &[Price]) {
    let distance = |price: Price| price.atto().abs_diff(median.atto());
    let mut distances: Vec<_> = fresh.iter().map(|p| distance(*p)).collect();
    distances.sort_unstable();
    // The larger of two middle ones, so that half of the answers are always kept.
    let deviation = middle_pair(&distances).map_or(0, |(_, high)| high);
    let far = deviation.saturating_mul(OUTLIER_MADS);
    for report in sources
        .iter_mut()
        .filter(|s| s.status == SourceStatus::Used)
    {
        let Some(Quote { price, .. }) = report.quote else {
            continue;
        };
        let off = price.off_bps(median);
        if distance(price) > far && off > OUTLIER_FLOOR_BPS {
            report.status = SourceStatus::Outlier;
            report.reason = Some(format!("it is {} % from the median {median}", percent(off)));
        }
    }
}

/// Parts of ten thousand as per cent.
pub(crate) fn percent(bps: u64) -> String {
    let whole = bps.checked_div(100).unwrap_or_default();
    let rest = bps.checked_rem(100).unwrap_or_default();
    format!("{whole}.{rest:02}")
}

fn spread_bps(sorted: &[Price], price: Option<Price>) -> u64 {
    match (sorted.first(), sorted.last(), price) {
        (Some(low), Some(high), Some(price)) => {
            let width = high.atto().saturating_sub(low.atto()).saturating_mul(PARTS);
            u64::try_from(width.div_ceil(price.atto())).unwrap_or(u64::MAX)
        }
        _ => 0,
    }
}

fn volume(sources: &[SourceReport]) -> Option<MicroSynor> {
    let used = sources.iter().filter(|s| s.status == SourceStatus::Used);
    let said: Vec<_> = used.filter_map(|s| s.quote?.volume_24h).collect();
    if said.is_empty() {
        return None;
    }
    MicroSynor::sum(said).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

    pub(crate) fn answer(name: &str, price: &str, age: i64) -> Answer {
        let quote = price.parse().map(|price| Quote {
            price,
            observed_at: NOW.plus_secs(-age),
            volume_24h: None,
        });
        Answer {
            name: name.to_owned(),
            source: PriceSource::OffChain {
                oracle_id: name.to_owned(),
            },
            quote: quote.map_err(|e| e.to_string()),
        }
    }

    fn aggregator(quorum: usize) -> PriceFeedAggregator {
        let limits = AggregateLimits {
            quorum,
            stale_after_secs: 100,
            spread_max_bps: 500,
        };
        PriceFeedAggregator { limits }
    }

    fn check(answers: &[(&str, i64)], expected: &str) {
        let answers: Vec<_> = (0..)
            .zip(answers)
            .map(|(n, (price, age))| answer(&format!("s{n}"), price, *age))
            .collect();
        let outcome = aggregator(2).aggregate(&answers, NOW);
        let price = outcome.price.map_or("none".to_owned(), |p| p.to_string());
        let statuses: Vec<_> = outcome.sources.iter().map(|s| s.status.name()).collect();
        let fault = outcome.fault.map_or(String::new(), |f| format!(" | {f}"));
        let shown = format!(
            "{price} {} % {}{fault}",
            outcome.confidence.0,
            statuses.join(" ")
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn rounds() {
        check(&[("1", 0), ("1", 0), ("1", 0)], "1 100 % used used used");
        // The oldest is half as old as it may be: (1 + ½)/2 of 100.
        check(&[("1", 50), ("1", 0)], "1 75 % used used");
        // 250 of 500 ten thousandths apart: (1 + ½)/2 of 100.
        check(&[("0.9875", 0), ("1.0125", 0)], "1 75 % used used");
        check(
            &[("1", 0), ("1.01", 0), ("10", 0), ("1", 101), ("x", 0)],
            "1.01 36 % used used outlier stale failed",
        );
        check(
            &[("1", 0)],
            "1 0 % used | 1 of the 2 sources that are needed answered",
        );
        check(
            &[],
            "none 0 %  | 0 of the 2 sources that are needed answered",
        );
        check(
            &[("1", 0), ("1.2", 0)],
            "1.1 0 % used used | the sources are 18.19 % apart, and 5.00 % is the most",
        );
        check(
            &[("1", 0), ("1", -61)],
            "1 0 % used stale | 1 of the 2 sources that are needed answered",
        );
    }

    /// Honest answers far apart and lies that sit close together just outside of them: the lies
    /// are dropped or not, the price stays with the honest.
    #[test]
    fn lies_that_huddle_do_not_carry_the_median_away() {
        let answers = [("1", 0), ("1", 0), ("10", 0), ("10.1", 0), ("10.1", 0)];
        let answers = answers.map(|(price, age)| answer("s", price, age));
        let outcome = aggregator(2).aggregate(&answers, NOW);
        assert_eq!(outcome.price, "10".parse().ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn an_honest_majority_is_never_left(
            honest in prop::collection::vec(1u128..1_000_000, 1..12),
            lies in prop::collection::vec(1u128..10_000_000, 0..12),
        ) {
            let lies = &lies[..lies.len().min(honest.len() - 1)];
            let said = |atto: &u128| answer("s", &Price::from_atto(*atto).unwrap().to_string(), 0);
            let answers: Vec<_> = honest.iter().chain(lies).map(said).collect();
            let price = aggregator(1).aggregate(&answers, NOW).price.unwrap().atto();
            prop_assert!(honest.iter().min().unwrap() <= &price);
            prop_assert!(&price <= honest.iter().max().unwrap());
        }

        #[test]
        fn the_order_of_sources_does_not_matter(prices in prop::collection::vec(1u128..1_000_000, 1..9)) {
            let said = |atto: &u128| answer("s", &Price::from_atto(*atto).unwrap().to_string(), 0);
            let forth: Vec<_> = prices.iter().map(said).collect();
            let back: Vec<_> = prices.iter().rev().map(said).collect();
            let (forth, back) = (aggregator(1).aggregate(&forth, NOW), aggregator(1).aggregate(&back, NOW));
            prop_assert_eq!(forth.price, back.price);
            prop_assert_eq!(forth.spread_bps, back.spread_bps);
        }

        #[test]
        fn at_least_half_of_the_fresh_answers_are_kept(prices in prop::collection::vec(1u128..1_000_000, 1..20)) {
            let said = |atto: &u128| answer("s", &Price::from_atto(*atto).unwrap().to_string(), 0);
            let answers: Vec<_> = prices.iter().map(said).collect();
            let used = aggregator(1).aggregate(&answers, NOW).used().len();
            prop_assert!(used * 2 >= prices.len());
        }
    }
}
