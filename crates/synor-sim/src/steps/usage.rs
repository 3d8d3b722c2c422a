//! Usage is reported: new, late, out of order, and again.

use synor_economics::metering::RawEvent;
use synor_economics::period::{DAY_SECS, Timestamp};
use synor_engine::Clock;
use synor_engine::IngestBatch;
use synor_usage::import::{ReadEvent, RefusedEvent};

use super::{Node, Step};
use crate::life::Broken;
use crate::model::Used;
use crate::world::World;

pub const STEP: Step = Step {
    name: "usage",
    weight: 22,
    run: |world| Box::pin(run(world)),
};

const GIGABYTE: i64 = 1_000_000_000;
/// How late an event may be.
const LATE_DAYS_MAX: i64 = 25;
/// Before this nothing was used: 2026-01-01T00:00:00Z.
const FIRST_SECS: i64 = 1_767_225_600;

async fn run(world: &mut World) -> Result<(), Broken> {
    let customer = world.any_customer(0);
    let mut sent = Vec::new();
    for _ in 0..world.random.between(1, 6) {
        sent.push(new_event(world));
    }
    sent.extend(sent_before(world, customer));
    // Out of order.
    for at in (1..sent.len()).rev() {
        let other = world.random.below(u64::try_from(at).unwrap_or(0) + 1);
        sent.swap(at, usize::try_from(other).unwrap_or(0));
    }
    let account = world.customers[customer].id.to_string();
    let now = world.clock.now();
    let events: Vec<ReadEvent> = sent
        .iter()
        .map(|(id, used)| read(&account, id, used, now))
        .collect();
    let ask = async |engine: Node| engine.ingest(IngestBatch::of(events.clone())).await;
    if let Some(ingested) = world.ask(ask).await? {
        if !ingested.rejected.is_empty() {
            return Err(Broken::new(format!("rejected: {:?}", ingested.rejected)));
        }
        world.customers[customer].acknowledged.events.extend(sent);
    }
    Ok(())
}

fn new_event(world: &mut World) -> (String, Used) {
    let late = world.random.between(0, LATE_DAYS_MAX * DAY_SECS);
    // Mostly from today.
    let late = if world.random.percent(70) {
        late % DAY_SECS
    } else {
        late
    };
    let used = Used {
        bytes: world.random.between(1, 40 * GIGABYTE).into(),
        at: world
            .clock
            .now()
            .secs()
            .saturating_sub(late)
            .max(FIRST_SECS),
        is_withdrawn: false,
    };
    (world.name("e"), used)
}

/// Some that were acknowledged before, as a client sends them that lost the answer.
fn sent_before(world: &mut World, customer: usize) -> Vec<(String, Used)> {
    let known: Vec<_> = world.customers[customer]
        .acknowledged
        .events
        .iter()
        .map(|(id, used)| (id.clone(), *used))
        .collect();
    let mut again: Vec<(String, Used)> = Vec::new();
    for _ in 0..world.random.below(3) {
        let Some(event) = world.random.pick(&known) else {
            break;
        };
        if again.iter().all(|(id, _)| *id != event.0) {
            again.push(event.clone());
        }
    }
    again
}

fn read(account: &str, id: &str, used: &Used, now: Timestamp) -> ReadEvent {
    let raw = RawEvent {
        account: account.to_owned(),
        service: "network".to_owned(),
        resource: "egress".to_owned(),
        quantity: used.bytes.to_string(),
        time: Timestamp::from_secs(used.at).to_string(),
        source: "simulation".to_owned(),
        id: id.to_owned(),
        provider: Some("node-1".to_owned()),
        ..RawEvent::default()
    };
    raw.validate(now).map_err(|error| RefusedEvent {
        id: Some(id.to_owned()),
        error,
    })
}
