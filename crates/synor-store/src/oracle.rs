//! The price oracle's documents: its state, its history by the hour, and the rates of periods.

use serde::{Deserialize, Serialize};
use synor_economics::oracle::{Breaker, HistoryPoint, Outcome, UsdRate};
use synor_economics::period::{Month, Timestamp};

use crate::document::{Document, Keys, Kind};

/// Seconds of an hour of history.
pub const ORACLE_HOUR_SECS: i64 = 3_600;
/// How many hours of history are kept: a hundred days. It must not change, or hours of before and
/// after would share places.
pub const ORACLE_HOURS_KEPT: i64 = 2_400;

/// What the oracle knows between rounds. There is one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleState {
    /// The breaker.
    #[serde(flatten)]
    pub breaker: Breaker,
    /// The last round, good or not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_round: Option<Outcome>,
    /// Why the breaker was last reset, in the words of who did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reset_reason: Option<String>,
}

/// The good prices of an hour. Its place is used again for a later hour when it is no longer kept,
/// so that the history never grows beyond what it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleHour {
    /// The hour's start.
    pub start: Timestamp,
    /// Its prices in order of time.
    pub points: Vec<HistoryPoint>,
}

/// The rate of a billed period. It never changes once it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodRate {
    /// The calendar month.
    pub month: Month,
    /// The period's end, for accounts in whose time zone the month ends then; absent for a rate
    /// that was set for the month in all zones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_end: Option<Timestamp>,
    /// The rate.
    #[serde(flatten)]
    pub rate: UsdRate,
}

impl PeriodRate {
    /// The id of a month's rate, for periods that end then or for all.
    pub fn id(month: Month, period_end: Option<Timestamp>) -> String {
        match period_end {
            Some(end) => format!("{month}@{}", end.secs()),
            None => month.to_string(),
        }
    }
}

impl OracleHour {
    /// The hour that an instant is in, without prices.
    pub const fn containing(at: Timestamp) -> Self {
        let into = at.secs().rem_euclid(ORACLE_HOUR_SECS);
        Self {
            start: at.plus_secs(-into),
            points: Vec::new(),
        }
    }

    /// The place of the hour: the hours since the epoch, counted round by how many are kept.
    pub fn id(&self) -> String {
        let hours = self.start.secs().div_euclid(ORACLE_HOUR_SECS);
        format!("{:04}", hours.rem_euclid(ORACLE_HOURS_KEPT))
    }
}

impl Document for OracleState {
    const KIND: Kind = Kind::OracleState;
    fn keys(&self) -> Keys {
        Keys {
            id: "oracle".to_owned(),
            ..Keys::default()
        }
    }
}

impl Document for OracleHour {
    const KIND: Kind = Kind::OracleHour;
    fn keys(&self) -> Keys {
        Keys {
            id: self.id(),
            sort_key: self.start.secs(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        let end = self.start.plus_secs(ORACLE_HOUR_SECS);
        let inside = self.points.iter().all(|p| self.start <= p.at && p.at < end);
        let ascends = self.points.is_sorted_by(|a, b| a.at < b.at);
        (inside && ascends)
            .then_some(())
            .ok_or_else(|| "its prices are not those of its hour in order".to_owned())
    }
}

impl Document for PeriodRate {
    const KIND: Kind = Kind::PeriodRate;
    fn keys(&self) -> Keys {
        Keys {
            id: Self::id(self.month, self.period_end),
            sort_key: self.rate.decided_at.secs(),
            ..Keys::default()
        }
    }
}
