//! Worked examples that others have published, reproduced. Each names its source.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use synor_economics::metering::level::{Sample, integrate};
use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
use synor_economics::money::{Exact, MicroSynor, settle, split};
use synor_economics::period::{Month, Period, Zone};
use synor_economics::pricing::{PriceList, rate_usage};
use synor_economics::quantity::Quantity;

const DAY: i64 = 86_400;

fn month(name: &str) -> Period {
    let month: Month = name.parse().unwrap();
    month.period(&Zone::utc()).unwrap()
}

/// A level of so much from each day of the month on, integrated over the month.
fn held(period: Period, samples: &[(i64, i128)]) -> Quantity {
    let samples: Vec<_> = samples
        .iter()
        .map(|(day, level)| Sample {
            at: period.start().plus_secs(day * DAY),
            level: Quantity::new(*level),
        })
        .collect();
    integrate(&samples, period).unwrap()
}

/// What that costs at 1 SYNOR a GiB-month or GB-month, through price list and line.
fn cost(period: Period, unit: &str, quantity: Quantity) -> MicroSynor {
    let text = format!(
        "version = \"v\"\neffective_from = \"1970-01-01T00:00:00Z\"\n[[price]]\n         resource = \"storage.stored_data\"\nper = \"{unit}\"\namount = \"1 SYNOR\"\n"
    );
    let list = PriceList::parse(&text).unwrap();
    let key = UsageKey::new(ResourceType::StorageStoredData, &Dimensions::new(), None);
    let lines = rate_usage(&list, &[UsageRow { key, quantity }], period.secs()).unwrap();
    lines[0].amount_micro_synor
}

/// Amazon S3 documentation, storage example: 100 GB (GiB) for 15 days, then 100 TB (TiB) for 16 days
/// of a 744-hour month are 42,259,901,212,262,400 byte-hours, 52,900 GiB-months.
#[test]
fn the_s3_storage_example() {
    let period = month("2026-03");
    assert_eq!(period.secs(), 744 * 3_600);
    let gib = 1i128 << 30;
    let byte_secs = held(period, &[(0, 100 * gib), (15, 102_400 * gib)]);
    assert_eq!(byte_secs.get(), 42_259_901_212_262_400 * 3_600);
    assert_eq!(
        cost(period, "GiB-month", byte_secs),
        MicroSynor::new(52_900_000_000)
    );
}

/// Lago, weighted_sum scenarios: a level of 2500 from 5 March over a month of 31 days is
/// 2177.4193548387; April opens at 2500, with −2000 on the 4th and −200 on the 6th it is
/// 533.3333333333.
#[test]
fn the_lago_weighted_sums() {
    let gb = 1_000_000_000i128;
    let march = month("2026-03");
    let quantity = held(march, &[(4, 2_500 * gb)]);
    assert_eq!(
        cost(march, "GB-month", quantity),
        MicroSynor::new(2_177_419_355)
    );
    let april = month("2026-04");
    let quantity = held(april, &[(-9, 2_500 * gb), (3, 500 * gb), (5, 300 * gb)]);
    assert_eq!(
        cost(april, "GB-month", quantity),
        MicroSynor::new(533_333_333)
    );
}

/// Numscript, allocation: 15 over 80, 8 and 12 %. Their rule gives each unit left over to the
/// earliest, 13/1/1; ours to the largest remainder, and 12 % of 15 is 1.8. Both lose nothing.
#[test]
fn the_numscript_allocation() {
    let shares = ["0.80", "0.08", "0.12"].map(|s| Exact::parse_decimal(s).unwrap());
    let ours = split(MicroSynor::new(15), &shares).unwrap();
    assert_eq!(ours, [12, 1, 2].map(MicroSynor::new));
    let earliest_first = [13, 1, 1].map(MicroSynor::new);
    for parts in [ours.as_slice(), &earliest_first] {
        assert_eq!(
            MicroSynor::sum(parts.iter().copied()),
            Ok(MicroSynor::new(15))
        );
    }
}

/// NMoneys: 34 in 4 parts are 9, 9, 8, 8.
#[test]
fn the_nmoneys_allocation() {
    let parts = split(MicroSynor::new(34), &[Exact::from_integer(1); 4]).unwrap();
    assert_eq!(parts, [9, 9, 8, 8].map(MicroSynor::new));
}

/// Meteroid, discount.rs: 10 % and then 25 % of the rest of 100 are 32.50 off.
#[test]
fn the_meteroid_percentages_stay_exact_until_the_end() {
    let percent = |n| Exact::new(n, 100).unwrap();
    let mut left = Exact::from_integer(100_000_000);
    for off in [percent(10), percent(25)] {
        left = left.checked_sub(left.checked_mul(off).unwrap()).unwrap();
    }
    assert_eq!(settle(left).unwrap(), MicroSynor::new(67_500_000));
}
