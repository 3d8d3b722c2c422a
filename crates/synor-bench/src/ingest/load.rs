//! Made-up events: the same on every machine and in every run. Their ids are as random as UUIDs of
//! version 4, and one in a hundred is one of those before it, sent again.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::Range;

use synor_economics::metering::{EventId, ResourceType, UsageEvent};
use synor_economics::period::Timestamp;
use synor_economics::quantity::Quantity;
use uuid::Uuid;

/// Accounts that events are spread over.
pub const ACCOUNTS: u64 = 1_000;
/// One in so many is a duplicate.
const DUPLICATE_EVERY: u64 = 100;
/// Events reported for each second of time, so that a hundred million are a month.
const EVENTS_A_SECOND: u64 = 40;
/// 2026-01-01T00:00:00Z
pub const MONTH_START: i64 = 1_767_225_600;

const RESOURCES: [ResourceType; 5] = [
    ResourceType::StorageRetrieval,
    ResourceType::NetworkEgress,
    ResourceType::NetworkRequests,
    ResourceType::ComputeCpu,
    ResourceType::DatabaseQueries,
];

/// What an event says, as plain numbers.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    pub id: Uuid,
    /// Below [`ACCOUNTS`].
    pub account: u64,
    /// An index of the resources.
    pub resource: usize,
    /// Base units.
    pub quantity: u64,
    /// Unix time.
    pub secs: i64,
    collector: u64,
    operator: u64,
}

/// Looks random, and differs for each number (splitmix64).
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The event of this number.
pub fn facts(mut number: u64) -> Facts {
    while number % DUPLICATE_EVERY == DUPLICATE_EVERY - 1 {
        number = mix(number) % number;
    }
    let of = |what: u64| mix(number * 4 + what);
    let id = u128::from(of(1)) << 64 | u128::from(of(2));
    let choice = of(3);
    let secs = i64::try_from(number / EVENTS_A_SECOND).unwrap();
    Facts {
        id: uuid::Builder::from_random_bytes(id.to_be_bytes()).into_uuid(),
        account: choice % ACCOUNTS,
        resource: usize::try_from((choice >> 16) % RESOURCES.len() as u64).unwrap(),
        quantity: 1 + (choice >> 32) % 1_000_000,
        secs: MONTH_START + secs,
        collector: (choice >> 24) % 16,
        operator: (choice >> 28) % 16,
    }
}

/// The name of an account.
pub fn account(number: u64) -> String {
    format!("account-{number:04}")
}

fn event(number: u64) -> UsageEvent {
    let facts = facts(number);
    UsageEvent {
        identity: EventId {
            account: account(facts.account).parse().unwrap(),
            source: format!("collector-{}", facts.collector),
            id: facts.id.to_string(),
        },
        resource: RESOURCES[facts.resource],
        quantity: Quantity::new(i128::from(facts.quantity)),
        is_sample: false,
        time: Timestamp::from_secs(facts.secs),
        provider: Some(format!("node-{}", facts.operator).parse().unwrap()),
        dimensions: BTreeMap::new(),
        correction: false,
    }
}

/// The event as a line of JSON.
pub fn line(number: u64, into: &mut Vec<u8>) {
    let facts = facts(number);
    let kind = RESOURCES[facts.resource].to_string();
    let (service, resource) = kind.split_once('.').unwrap();
    writeln!(
        into,
        "{{\"account\":\"{}\",\"service\":\"{service}\",\"resource\":\"{resource}\",\
         \"quantity\":{},\"time\":\"{}\",\"source\":\"collector-{}\",\"id\":\"{}\",\
         \"provider\":\"node-{}\"}}",
        account(facts.account),
        facts.quantity,
        Timestamp::from_secs(facts.secs),
        facts.collector,
        facts.id,
        facts.operator,
    )
    .unwrap();
}

/// Batches of events, made on all cores.
pub fn batches(numbers: Range<u64>, size: u64) -> Vec<Vec<UsageEvent>> {
    cut(numbers, size, |batch| batch.map(event).collect())
}

/// Batches of lines, made on all cores.
pub fn bodies(numbers: Range<u64>, size: u64) -> Vec<Vec<u8>> {
    cut(numbers, size, |batch| {
        let mut body = Vec::new();
        batch.for_each(|number| line(number, &mut body));
        body
    })
}

/// Something for each batch of so many numbers, made on all cores.
pub fn cut<T: Send>(
    numbers: Range<u64>,
    size: u64,
    make: impl Fn(Range<u64>) -> T + Sync,
) -> Vec<T> {
    let starts = (numbers.start..numbers.end).step_by(usize::try_from(size).unwrap());
    let ranges: Vec<_> = starts
        .map(|start| start..(start + size).min(numbers.end))
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = ranges.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let make = &make;
        let parts = ranges.chunks(share);
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().cloned().map(make).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    })
}
