//! `[oracle]` of `synor.toml`: whom to ask what a SYNOR is worth, and what to hold them to.

use std::time::Duration;

use serde::Deserialize;
use synor_economics::money::Exact;
use synor_economics::oracle::{AggregateLimits, BreakerLimits};
use synor_engine::OracleConfig;
use synor_feeds::SourceConfig;

use crate::error::error;

/// The oracle as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OracleSection {
    /// Whom to ask.
    sources: Vec<SourceConfig>,
    /// How many must answer [default: more than half].
    quorum: Option<usize>,
    /// Seconds between rounds.
    #[serde(default = "default_interval")]
    interval_secs: i64,
    /// How long a source may take, in milliseconds.
    #[serde(default = "default_timeout")]
    timeout_ms: u64,
    /// How old an answer may be, in seconds.
    #[serde(default = "default_stale")]
    stale_after_secs: i64,
    /// How far the answers may be apart, in per cent of the price.
    #[serde(default = "default_spread")]
    spread_max_percent: String,
    /// How far the price may move in `jump_window_secs`, in per cent.
    #[serde(default = "default_jump")]
    jump_max_percent: String,
    /// The window of that, in seconds.
    #[serde(default = "default_jump_window")]
    jump_window_secs: i64,
    /// For how long the last good price holds, in seconds.
    #[serde(default = "default_hold")]
    hold_secs: i64,
}

const fn default_interval() -> i64 {
    60
}

const fn default_timeout() -> u64 {
    5_000
}

const fn default_stale() -> i64 {
    300
}

fn default_spread() -> String {
    "5".to_owned()
}

fn default_jump() -> String {
    "20".to_owned()
}

const fn default_jump_window() -> i64 {
    3_600
}

const fn default_hold() -> i64 {
    6 * 3_600
}

impl OracleSection {
    /// The engine's part.
    pub fn open(&self) -> anyhow::Result<OracleConfig> {
        let timeout = Duration::from_millis(self.timeout_ms.max(1));
        let feeds = synor_feeds::open(&self.sources, timeout).map_err(|e| error(e.to_string()))?;
        let config = OracleConfig {
            aggregate: AggregateLimits {
                quorum: self.quorum.unwrap_or(feeds.len() / 2 + 1),
                stale_after_secs: self.stale_after_secs,
                spread_max_bps: bps("spread_max_percent", &self.spread_max_percent)?,
            },
            breaker: BreakerLimits {
                jump_max_bps: bps("jump_max_percent", &self.jump_max_percent)?,
                jump_window_secs: self.jump_window_secs,
                // A round may take its time, and one may fail.
                fresh_secs: self.interval_secs.saturating_mul(3),
                hold_secs: self.hold_secs,
            },
            feeds,
            interval_secs: self.interval_secs,
            timeout,
        };
        config.check()?;
        Ok(config)
    }
}

/// Per cent with at most two decimals as parts of ten thousand.
fn bps(field: &str, percent: &str) -> anyhow::Result<u64> {
    let exact = Exact::parse_decimal(percent)?.checked_mul(Exact::from_integer(100))?;
    let whole = exact.to_integer().and_then(|bps| u64::try_from(bps).ok());
    whole.ok_or_else(|| {
        let message = format!("oracle: {field}: `{percent}` is not per cent with two decimals");
        error(message)
    })
}
