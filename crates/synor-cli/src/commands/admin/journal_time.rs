//! Days and instants as the journal's commands take them. A day is one of UTC.

use synor_economics::period::{DAY_SECS, PeriodError, Timestamp};

/// The start of a day, or an instant.
pub fn day_start(text: &str) -> Result<Timestamp, PeriodError> {
    Timestamp::parse(&format!("{text}T00:00:00Z")).or_else(|_| Timestamp::parse(text))
}

/// The first instant after a day, or an instant.
pub fn day_end(text: &str) -> Result<Timestamp, PeriodError> {
    match Timestamp::parse(&format!("{text}T00:00:00Z")) {
        Ok(start) => Ok(start.plus_secs(DAY_SECS)),
        Err(_) => Timestamp::parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_whole_and_an_instant_is_itself() {
        let secs = |time: Result<Timestamp, _>| time.unwrap().secs();
        assert_eq!(secs(day_start("1970-01-02")), 86_400);
        assert_eq!(secs(day_end("1970-01-02")), 172_800);
        assert_eq!(secs(day_end("1970-01-01T00:01:00Z")), 60);
        assert!(day_start("yesterday").is_err());
    }
}
