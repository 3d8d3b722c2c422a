//! The breaker between rounds and bills. A round that breaks a limit trips it: the last good price
//! holds for a stated time, then there is none, and pricing in USD refuses rather than guesses.
//!
//! A thin quorum, a disagreement and a stale feed are over with the next good round. A jump is over
//! when the price is back where a good one could have gone; if it stays away, someone has to look
//! and reset the breaker.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::aggregate::{Outcome, percent};
use super::history::HistoryPoint;
use super::price::Price;
use crate::period::Timestamp;

/// However long there was no good price, the next may be off by this many times the bound of a
/// window at most.
pub const JUMP_WINDOWS_MAX: u64 = 5;

/// Why the breaker tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Trip {
    /// There never was a good price.
    NoPrice,
    /// Too few sources answered.
    ThinQuorum {
        /// How many answers count.
        used: usize,
        /// How many must.
        quorum: usize,
    },
    /// The answers are too far apart.
    Disagreement {
        /// How far, in parts of ten thousand.
        spread_bps: u64,
        /// How far they may be.
        spread_max_bps: u64,
    },
    /// The price moved too far.
    Jump {
        /// The good price that it is furthest from.
        from_usd: Price,
        /// The price.
        to_usd: Price,
        /// How far it may move, in parts of ten thousand.
        jump_max_bps: u64,
    },
    /// No round came for too long.
    Stale {
        /// For how long, in seconds.
        age_secs: i64,
    },
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPrice => f.write_str("there has been no good price yet"),
            Self::ThinQuorum { used, quorum } => {
                write!(f, "{used} of the {quorum} sources that are needed answered")
            }
            Self::Disagreement {
                spread_bps,
                spread_max_bps,
            } => write!(
                f,
                "the sources are {} % apart, and {} % is the most",
                percent(*spread_bps),
                percent(*spread_max_bps)
            ),
            Self::Jump {
                from_usd,
                to_usd,
                jump_max_bps,
            } => write!(
                f,
                "the price jumped from {from_usd} to {to_usd} USD, more than {} %",
                percent(*jump_max_bps)
            ),
            Self::Stale { age_secs } => write!(f, "no good round for {age_secs} s"),
        }
    }
}

/// What prices are held to from round to round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits {
    /// How far a price may be from any good price of the window, in parts of ten thousand of it.
    pub jump_max_bps: u64,
    /// The window, in seconds.
    pub jump_window_secs: i64,
    /// For how long a good price is the current one, in seconds.
    pub fresh_secs: i64,
    /// For how long the last good price holds after it was found, in seconds.
    pub hold_secs: i64,
}

/// A good price and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// The price.
    pub price_usd: Price,
    /// When it was found.
    pub at: Timestamp,
}

/// Why and since when there is no good price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tripped {
    /// Why.
    #[serde(flatten)]
    pub trip: Trip,
    /// Since when.
    pub since: Timestamp,
}

/// What may be done with the price now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// It is current.
    Good(Good),
    /// The last good one still holds.
    Held {
        /// It.
        #[serde(flatten)]
        good: Good,
        /// Until when.
        until: Timestamp,
        /// Why there is no newer one.
        tripped: Tripped,
    },
    /// There is none.
    Refused {
        /// Why.
        tripped: Tripped,
    },
}

impl Standing {
    /// The price that may be used.
    pub const fn usable(&self) -> Option<Good> {
        match self {
            Self::Good(good) | Self::Held { good, .. } => Some(*good),
            Self::Refused { .. } => None,
        }
    }
}

/// The state between rounds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Breaker {
    /// The last price that broke no limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_good: Option<Good>,
    /// Why it is not of the last round.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tripped: Option<Tripped>,
    /// When someone last reset it: prices before do not bound those after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reset_at: Option<Timestamp>,
}

impl Breaker {
    /// Takes in a round; whether its price is good. `recent` are good prices, at least all of the
    /// window.
    pub fn take(
        &mut self,
        outcome: &Outcome,
        recent: &[HistoryPoint],
        limits: &BreakerLimits,
    ) -> bool {
        let trip = match (outcome.price, &outcome.fault) {
            (_, Some(fault)) => Some(fault.clone()),
            (None, None) => Some(Trip::NoPrice),
            (Some(price), None) => self.jump(price, outcome.at, recent, limits),
        };
        match (trip, outcome.price) {
            (None, Some(price_usd)) => {
                let at = outcome.at;
                self.last_good = Some(Good { price_usd, at });
                self.tripped = None;
                true
            }
            (trip, _) => {
                let trip = trip.unwrap_or(Trip::NoPrice);
                self.trip(trip, outcome.at);
                false
            }
        }
    }

    /// A jump stays the cause until it is over: a thin quorum must not hide it.
    fn trip(&mut self, trip: Trip, at: Timestamp) {
        match &mut self.tripped {
            Some(Tripped {
                trip: Trip::Jump { .. },
                ..
            }) if !matches!(trip, Trip::Jump { .. }) => {}
            Some(before) if before.trip.is_like(&trip) => before.trip = trip,
            tripped => *tripped = Some(Tripped { trip, since: at }),
        }
    }

    fn jump(
        &self,
        price: Price,
        at: Timestamp,
        recent: &[HistoryPoint],
        limits: &BreakerLimits,
    ) -> Option<Trip> {
        let bound = |from: Price, jump_max_bps: u64| {
            (price.off_bps(from) > jump_max_bps).then_some(Trip::Jump {
                from_usd: from,
                to_usd: price,
                jump_max_bps,
            })
        };
        let counts = |time: Timestamp| self.reset_at.is_none_or(|reset| time > reset);
        let from = at.plus_secs(limits.jump_window_secs.saturating_neg());
        let inside = recent.iter().filter(|p| p.at >= from && counts(p.at));
        let furthest = inside.max_by_key(|p| price.off_bps(p.price));
        if let Some(trip) = furthest.and_then(|p| bound(p.price, limits.jump_max_bps)) {
            return Some(trip);
        }
        let last = self.last_good.filter(|good| counts(good.at))?;
        // Without rounds there may have been as many steps as there were windows; but a jump that
        // was seen is not made good by waiting.
        let until = match &self.tripped {
            Some(Tripped {
                trip: Trip::Jump { .. },
                since,
            }) => *since,
            _ => at,
        };
        let windows = until
            .secs_since(last.at)
            .checked_div(limits.jump_window_secs)
            .and_then(|n| u64::try_from(n).ok())
            .unwrap_or(0)
            .saturating_add(1)
            .min(JUMP_WINDOWS_MAX);
        bound(last.price_usd, limits.jump_max_bps.saturating_mul(windows))
    }

    /// What may be done with the price at `now`.
    pub fn standing(&self, now: Timestamp, limits: &BreakerLimits) -> Standing {
        let Some(good) = self.last_good else {
            let nothing = || Tripped {
                trip: Trip::NoPrice,
                since: now,
            };
            let tripped = self.tripped.clone().unwrap_or_else(nothing);
            return Standing::Refused { tripped };
        };
        let age_secs = now.secs_since(good.at);
        let tripped = match &self.tripped {
            Some(tripped) => tripped.clone(),
            None if age_secs <= limits.fresh_secs => return Standing::Good(good),
            None => Tripped {
                trip: Trip::Stale { age_secs },
                since: good.at.plus_secs(limits.fresh_secs),
            },
        };
        let until = good.at.plus_secs(limits.hold_secs);
        if now <= until {
            Standing::Held {
                good,
                until,
                tripped,
            }
        } else {
            Standing::Refused { tripped }
        }
    }

    /// Lets the next round be good wherever its price is: someone has looked.
    pub fn reset(&mut self, now: Timestamp) {
        self.tripped = None;
        self.reset_at = Some(now);
    }
}

impl Trip {
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::aggregate::Confidence;

    const LIMITS: BreakerLimits = BreakerLimits {
        jump_max_bps: 2_000,
        jump_window_secs: 3_600,
        fresh_secs: 120,
        hold_secs: 7_200,
    };

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn round(secs: i64, price: &str, fault: Option<Trip>) -> Outcome {
        Outcome {
            at: at(secs),
            price: price.parse().ok(),
            confidence: Confidence(100),
            spread_bps: 0,
            volume_24h: None,
            sources: Vec::new(),
            fault,
        }
    }

    fn point(secs: i64, price: &str) -> HistoryPoint {
        HistoryPoint {
            at: at(secs),
            price: price.parse().unwrap(),
            confidence: Confidence(100),
            volume_24h: None,
            sources: Vec::new(),
        }
    }

    fn shown(breaker: &Breaker, secs: i64) -> String {
        match breaker.standing(at(secs), &LIMITS) {
            Standing::Good(good) => format!("good {}", good.price_usd),
            Standing::Held { good, tripped, .. } => {
                format!("held {}: {}", good.price_usd, tripped.trip)
            }
            Standing::Refused { tripped } => format!("refused: {}", tripped.trip),
        }
    }

    #[test]
    fn the_last_good_price_holds_and_then_there_is_none() {
        let mut breaker = Breaker::default();
        assert_eq!(
            shown(&breaker, 0),
            "refused: there has been no good price yet"
        );
        assert!(breaker.take(&round(0, "1", None), &[], &LIMITS));
        assert_eq!(shown(&breaker, 120), "good 1");
        assert_eq!(shown(&breaker, 121), "held 1: no good round for 121 s");
        let thin = Trip::ThinQuorum { used: 1, quorum: 3 };
        assert!(!breaker.take(&round(60, "1", Some(thin)), &[], &LIMITS));
        let why = "1 of the 3 sources that are needed answered";
        assert_eq!(shown(&breaker, 7_200), format!("held 1: {why}"));
        assert_eq!(shown(&breaker, 7_201), format!("refused: {why}"));
        // A good round ends it.
        assert!(breaker.take(&round(7_300, "1.1", None), &[], &LIMITS));
        assert_eq!(shown(&breaker, 7_300), "good 1.1");
    }

    #[test]
    fn a_jump_is_not_made_good_by_waiting_but_by_a_reset() {
        let mut breaker = Breaker::default();
        assert!(breaker.take(&round(0, "1", None), &[], &LIMITS));
        let before = [point(0, "1")];
        assert!(!breaker.take(&round(60, "1.21", None), &before, &LIMITS));
        let why = "the price jumped from 1 to 1.21 USD, more than 20.00 %";
        assert_eq!(shown(&breaker, 60), format!("held 1: {why}"));
        // Neither by a thin round, nor by time.
        let thin = Trip::ThinQuorum { used: 1, quorum: 3 };
        breaker.take(&round(70, "1.21", Some(thin)), &before, &LIMITS);
        assert!(!breaker.take(&round(50_000, "1.21", None), &[], &LIMITS));
        assert_eq!(shown(&breaker, 50_000), format!("refused: {why}"));
        let mut back = breaker.clone();
        assert!(back.take(&round(50_060, "1.2", None), &[], &LIMITS));
        breaker.reset(at(50_060));
        assert!(breaker.take(&round(50_120, "1.21", None), &before, &LIMITS));
        assert_eq!(shown(&breaker, 50_120), "good 1.21");
    }

    #[test]
    fn small_steps_do_not_add_up_to_a_jump_within_a_window() {
        let mut breaker = Breaker::default();
        assert!(breaker.take(&round(0, "1", None), &[], &LIMITS));
        let mut recent = vec![point(0, "1")];
        assert!(breaker.take(&round(60, "1.15", None), &recent, &LIMITS));
        recent.push(point(60, "1.15"));
        assert!(!breaker.take(&round(120, "1.25", None), &recent, &LIMITS));
        // After the window, from where it was.
        assert!(breaker.take(&round(3_661, "1.25", None), &recent[1..], &LIMITS));
    }

    #[test]
    fn after_an_outage_the_price_may_have_moved_further_but_not_anywhere() {
        let mut breaker = Breaker::default();
        assert!(breaker.take(&round(0, "1", None), &[], &LIMITS));
        let later = 40 * 86_400;
        let mut far = breaker.clone();
        assert!(!far.take(&round(later, "2.01", None), &[], &LIMITS));
        assert!(breaker.take(&round(later, "2", None), &[], &LIMITS));
    }
}
