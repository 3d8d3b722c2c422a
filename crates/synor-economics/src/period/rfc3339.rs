//! The one form in which nearly all times are written, `2026-01-31T23:59:59.123Z`, read without a
//! calendar library's generality. Every other form, and every mistake, is left to that library.

use super::DAY_SECS;

/// The Unix seconds of a UTC time from 1970 on, its fraction cut off; `None` if it is written in
/// another way, or is none.
pub(super) fn utc_secs(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.as_bytes().strip_suffix(b"Z")?.split_at_checked(19)?;
    if !is_fraction(fraction) {
        return None;
    }
    let number = |from: usize, to: usize| digits(seconds.get(from..to)?);
    let separated = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separated
        .iter()
        .any(|&(at, byte)| seconds.get(at) != Some(&byte))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // A second 60 is for the library to read.
    if year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let of_day = hour
        .checked_mul(3_600)?
        .checked_add(minute.checked_mul(60)?)?;
    days(year, month, day)?
        .checked_mul(DAY_SECS)?
        .checked_add(of_day)?
        .checked_add(second)
}

fn is_fraction(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b'.', digits @ ..] => {
            (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0i64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| byte.wrapping_sub(b'0'))?;
        number.checked_mul(10)?.checked_add(i64::from(digit))
    })
}

/// Days from 1970-01-01 to a date that exists.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    /// Days of a common year before each month.
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let divides = |by: i64| year.checked_rem(by) == Some(0);
    let is_leap = divides(4) && (!divides(100) || divides(400));
    let length = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let before = BEFORE.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let last = year.checked_sub(1)?;
    let leaps = |years: i64| {
        let fours = years.checked_div(4)?;
        fours
            .checked_sub(years.checked_div(100)?)?
            .checked_add(years.checked_div(400)?)
    };
    // 477 leap years lie before 1970.
    let leap_days = leaps(last)?.checked_sub(477)?;
    let this_year = i64::from(is_leap && month > 2);
    year.checked_sub(1970)?
        .checked_mul(365)?
        .checked_add(leap_days)?
        .checked_add(*before)?
        .checked_add(this_year)?
        .checked_add(day)?
        .checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants() {
        assert_eq!(utc_secs("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(utc_secs("2000-02-29T00:00:00Z"), Some(951_782_400));
        assert_eq!(utc_secs("2026-01-01T00:00:00.999Z"), Some(1_767_225_600));
        for left in [
            "1969-12-31T23:59:59Z",
            "2026-02-29T00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-13-01T00:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01 00:00:00Z",
            "Z",
            "",
        ] {
            assert_eq!(utc_secs(left), None, "{left}");
        }
    }

    proptest! {
        /// Whatever is read here, the library reads as the same instant.
        #[test]
        fn agrees_with_the_calendar_library(
            (year, month, day) in (1970..=9999i64, 0..=13i64, 0..=32i64),
            (hour, minute, second) in (0..=25i64, 0..=61i64, 0..=61i64),
            fraction in "(\\.[0-9]{0,10})?",
        ) {
            let text = format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
            );
            if let Some(secs) = utc_secs(&text) {
                let library: jiff::Timestamp = text.parse().unwrap();
                prop_assert_eq!(secs, library.as_second());
            }
        }

        /// Of the usual form, nothing is left to the library.
        #[test]
        fn reads_every_usual_time(secs in 0..253_402_207_200i64) {
            let text = jiff::Timestamp::from_second(secs).unwrap().to_string();
            prop_assert_eq!(utc_secs(&text), Some(secs));
        }
    }
}
