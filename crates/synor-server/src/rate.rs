//! How much one API key may ask for: requests and events a second. What goes beyond is refused at
//! once, with the time after which it may be tried again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use synor_economics::id::ApiKeyId;
use synor_store::{ApiKey, RateLimit};

use crate::problem::Problem;

/// The limits of every key, as far as it has been seen.
#[derive(Debug, Default)]
pub struct KeyRates {
    /// For keys that have no limit of their own.
    default: RateLimit,
    keys: Mutex<HashMap<ApiKeyId, Arc<KeyRate>>>,
}

impl KeyRates {
    /// Limits for keys that have none of their own.
    pub fn new(default: RateLimit) -> Self {
        Self {
            default,
            keys: Mutex::default(),
        }
    }

    /// What a key has left.
    pub fn of(&self, key: &ApiKey) -> Arc<KeyRate> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = keys.entry(key.key_id).or_insert_with(|| {
            Arc::new(KeyRate {
                requests: Bucket::of(
                    key.rate_limit
                        .requests_per_second
                        .or(self.default.requests_per_second),
                ),
                events: Bucket::of(
                    key.rate_limit
                        .events_per_second
                        .or(self.default.events_per_second),
                ),
            })
        });
        Arc::clone(rate)
    }
}

/// What one key has left.
#[derive(Debug, Default)]
pub struct KeyRate {
    requests: Option<Bucket>,
    events: Option<Bucket>,
}

impl KeyRate {
    /// One more request.
    pub fn admit_request(&self) -> Result<(), Problem> {
        self.requests.as_ref().map_or(Ok(()), |bucket| {
            bucket
                .take(NonZeroU32::MIN, "requests")
                .map_err(|refusal| *refusal.problem)
        })
    }

    /// More events, all of them or none.
    pub fn admit_events(&self, count: usize) -> Result<(), Problem> {
        let (Some(bucket), Some(count)) = (&self.events, non_zero(count)) else {
            return Ok(());
        };
        bucket
            .take(count, "events")
            .map_err(|refusal| *refusal.problem)
    }

    /// More events of a stream, which waits until they may come.
    pub async fn await_events(&self, count: usize) {
        let Some(bucket) = &self.events else { return };
        let mut left = u32::try_from(count).unwrap_or(u32::MAX);
        while let Some(part) = NonZeroU32::new(left.min(bucket.per_second.get())) {
            match bucket.take(part, "events") {
                Ok(()) => left = left.saturating_sub(part.get()),
                Err(refusal) => tokio::time::sleep(refusal.wait).await,
            }
        }
    }
}

fn non_zero(count: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(count).unwrap_or(u32::MAX))
}

#[derive(Debug)]
struct Bucket {
    per_second: NonZeroU32,
    limiter: DefaultDirectRateLimiter,
}

/// Why nothing could be taken, and how long to wait.
struct Refusal {
    problem: Box<Problem>,
    wait: Duration,
}

impl Bucket {
    /// A second's worth may come at once.
    fn of(per_second: Option<NonZeroU32>) -> Option<Self> {
        let per_second = per_second?;
        let limiter = RateLimiter::direct(Quota::per_second(per_second));
        Some(Self {
            per_second,
            limiter,
        })
    }

    fn take(&self, count: NonZeroU32, what: &str) -> Result<(), Refusal> {
        let limit = self.per_second;
        match self.limiter.check_n(count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                let detail = format!("this key may send {limit} {what} a second");
                Err(Refusal {
                    problem: Box::new(Problem::rate_limited(detail, wait)),
                    wait,
                })
            }
            Err(_) => {
                let detail = format!(
                    "this key may send {limit} {what} a second, so {count} at once are never \
                     taken; send fewer in one request, or as lines, which are taken as they may"
                );
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Err(Refusal {
                    problem: Box::new(Problem::new(status, "invalid-request", detail)),
                    wait: Duration::from_secs(1),
                })
            }
        }
    }
}
