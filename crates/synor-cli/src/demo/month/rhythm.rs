//! When things happen: a month in a customer's own time zone, its days and its weeks.
//!
//! Rhythms are tables in permille of the average, so a table changes when something is used and
//! not how much of it.

use synor_economics::period::{DAY_SECS, Month, Period, PeriodError, Timestamp, Zone};

/// Seconds in an hour.
pub const HOUR_SECS: i64 = 3_600;

/// How busy each hour of a day is, from midnight on.
pub type Day = [i64; 24];
/// How busy each day of a week is, from Monday on.
pub type Week = [i64; 7];

/// Machines do not sleep.
pub const FLAT: Day = [1_000; 24];
/// People at work.
pub const OFFICE: Day = [
    100, 100, 100, 100, 100, 100, 100, 600, 1_500, 2_400, 2_700, 2_500, //
    1_800, 2_200, 2_600, 2_500, 2_100, 1_200, 600, 200, 100, 100, 100, 100,
];
/// People who look something up or buy something: at noon and after dinner.
pub const VISITS: Day = [
    400, 200, 150, 100, 100, 150, 350, 700, 950, 1_100, 1_200, 1_300, //
    1_500, 1_350, 1_150, 1_150, 1_250, 1_400, 1_600, 1_850, 2_000, 1_800, 1_400, 850,
];
/// People who play, watch and listen.
pub const EVENING: Day = [
    900, 500, 250, 150, 100, 100, 200, 300, 400, 400, 450, 500, //
    650, 650, 700, 850, 1_150, 1_600, 2_150, 2_700, 3_000, 2_900, 2_100, 1_300,
];
/// Batches that wait until everybody sleeps.
pub const NIGHT: Day = [
    3_000, 3_400, 3_400, 3_000, 2_400, 1_600, 800, 200, 200, 200, 200, 200, //
    200, 200, 200, 200, 200, 200, 200, 200, 200, 600, 1_200, 1_800,
];

/// Every day the same.
pub const EVEN: Week = [1_000; 7];
/// Monday to Friday.
pub const WORKDAYS: Week = [1_320, 1_360, 1_360, 1_340, 1_220, 200, 200];
/// Most on weekends.
pub const LEISURE: Week = [800, 800, 800, 850, 1_050, 1_400, 1_300];

/// A calendar month as a customer lives it. Hours are counted from its first midnight; a change of
/// the clocks within the month is too small a thing for a demo.
pub struct LocalMonth {
    name: String,
    period: Period,
    first_weekday: i64,
}

impl LocalMonth {
    /// The month in the time zone with this IANA name.
    pub fn new(month: Month, time_zone: &str) -> Result<Self, PeriodError> {
        let zone: Zone = time_zone.parse()?;
        let first = month.period(&Zone::utc())?.start();
        Ok(Self {
            name: month.to_string(),
            period: month.period(&zone)?,
            // Counted from Monday; 1970-01-01 was a Thursday.
            first_weekday: (first.secs().div_euclid(DAY_SECS) + 3).rem_euclid(7),
        })
    }

    /// The month's name: `2026-01`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the instant lies in the month.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.period.contains(at)
    }

    /// The month's instants from its start, this many seconds apart.
    pub fn every(&self, secs: i64) -> impl Iterator<Item = Timestamp> {
        let later = move |at: &Timestamp| Some(at.plus_secs(secs.max(1)));
        std::iter::successors(Some(self.period.start()), later)
            .take_while(|at| self.period.contains(*at))
    }

    /// The instant this many thousandths into the month, on the full hour.
    pub fn at(&self, permille: i64) -> Timestamp {
        let secs = self.period.secs() * permille / 1_000;
        self.period.start().plus_secs(secs - secs % HOUR_SECS)
    }

    /// How many thousandths into the month an instant is.
    pub fn permille(&self, at: Timestamp) -> i64 {
        self.secs_into(at) * 1_000 / self.period.secs()
    }

    /// How busy the hour of this instant is, in permille of the average.
    pub fn busy(&self, at: Timestamp, day: &Day, week: &Week) -> i64 {
        let hour = self.secs_into(at).rem_euclid(DAY_SECS) / HOUR_SECS;
        row(day, hour) * self.busy_day(at, week) / 1_000
    }

    /// How busy the day of this instant is, in permille of the average.
    pub fn busy_day(&self, at: Timestamp, week: &Week) -> i64 {
        let day = self.secs_into(at).div_euclid(DAY_SECS);
        row(week, (self.first_weekday + day).rem_euclid(7))
    }

    fn secs_into(&self, at: Timestamp) -> i64 {
        at.secs_since(self.period.start())
    }
}

/// The row of a table; where the table has none, it is an average one.
fn row(table: &[i64], index: i64) -> i64 {
    usize::try_from(index)
        .ok()
        .and_then(|index| table.get(index))
        .map_or(1_000, |permille| *permille)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_changes_when_and_not_how_much() {
        for day in [FLAT, OFFICE, VISITS, EVENING, NIGHT] {
            assert_eq!(day.iter().sum::<i64>(), 24_000);
        }
        for week in [EVEN, WORKDAYS, LEISURE] {
            assert_eq!(week.iter().sum::<i64>(), 7_000);
        }
    }

    #[test]
    fn a_day_is_the_customers_own() {
        let month = LocalMonth::new("2026-01".parse().unwrap(), "Asia/Tokyo").unwrap();
        let at = |text| Timestamp::parse(text).unwrap();
        // Friday the 2nd, ten in the morning, and the Saturday after it.
        let friday = at("2026-01-02T10:00:00+09:00");
        let saturday = at("2026-01-03T00:00:00+09:00");
        assert_eq!(month.busy(friday, &OFFICE, &EVEN), 2_700);
        assert_eq!(month.busy_day(friday, &WORKDAYS), 1_220);
        assert_eq!(month.busy_day(saturday, &WORKDAYS), 200);
    }
}
