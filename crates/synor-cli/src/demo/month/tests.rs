//! The demo as the metering and the pricing see it.

use std::collections::{BTreeMap, BTreeSet};

use synor_economics::metering::level::{Sample, integrate};
use synor_economics::metering::summary::Tally;
use synor_economics::metering::{ResourceType, ServiceType, UsageEvent, UsageKey};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Period, Zone};
use synor_economics::pricing::{PriceList, rate_usage};

use super::random::fnv1a;
use super::*;

/// The shortest month, and the one after it, in which clocks change.
const MONTHS: [&str; 2] = ["2026-02", "2026-03"];

const SYNOR: i64 = 1_000_000;

fn month(name: &str) -> Month {
    name.parse().unwrap()
}

fn period(month: Month, customer: &Customer) -> Period {
    let zone: Zone = customer.time_zone.parse().unwrap();
    month.period(&zone).unwrap()
}

fn validated(month: Month, demo: &DemoMonth) -> Vec<UsageEvent> {
    let now = month.next().unwrap().period(&Zone::utc()).unwrap().end();
    let events = demo.events.iter().cloned();
    events.map(|event| event.validate(now).unwrap()).collect()
}

/// What the account is billed in µSYNOR by the default prices.
fn bill(events: &[&UsageEvent], customer: &Customer, month: Month) -> i64 {
    let period = period(month, customer);
    let mut tally = Tally::default();
    // Events come in order of time, so the samples of each level do too.
    let mut levels: BTreeMap<_, Vec<Sample>> = BTreeMap::new();
    for event in events {
        let meter = (event.resource, &event.dimensions, &event.provider);
        if event.is_sample {
            let sample = Sample {
                at: event.time,
                level: event.quantity,
            };
            levels.entry(meter).or_default().push(sample);
        } else {
            let key = UsageKey::new(event.resource, &event.dimensions, event.provider.clone());
            tally.add(key, event.quantity).unwrap();
        }
    }
    for ((resource, dimensions, provider), samples) in levels {
        let key = UsageKey::new(resource, dimensions, provider.clone());
        tally
            .add(key, integrate(&samples, period).unwrap())
            .unwrap();
    }
    let prices = PriceList::built_in().unwrap();
    let lines = rate_usage(&prices, &tally.into_rows(), period.secs()).unwrap();
    lines
        .iter()
        .map(|line| line.amount_micro_synor.micro())
        .sum()
}

/// A fingerprint of the events, field by field.
fn fingerprint(demo: &DemoMonth) -> u64 {
    let text = |event: &RawEvent| {
        let unit = event.unit.as_deref().unwrap_or_default();
        let provider = event.provider.as_deref().unwrap_or_default();
        let dimensions: Vec<_> = event
            .dimensions
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        [
            event.account.as_str(),
            &event.service,
            &event.resource,
            &event.quantity,
            unit,
            &event.time,
            &event.source,
            &event.id,
            provider,
            &dimensions.join(" "),
            if event.correction { "correction" } else { "" },
        ]
        .join("\t")
    };
    let lines: Vec<_> = demo.events.iter().map(text).collect();
    fnv1a(lines.join("\n").as_bytes())
}

#[test]
fn the_same_month_on_every_machine() {
    let january = demo_month(month("2026-01"));
    assert_eq!(january, demo_month(month("2026-01")));
    // Changes with the customers, and then for everybody at once.
    assert_eq!(fingerprint(&january), 8_206_779_506_765_378_367);
    let february = demo_month(month("2026-02"));
    assert_ne!(fingerprint(&january), fingerprint(&february));
}

#[test]
fn every_event_is_accepted_once_and_within_its_month() {
    let mut seen = BTreeSet::new();
    for name in MONTHS {
        let month = month(name);
        let demo = demo_month(month);
        let periods: BTreeMap<_, _> = demo
            .customers
            .iter()
            .map(|customer| (customer.account, period(month, customer)))
            .collect();
        assert_eq!(periods.len(), demo.customers.len(), "accounts are distinct");
        assert!((60_000..=120_000).contains(&demo.events.len()), "{name}");
        for event in validated(month, &demo) {
            let account = event.identity.account.as_str();
            assert!(periods[account].contains(event.time), "{event:?}");
            let text = format!("{:?}", event.identity);
            assert!(seen.insert(event.identity), "{text} twice");
        }
    }
}

#[test]
fn everything_that_can_be_used_is_used() {
    let month = month("2026-01");
    let demo = demo_month(month);
    let events = validated(month, &demo);
    let resources: BTreeSet<_> = events.iter().map(|event| event.resource).collect();
    let all: BTreeSet<_> = ResourceType::all().map(|spec| spec.resource).collect();
    assert_eq!(resources, all);
    let services: BTreeSet<_> = resources
        .iter()
        .map(|resource| resource.service())
        .collect();
    assert_eq!(services, BTreeSet::from(ServiceType::ALL));
    let operators: BTreeSet<_> = events
        .iter()
        .filter_map(|event| event.provider.as_ref())
        .collect();
    assert_eq!(operators.len(), 8);
    let zones: BTreeSet<_> = demo
        .customers
        .iter()
        .map(|customer| customer.time_zone)
        .collect();
    assert!(zones.len() >= 4);
    let corrected: BTreeSet<_> = events
        .iter()
        .filter(|event| event.correction)
        .map(|event| event.identity.account.as_str())
        .collect();
    assert_eq!(corrected, BTreeSet::from(["mosswood-prints"]));
    let deleted: BTreeSet<_> = events
        .iter()
        .filter(|event| event.is_sample && event.quantity.is_zero())
        .map(|event| event.identity.account.as_str())
        .collect();
    assert_eq!(deleted, BTreeSet::from(["driftleaf-notes"]));
}

#[test]
fn bills_are_plausible() {
    for name in MONTHS {
        let month = month(name);
        let demo = demo_month(month);
        let events = validated(month, &demo);
        let mut total = 0;
        for customer in &demo.customers {
            let is_own = |event: &&UsageEvent| event.identity.account.as_str() == customer.account;
            let own: Vec<_> = events.iter().filter(is_own).collect();
            let bill = bill(&own, customer, month);
            print(name, customer.account, own.len(), bill);
            assert!((1..1_000 * SYNOR).contains(&bill), "{}", customer.account);
            total += bill;
        }
        print(name, "together", events.len(), total);
        assert!((2_000 * SYNOR..5_000 * SYNOR).contains(&total));
    }
}

fn print(month: &str, account: &str, events: usize, bill: i64) {
    let bill = MicroSynor::new(bill).to_decimal();
    eprintln!("{month} {account:<22}{events:>7} events{bill:>14} SYNOR");
}
