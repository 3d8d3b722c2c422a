//! What a Chainlink aggregator's `latestRoundData` is worth: refused unless the round is complete,
//! fresh and above zero.

use thiserror::Error;

use super::price::{Price, PriceError};
use crate::period::Timestamp;

/// How far ahead of our clock a chain's may be, in seconds.
pub const AHEAD_MAX_SECS: i64 = 60;

/// A round as the contract answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// The round's number.
    pub round_id: u128,
    /// USD for one SYNOR, times 10^decimals.
    pub answer: i128,
    /// When it was updated; the epoch if it never was.
    pub updated_at: Timestamp,
    /// The round in which the answer was computed.
    pub answered_in_round: u128,
}

/// Why a round is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)]
pub enum RoundError {
    #[error("round {0} is not complete")]
    Incomplete(u128),
    #[error("round {round_id} carries the answer of round {answered_in_round}")]
    CarriedOver {
        round_id: u128,
        answered_in_round: u128,
    },
    #[error("the answer {0} is not above zero")]
    NotPositive(i128),
    #[error("it was updated {age_secs} s ago, and its heartbeat is {heartbeat_secs} s")]
    Stale { age_secs: i64, heartbeat_secs: i64 },
    #[error("it was updated {0} s in the future")]
    Ahead(i64),
    #[error("the feed has {0} decimals, more than 36")]
    Decimals(u8),
    #[error(transparent)]
    Price(#[from] PriceError),
}

impl Round {
    /// The price, if the round may be believed at `now`.
    ///
    /// ```
    /// use synor_economics::oracle::chainlink::Round;
    /// use synor_economics::period::Timestamp;
    /// let at = Timestamp::from_secs(1_000);
    /// let round = Round { round_id: 7, answer: 25_000_000, updated_at: at, answered_in_round: 7 };
    /// assert_eq!(round.price(8, 3_600, at.plus_secs(60))?.to_string(), "0.25");
    /// assert!(round.price(8, 3_600, at.plus_secs(3_601)).is_err());
    /// # Ok::<(), synor_economics::oracle::chainlink::RoundError>(())
    /// ```
    pub fn price(
        &self,
        decimals: u8,
        heartbeat_secs: i64,
        now: Timestamp,
    ) -> Result<Price, RoundError> {
        let Self {
            round_id,
            answer,
            updated_at,
            answered_in_round,
        } = *self;
        if updated_at.secs() <= 0 {
            return Err(RoundError::Incomplete(round_id));
        }
        if answered_in_round < round_id {
            return Err(RoundError::CarriedOver {
                round_id,
                answered_in_round,
            });
        }
        let age_secs = now.secs_since(updated_at);
        if age_secs > heartbeat_secs {
            return Err(RoundError::Stale {
                age_secs,
                heartbeat_secs,
            });
        }
        if age_secs < AHEAD_MAX_SECS.saturating_neg() {
            return Err(RoundError::Ahead(age_secs.saturating_neg()));
        }
        let mantissa = u128::try_from(answer).map_err(|_| RoundError::NotPositive(answer))?;
        if mantissa == 0 {
            return Err(RoundError::NotPositive(answer));
        }
        if decimals > 36 {
            return Err(RoundError::Decimals(decimals));
        }
        let exponent = i32::from(decimals).saturating_neg();
        Ok(Price::from_scaled(mantissa, exponent)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(10_000);

    fn round() -> Round {
        Round {
            round_id: 5,
            answer: 123_456_789,
            updated_at: NOW.plus_secs(-10),
            answered_in_round: 5,
        }
    }

    #[test]
    fn a_round_that_may_not_be_believed_is_refused() {
        assert_eq!(round().price(8, 60, NOW).unwrap().micro_usd(), 1_234_568);
        let cases = [
            (
                Round {
                    answer: 0,
                    ..round()
                },
                "not above zero",
            ),
            (
                Round {
                    answer: -1,
                    ..round()
                },
                "not above zero",
            ),
            (
                Round {
                    updated_at: Timestamp::from_secs(0),
                    ..round()
                },
                "not complete",
            ),
            (
                Round {
                    answered_in_round: 4,
                    ..round()
                },
                "answer of round 4",
            ),
            (
                Round {
                    updated_at: NOW.plus_secs(-61),
                    ..round()
                },
                "heartbeat is 60",
            ),
            (
                Round {
                    updated_at: NOW.plus_secs(61),
                    ..round()
                },
                "in the future",
            ),
        ];
        for (round, why) in cases {
            let error = round.price(8, 60, NOW).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(round().price(40, 60, NOW), Err(RoundError::Decimals(40)));
        // A single unit of a feed of 18 decimals is the smallest price there is.
        let least = Round {
            answer: 1,
            ..round()
        }
        .price(18, 60, NOW)
        .unwrap();
        assert_eq!(least.atto(), 1);
    }
}
