//! When auto-pay charges: announced before, tried again on a schedule, and paused when all tries
//! have failed.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::period::{DAY_SECS, Timestamp};

/// How long before a charge it is announced at most, in seconds: thirty days.
const LEAD_SECS_MAX: i64 = 2_592_000;
/// How many times a charge is tried again at most.
const RETRIES_MAX: usize = 20;

/// A schedule that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AutoPayPolicyError {
    /// Before its announcement, or a month after.
    #[error("a lead time of {0} seconds is not 0 to 2592000")]
    Lead(i64),
    /// Days that do not follow each other, or too many.
    #[error("retry days must be up to 20 numbers that grow, the first at least 1")]
    RetryDays,
}

/// When charges are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoPayPolicy {
    /// How long a charge is announced before it is made, in seconds.
    pub lead_secs: i64,
    /// On which days after the first failure it is tried again. When the last one has failed too,
    /// auto-pay is paused.
    pub retry_days: Vec<u32>,
}

impl Default for AutoPayPolicy {
    /// A day ahead; again after 1, 3, 5 and 7 days.
    fn default() -> Self {
        Self {
            lead_secs: DAY_SECS,
            retry_days: vec![1, 3, 5, 7],
        }
    }
}

impl AutoPayPolicy {
    /// Whether it can be.
    pub fn check(&self) -> Result<(), AutoPayPolicyError> {
        if !(0..=LEAD_SECS_MAX).contains(&self.lead_secs) {
            return Err(AutoPayPolicyError::Lead(self.lead_secs));
        }
        let starts = self.retry_days.first().is_none_or(|first| *first >= 1);
        let grows = self.retry_days.is_sorted_by(|a, b| a < b);
        if starts && grows && self.retry_days.len() <= RETRIES_MAX {
            Ok(())
        } else {
            Err(AutoPayPolicyError::RetryDays)
        }
    }

    /// When a charge that is announced now may be made.
    pub const fn charge_at(&self, announced_at: Timestamp) -> Timestamp {
        announced_at.plus_secs(self.lead_secs)
    }

    /// When a charge is tried again that has failed so many times, the first time at
    /// `first_failed_at`; `None` when it has been tried enough.
    ///
    /// ```
    /// use synor_economics::billing::AutoPayPolicy;
    /// use synor_economics::period::Timestamp;
    /// let policy = AutoPayPolicy::default();
    /// let day = |n: i64| Timestamp::from_secs(n * 86_400);
    /// let tries: Vec<_> = (1..=5).map(|failures| policy.retry_at(day(10), failures)).collect();
    /// assert_eq!(tries, [Some(day(11)), Some(day(13)), Some(day(15)), Some(day(17)), None]);
    /// ```
    pub fn retry_at(&self, first_failed_at: Timestamp, failures: usize) -> Option<Timestamp> {
        let days = self.retry_days.get(failures.checked_sub(1)?)?;
        Some(first_failed_at.plus_secs(i64::from(*days).saturating_mul(DAY_SECS)))
    }
}

/// Why auto-pay does not collect until its owner resumes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoPayPause {
    /// Since when.
    pub since: Timestamp,
    /// What the last try failed with.
    pub reason: String,
    /// How many tries failed.
    pub failures: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_must_grow_and_the_lead_be_within_a_month() {
        AutoPayPolicy::default().check().unwrap();
        let with = |lead_secs, retry_days: &[u32]| AutoPayPolicy {
            lead_secs,
            retry_days: retry_days.to_vec(),
        };
        with(0, &[]).check().unwrap();
        for bad in [with(-1, &[]), with(2_592_001, &[])] {
            assert!(matches!(bad.check(), Err(AutoPayPolicyError::Lead(_))));
        }
        for bad in [with(0, &[0]), with(0, &[3, 3]), with(0, &[3, 1])] {
            assert_eq!(bad.check(), Err(AutoPayPolicyError::RetryDays));
        }
    }
}
