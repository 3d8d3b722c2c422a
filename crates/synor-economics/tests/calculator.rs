//! The calculator: quantities as typed, estimates that are bills, break-evens held against brute
//! force, projections held against their formula.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use expect_test::{Expect, expect};
use proptest::prelude::*;
use synor_economics::calculator::{
    CostEstimator, FLAGS, UsageInput, break_even, months_of, nobody, project, usage_by_flag,
    usage_of,
};
use synor_economics::metering::{RawEvent, ResourceType, UsageEvent, UsageKey, UsageRow};
use synor_economics::money::{Exact, MicroSynor, settle};
use synor_economics::period::{DAY_SECS, Month, Period, Timestamp, Zone};
use synor_economics::plan::Plan;
use synor_economics::pricing::discounts::DiscountScope;
use synor_economics::pricing::reserved::Committed;
use synor_economics::pricing::{PriceList, VolumeDiscount};
use synor_economics::quantity::Quantity;

const MONTH_SECS: i64 = 30 * DAY_SECS;

fn check(flag: &str, value: &str, expected: Expect) {
    let shown = match usage_by_flag(flag, value, MONTH_SECS) {
        Ok(row) => {
            let dimensions: String = row
                .key
                .dimensions
                .iter()
                .map(|(k, v)| format!(" {k}={v}"))
                .collect();
            let unit = row.key.resource.spec().base_unit;
            format!("{}{dimensions}: {} {unit}", row.key.resource, row.quantity)
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn quantities_are_read_as_people_type_them() {
    check(
        "storage",
        "500GB",
        expect!["storage.stored_data: 1296000000000000000 byte-seconds"],
    );
    check(
        "storage",
        "1.5GiB*10d",
        expect!["storage.stored_data: 1391569403904000 byte-seconds"],
    );
    check(
        "domains",
        "2",
        expect!["hosting.custom_domain: 5184000 domain-seconds"],
    );
    check(
        "certificates",
        "1*12h",
        expect!["hosting.ssl_certificate: 43200 certificate-seconds"],
    );
    check(
        "queries",
        "30M",
        expect!["database.queries: 30000000 queries"],
    );
    check(
        "vector-searches",
        "0.5k",
        expect!["database.vector_searches: 500 searches"],
    );
    check("deals", "3", expect!["storage.deal: 3 deals"]);
    check(
        "cpu",
        "4core*730h",
        expect!["compute.cpu: 10512000000 core-milliseconds"],
    );
    check(
        "cpu",
        "0.5cores",
        expect!["compute.cpu: 1296000000 core-milliseconds"],
    );
    check(
        "gpu",
        "rtx4090:20h",
        expect!["compute.gpu gpu_model=rtx4090: 72000000 gpu-milliseconds"],
    );
    check(
        "gpu",
        "rtx4090:2*20h",
        expect!["compute.gpu gpu_model=rtx4090: 144000000 gpu-milliseconds"],
    );
    check(
        "memory",
        "16GB*730h",
        expect!["compute.memory: 42048000000000000 byte-seconds"],
    );
    check(
        "egress",
        "2TB",
        expect!["network.egress: 2000000000000 bytes"],
    );
    check(
        "requests",
        "1.5G",
        expect!["network.requests: 1500000000 requests"],
    );
}

#[test]
fn what_cannot_be_read_is_refused_by_its_name() {
    check(
        "storage",
        "500",
        expect!["storage: `500` cannot be read; write it as 500GB or 500GB*10d"],
    );
    check(
        "storage",
        "1GB*31d",
        expect!["storage: `1GB*31d` is held longer than the month"],
    );
    check(
        "egress",
        "1GB*3d",
        expect!["egress: `1GB*3d` cannot be read; write it as 100GB"],
    );
    check(
        "egress",
        "-1GB",
        expect!["egress: `-1GB` cannot be read; write it as 100GB"],
    );
    check(
        "egress",
        "1e3GB",
        expect!["egress: `1e3GB` cannot be read; write it as 100GB"],
    );
    check(
        "egress",
        "0.5B",
        expect!["egress: `0.5B` is not a whole number of bytes"],
    );
    check(
        "queries",
        "1.5",
        expect!["queries: `1.5` is not a whole number of queries"],
    );
    check(
        "queries",
        "30m",
        expect!["queries: `30m` cannot be read; write it as 30M"],
    );
    check(
        "cpu",
        "4",
        expect!["cpu: `4` cannot be read; write it as 4core*730h"],
    );
    check(
        "gpu",
        "20h",
        expect!["gpu: `20h` names no model; write it as rtx4090:20h or rtx4090:2*20h"],
    );
    check(
        "requests",
        "99999999999999999999999G",
        expect!["requests: `99999999999999999999999G` is too large"],
    );
    check(
        "requests",
        "99999999999999999999999999999999999999999",
        expect!["requests: `99999999999999999999999999999999999999999` is too large"],
    );
    check(
        "requests",
        "é",
        expect!["requests: `é` cannot be read; write it as 30M"],
    );
    let unknown = usage_by_flag("tpu", "1", MONTH_SECS)
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("nothing known here"), "{unknown}");
}

#[test]
fn every_resource_has_a_flag() {
    let flags: Vec<_> = FLAGS.iter().map(|flag| flag.resource).collect();
    let all: Vec<_> = ResourceType::all().map(|spec| spec.resource).collect();
    assert_eq!(flags, all);
}

#[test]
fn a_level_given_by_a_program_is_held_for_the_month() {
    let input = |unit: &str| UsageInput {
        resource: ResourceType::StorageStoredData,
        quantity: "2".to_owned(),
        unit: Some(unit.parse().unwrap()),
        dimensions: Default::default(),
    };
    let month = 2 * 1_000_000_000 * i128::from(MONTH_SECS);
    for unit in ["GB", "GB-months"] {
        assert_eq!(input(unit).row(MONTH_SECS).unwrap().quantity.get(), month);
    }
    let wrong = input("core-hours").row(MONTH_SECS).unwrap_err().to_string();
    assert!(wrong.contains("is in core-hours"), "{wrong}");
}

fn event(resource: &str, quantity: &str, unit: &str, time: &str, id: &str) -> UsageEvent {
    let (service, resource) = resource.split_once('.').unwrap();
    let raw = RawEvent {
        account: "acme".to_owned(),
        service: service.to_owned(),
        resource: resource.to_owned(),
        quantity: quantity.to_owned(),
        unit: Some(unit.to_owned()),
        time: time.to_owned(),
        source: "s".to_owned(),
        id: id.to_owned(),
        provider: None,
        dimensions: Default::default(),
        correction: false,
    };
    raw.validate(Timestamp::parse("2026-12-01T00:00:00Z").unwrap())
        .unwrap()
}

#[test]
fn a_file_is_summed_up_as_the_log_would() {
    let level = |quantity, time, id| event("storage.stored_data", quantity, "bytes", time, id);
    let events = [
        level("10", "2026-01-31T23:59:50Z", "1"),
        level("4", "2026-03-01T00:00:10Z", "2"),
        event("network.egress", "7", "bytes", "2026-02-28T23:59:59Z", "3"),
        event("network.egress", "7", "bytes", "2026-02-28T23:59:59Z", "3"),
    ];
    let events: Vec<_> = events.iter().collect();
    let months = months_of(&events, &Zone::utc()).unwrap();
    let used = |month: &Month| {
        let rows = usage_of(&events, month.period(&Zone::utc()).unwrap()).unwrap();
        rows.iter()
            .map(|row| row.quantity.get())
            .collect::<Vec<_>>()
    };
    let day = i128::from(DAY_SECS);
    assert_eq!(
        months.iter().map(used).collect::<Vec<_>>(),
        [
            vec![100],
            vec![28 * day * 10, 7],
            vec![100 + (31 * day - 10) * 4]
        ]
    );
}

/// A price of one µSYNOR a request, with these volume discounts: spending is counting.
fn penny_list(volume: &[(i64, &str)]) -> PriceList {
    let mut toml = "version = \"v\"\neffective_from = \"2026-01-01T00:00:00Z\"\n\
         [[price]]\nresource = \"network.requests\"\nper = \"request\"\namount = \"0.000001 SYNOR\"\n"
        .to_owned();
    for (from, percent) in volume {
        let from = MicroSynor::new(*from);
        toml += &format!("[[volume_discount]]\nfrom = \"{from}\"\npercent = \"{percent}\"\n");
    }
    PriceList::parse(&toml).unwrap()
}

fn spending(list: &PriceList, plan: Plan, micro: i64) -> CostEstimator<'_> {
    let month: Month = "2026-01".parse().unwrap();
    let period = month.period(&Zone::utc()).unwrap();
    let rows = vec![UsageRow {
        key: UsageKey::new(ResourceType::NetworkRequests, &Default::default(), None),
        quantity: Quantity::new(i128::from(micro)),
    }];
    CostEstimator::of_usage(nobody().unwrap(), month, period, list, plan, rows)
}

fn to_spend(amount: i64, percent: &str) -> Committed {
    Committed::Amount {
        amount_micro_synor: MicroSynor::new(amount),
        discount_percent: Exact::parse_decimal(percent).unwrap(),
        scope: DiscountScope::Everything,
    }
}

fn of(number: i64) -> Exact {
    Exact::from_integer(i128::from(number))
}

/// What plan and volume discounts leave of spending at list prices, exactly.
fn left(list: Exact, plan: Plan, volume: &[VolumeDiscount]) -> Exact {
    let kept = |percent: Exact| {
        of(100)
            .checked_sub(percent)
            .unwrap()
            .checked_div(of(100))
            .unwrap()
    };
    let spent = list.checked_mul(kept(plan.discount_percent())).unwrap();
    let tier = volume
        .iter()
        .rev()
        .find(|tier| spent >= of(tier.from.micro()));
    tier.map_or(spent, |tier| spent.checked_mul(kept(tier.percent)).unwrap())
}

/// Where there are several crossings the exact cost below the last one is not cheaper somewhere up
/// to it, and above it cheaper everywhere; the bills agree but for their rounding.
#[test]
fn the_break_even_is_where_brute_force_finds_it() {
    let tiers: [&[(i64, &str)]; 4] = [
        &[],
        &[(700, "10")],
        &[(300, "5"), (500, "20"), (800, "33.3")],
        &[(1_000, "50")],
    ];
    for volume in tiers {
        let list = penny_list(volume);
        for plan in Plan::ALL {
            for (amount, percent) in [(500, "15"), (613, "0.5"), (250, "40"), (1, "99")] {
                let volume = list.volume_discounts();
                let discount = Exact::parse_decimal(percent).unwrap();
                let committed = MicroSynor::new(amount);
                let at = break_even(committed, discount, plan, volume)
                    .unwrap()
                    .unwrap();
                let kept = of(100)
                    .checked_sub(discount)
                    .unwrap()
                    .checked_div(of(100))
                    .unwrap();
                // The commitment's own rule, written down again: what is covered, and the true-up.
                let cheaper = |list: Exact| {
                    let without = left(list, plan, volume);
                    let covered = without.min(of(amount).checked_div(kept).unwrap());
                    let charged = covered.checked_mul(kept).unwrap();
                    let true_up = of(amount).checked_sub(charged).unwrap();
                    let rest = without.checked_sub(covered).unwrap();
                    let with = charged
                        .checked_add(true_up)
                        .unwrap()
                        .checked_add(rest)
                        .unwrap();
                    with < without
                };
                let case = format!("{plan} {volume:?} {amount} {percent} {at}");
                assert!(!cheaper(at), "{case}");
                let bit = Exact::new(1, 1_000_000).unwrap();
                assert!(cheaper(at.checked_add(bit).unwrap()), "{case}");
                let whole = i64::try_from(at.numerator() / at.denominator()).unwrap();
                for above in whole + 1..whole + 2_500 {
                    assert!(cheaper(of(above)), "{case} at {above}");
                }
                for micro in [whole, whole + 10, whole + 500] {
                    let cost = spending(&list, plan, micro)
                        .compare_commitment(to_spend(amount, percent))
                        .unwrap();
                    assert_eq!(cost.break_even_exact_micro_synor, Some(at), "{case}");
                    assert_eq!(cost.break_even_micro_synor, Some(settle(at).unwrap()));
                    let saved = cost.saves_micro_synor.micro();
                    match micro > whole {
                        true => assert!(saved > 0, "{case} at {micro}: {saved}"),
                        false => assert!(saved <= 1, "{case} at {micro}: {saved}"),
                    }
                }
            }
        }
    }
}

#[test]
fn without_a_discount_or_anything_to_pay_a_commitment_never_pays() {
    let amount = MicroSynor::new(100);
    let none = break_even(amount, Exact::ZERO, Plan::Free, &[]).unwrap();
    let free = penny_list(&[(10, "100")]);
    let gift = break_even(amount, of(10), Plan::Free, free.volume_discounts()).unwrap();
    assert_eq!((none, gift), (None, None));
}

#[test]
fn plans_are_compared_in_their_order() {
    let list = penny_list(&[]);
    let costs = spending(&list, Plan::Free, 1_000).compare_plans().unwrap();
    let totals: Vec<_> = costs
        .iter()
        .map(|cost| cost.total_micro_synor.micro())
        .collect();
    assert_eq!(totals, [1_000, 900, 800, 700]);
}

#[test]
fn one_day_has_no_band_and_no_day_expects_nothing() {
    let days = |days: &[i128]| days.iter().map(|d| Quantity::new(*d)).collect::<Vec<_>>();
    let rest = |of: &[i128], secs| {
        let rest = project(&days(of), secs).unwrap();
        [rest.low, rest.expected, rest.high].map(Quantity::get)
    };
    assert_eq!(rest(&[], DAY_SECS), [0, 0, 0]);
    assert_eq!(rest(&[50], 3 * DAY_SECS), [150, 150, 150]);
    assert_eq!(rest(&[50, 60], 0), [0, 0, 0]);
    // s = 50·√2 = 70.71…, 1.28 · s · √(9 + 81/2) = 636.8; the lower end is not below zero.
    assert_eq!(rest(&[0, 100], 9 * DAY_SECS), [0, 450, 1086]);
    assert_eq!(rest(&[-100, 50], DAY_SECS), [0, 0, 166]);
}

proptest! {
    /// The band against the same formula in floating point, from a byte to an exabyte a day.
    #[test]
    fn the_band_is_what_the_formula_says(
        days in prop::collection::vec(0i128..1_000_000_000, 2..8),
        scale in 0u32..60,
        rest_days in 1i64..31,
    ) {
        let factor = 1i128 << scale;
        let given: Vec<_> = days.iter().map(|d| Quantity::new(d * factor)).collect();
        let projected = project(&given, rest_days * DAY_SECS).unwrap();
        let values: Vec<f64> = days.iter().map(|d| *d as f64).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let rest = rest_days as f64;
        let band = 1.28 * (variance * (rest + rest * rest / count)).sqrt() * factor as f64;
        let found = (projected.high.get() - projected.expected.get()) as f64;
        prop_assert!((found - band).abs() <= band * 1e-6 + 2.0 * factor as f64, "{found} {band}");
        prop_assert!(projected.low <= projected.expected && projected.low >= Quantity::ZERO);
    }

    #[test]
    fn whatever_is_typed_nothing_panics(flag in 0usize..16, value in ".{0,40}", secs in 1i64..3_000_000) {
        let _ = usage_by_flag(FLAGS[flag].name, &value, secs);
    }

    #[test]
    fn an_estimate_is_linear_where_the_price_is(a in 0i64..1_000_000, b in 0i64..1_000_000) {
        let list = penny_list(&[]);
        let total = |n| spending(&list, Plan::Free, n).estimate().unwrap().total_micro_synor.micro();
        prop_assert_eq!(total(a) + total(b), total(a + b));
    }
}

#[test]
fn the_longest_days_do_not_wrap() {
    let most = vec![Quantity::EVENT_MAX, Quantity::ZERO, Quantity::EVENT_MAX];
    assert!(project(&most, 31 * DAY_SECS).is_ok());
    let period = Period::new(Timestamp::from_secs(0), Timestamp::from_secs(1)).unwrap();
    assert_eq!(usage_of(&[], period), Ok(Vec::new()));
}
