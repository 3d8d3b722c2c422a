//! Auto top-up: when a balance falls under its threshold, a deposit is taken from the wallet that
//! auto-pay collects from; once for each crossing, with a pause after each, and no more in a month
//! than the customer said.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::AccountId;
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

/// The shortest and the longest pause between two top-ups, in seconds: a minute and thirty days.
const COOLDOWN_SECS: std::ops::RangeInclusive<i64> = 60..=2_592_000;

/// Why top-ups cannot be set up so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopUpError {
    /// An amount of nothing.
    #[error("{field} must be above zero, not {amount}")]
    NotPositive {
        /// Which amount.
        field: &'static str,
        /// What was given.
        amount: MicroSynor,
    },
    /// Not even one fits into a month.
    #[error("the monthly maximum of {maximum} does not cover one top-up of {amount}")]
    MaximumTooSmall {
        /// The maximum.
        maximum: MicroSynor,
        /// One top-up.
        amount: MicroSynor,
    },
    /// A pause that is none, or longer than a month.
    #[error("a pause of {secs} seconds is not 60 to 2592000")]
    Cooldown {
        /// What was given.
        secs: i64,
    },
}

/// What a customer wants to be topped up with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpConfig {
    /// Whose balance.
    pub account_id: AccountId,
    /// Whether it is in force.
    pub enabled: bool,
    /// Below this balance it is filled up.
    pub threshold_micro_synor: MicroSynor,
    /// With how much.
    pub amount_micro_synor: MicroSynor,
    /// With how much in a calendar month at most.
    pub monthly_max_micro_synor: MicroSynor,
    /// How long it waits after a top-up before another, in seconds.
    pub cooldown_secs: i64,
    /// Since when it is so.
    pub set_at: Timestamp,
}

/// The last top-up, as far as it matters for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastTopUp {
    /// When it was decided.
    pub at: Timestamp,
    /// Whether its coins have not been counted yet, nor have failed to come.
    pub is_under_way: bool,
}

/// What is to be done about a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TopUpDecision {
    /// It is switched off.
    Off,
    /// The balance has not fallen below the threshold.
    Enough,
    /// The one for this crossing is on its way.
    UnderWay,
    /// The last one was not long ago.
    CoolingDown {
        /// Until when nothing is done.
        until: Timestamp,
    },
    /// Another one would exceed the month's maximum.
    MonthlyMaximum {
        /// What of it is left.
        left_micro_synor: MicroSynor,
    },
    /// It is to be filled up.
    Due {
        /// With how much.
        amount_micro_synor: MicroSynor,
    },
}

impl TopUpConfig {
    /// Whether it can be.
    pub fn check(&self) -> Result<(), TopUpError> {
        for (field, amount) in [
            ("threshold", self.threshold_micro_synor),
            ("amount", self.amount_micro_synor),
        ] {
            if !amount.is_positive() {
                return Err(TopUpError::NotPositive { field, amount });
            }
        }
        if self.monthly_max_micro_synor < self.amount_micro_synor {
            return Err(TopUpError::MaximumTooSmall {
                maximum: self.monthly_max_micro_synor,
                amount: self.amount_micro_synor,
            });
        }
        if !COOLDOWN_SECS.contains(&self.cooldown_secs) {
            let secs = self.cooldown_secs;
            return Err(TopUpError::Cooldown { secs });
        }
        Ok(())
    }

    /// What is to be done when the account has this balance and `this_month` was taken for top-ups
    /// in the running month.
    pub fn decide(
        &self,
        balance: MicroSynor,
        this_month: MicroSynor,
        last: Option<LastTopUp>,
        now: Timestamp,
    ) -> Result<TopUpDecision, MoneyError> {
        if !self.enabled {
            return Ok(TopUpDecision::Off);
        }
        // Before the balance: coins on their way answer this crossing, whatever it says meanwhile.
        if last.is_some_and(|last| last.is_under_way) {
            return Ok(TopUpDecision::UnderWay);
        }
        if balance >= self.threshold_micro_synor {
            return Ok(TopUpDecision::Enough);
        }
        let until = last.map(|last| last.at.plus_secs(self.cooldown_secs));
        if let Some(until) = until.filter(|until| now < *until) {
            return Ok(TopUpDecision::CoolingDown { until });
        }
        let left = self.monthly_max_micro_synor.checked_sub(this_month)?;
        if left < self.amount_micro_synor {
            return Ok(TopUpDecision::MonthlyMaximum {
                left_micro_synor: left.max(MicroSynor::ZERO),
            });
        }
        Ok(TopUpDecision::Due {
            amount_micro_synor: self.amount_micro_synor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> TopUpConfig {
        TopUpConfig {
            account_id: "acme".parse().unwrap(),
            enabled: true,
            threshold_micro_synor: MicroSynor::new(10),
            amount_micro_synor: MicroSynor::new(50),
            monthly_max_micro_synor: MicroSynor::new(120),
            cooldown_secs: 60,
            set_at: Timestamp::from_secs(0),
        }
    }

    #[test]
    fn it_is_due_below_the_threshold_once_and_within_the_month() {
        use TopUpDecision::{CoolingDown, Due, Enough, MonthlyMaximum, Off, UnderWay};
        let decide = |balance, month, last: Option<(i64, bool)>, now| {
            let last = last.map(|(at, is_under_way)| LastTopUp {
                at: Timestamp::from_secs(at),
                is_under_way,
            });
            let [balance, month] = [balance, month].map(MicroSynor::new);
            config()
                .decide(balance, month, last, Timestamp::from_secs(now))
                .unwrap()
        };
        let due = Due {
            amount_micro_synor: MicroSynor::new(50),
        };
        assert_eq!(decide(10, 0, None, 100), Enough);
        assert_eq!(decide(9, 0, None, 100), due);
        assert_eq!(decide(9, 0, Some((0, true)), 10_000), UnderWay);
        let until = Timestamp::from_secs(150);
        assert_eq!(decide(9, 50, Some((90, false)), 149), CoolingDown { until });
        assert_eq!(decide(9, 50, Some((90, false)), 150), due);
        let left_micro_synor = MicroSynor::new(49);
        assert_eq!(
            decide(9, 71, None, 100),
            MonthlyMaximum { left_micro_synor }
        );
        let off = TopUpConfig {
            enabled: false,
            ..config()
        };
        let nothing = MicroSynor::ZERO;
        let decided = off.decide(nothing, nothing, None, Timestamp::from_secs(0));
        assert_eq!(decided.unwrap(), Off);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        config().check().unwrap();
        let zero = TopUpConfig {
            amount_micro_synor: MicroSynor::ZERO,
            ..config()
        };
        assert!(zero.check().unwrap_err().to_string().contains("amount"));
        let small = TopUpConfig {
            monthly_max_micro_synor: MicroSynor::new(49),
            ..config()
        };
        assert!(small.check().unwrap_err().to_string().contains("monthly"));
        let short = TopUpConfig {
            cooldown_secs: 59,
            ..config()
        };
        assert!(short.check().unwrap_err().to_string().contains("59"));
    }
}
