//! When what was not taken is sent again: soon at first, then ever later, up to a longest wait, and
//! not with everybody else at the same instant.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the first wait is from 1 second up to the longest wait, and that is at most the time to give up"
)]
pub struct RetryPolicyError;

/// When what was not taken is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// The wait after the first failure, in seconds; each one is twice the wait before.
    pub first_secs: i64,
    /// The longest wait, in seconds.
    pub max_secs: i64,
    /// After how many seconds of failures nothing is sent any more until a person looks.
    pub give_up_secs: i64,
}

impl Default for RetryPolicy {
    /// 5 seconds, doubling up to 30 minutes, for 5 days.
    fn default() -> Self {
        Self {
            first_secs: 5,
            max_secs: 1_800,
            give_up_secs: 432_000,
        }
    }
}

impl RetryPolicy {
    /// Refuses waits that do not ascend.
    pub fn check(&self) -> Result<(), RetryPolicyError> {
        let ascends = self.first_secs >= 1
            && self.first_secs <= self.max_secs
            && self.max_secs <= self.give_up_secs;
        ascends.then_some(()).ok_or(RetryPolicyError)
    }

    /// How many seconds to wait after so many failures in a row. `chance` is any number; it moves
    /// the wait by up to a quarter.
    ///
    /// ```
    /// use synor_economics::notification::RetryPolicy;
    /// let policy = RetryPolicy::default();
    /// let waits = [1, 2, 3, 20].map(|failures| policy.wait_secs(failures, 0));
    /// assert_eq!(waits, [5, 10, 20, 1_800]);
    /// assert!((0..500).all(|chance| (1_350..=1_800).contains(&policy.wait_secs(20, chance))));
    /// ```
    pub fn wait_secs(&self, failures: u32, chance: u64) -> i64 {
        let doubled = failures.saturating_sub(1).min(32);
        let wait = self
            .first_secs
            .saturating_mul(1_i64.checked_shl(doubled).unwrap_or(i64::MAX))
            .min(self.max_secs);
        let spread = wait.checked_div(4).unwrap_or(0).saturating_add(1);
        let chance = i64::try_from(chance.checked_rem(1 << 32).unwrap_or(0)).unwrap_or(0);
        let off = chance.checked_rem(spread).unwrap_or(0);
        wait.saturating_sub(off).max(1)
    }
}
