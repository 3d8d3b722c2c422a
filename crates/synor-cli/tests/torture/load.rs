//! What the clients report. Each event is a function of the seed, its client and its number, so that
//! it need not be remembered to be compared with what the log holds.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use synor_economics::metering::{EventId, ResourceType, UsageEvent};
use synor_economics::period::Timestamp;
use synor_economics::quantity::Quantity;

use crate::common::{Random, ndjson};

/// Clients that report at the same time.
pub const CLIENTS: usize = 4;
/// Accounts that events are spread over.
pub const ACCOUNTS: [&str; 5] = ["ada", "bert", "cleo", "dora", "emil"];
/// Two of them are levels.
const RESOURCES: [(&str, &str); 6] = [
    ("storage", "stored_data"),
    ("database", "stored_data"),
    ("storage", "retrieval"),
    ("network", "egress"),
    ("compute", "cpu"),
    ("database", "queries"),
];
/// January 2026, which all events happen in.
pub const MONTH_START: i64 = 1_767_225_600;
pub const MONTH_SECS: u64 = 31 * 86_400;
/// Without a common factor with the seconds of the month, so that no two events of a client share a
/// second, because of two samples in a second one would not count.
const STEP_SECS: u64 = 1_000_003;

/// The load of a seed.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub seed: u64,
}

/// An event by its client and its number there.
pub type Name = (usize, u64);

impl Load {
    /// The event of this name.
    pub fn event(self, (client, number): Name) -> UsageEvent {
        let of_client = Random::new(self.seed ^ (client as u64) << 56).next();
        let mut random = Random::new(of_client.wrapping_add(number));
        let mut choose = |from: usize| usize::try_from(random.below(from as u64)).unwrap();
        let account = ACCOUNTS[choose(ACCOUNTS.len())];
        let (service, resource) = RESOURCES[choose(RESOURCES.len())];
        let secs = number.wrapping_mul(STEP_SECS) % MONTH_SECS;
        UsageEvent {
            identity: EventId {
                account: account.parse().unwrap(),
                source: format!("client-{client}"),
                id: format!("{:016x}-{number}", random.next()),
            },
            resource: ResourceType::find(service, resource).unwrap(),
            quantity: Quantity::new(i128::from(1 + random.below(1_000_000_000))),
            is_sample: resource == "stored_data",
            time: Timestamp::from_secs(MONTH_START + i64::try_from(secs).unwrap()),
            // One for each client: levels of different operators are different levels.
            provider: Some(format!("operator-{client}").parse().unwrap()),
            dimensions: BTreeMap::new(),
            correction: false,
        }
    }

    /// The name of an event of this load.
    pub fn name_of(self, event: &UsageEvent) -> Option<Name> {
        let client = event.identity.source.strip_prefix("client-")?;
        let (_, number) = event.identity.id.split_once('-')?;
        let name = (client.parse().ok()?, number.parse().ok()?);
        (self.event(name) == *event).then_some(name)
    }

    /// Events as lines.
    pub fn lines(self, names: &[Name]) -> String {
        let lines: Vec<_> = names.iter().map(|name| line(&self.event(*name))).collect();
        ndjson(&lines)
    }
}

/// An event as a flat line.
fn line(event: &UsageEvent) -> Value {
    let kind = event.resource.to_string();
    let (service, resource) = kind.split_once('.').unwrap();
    json!({
        "account": event.identity.account,
        "service": service,
        "resource": resource,
        "quantity": event.quantity,
        "time": event.time.to_string(),
        "source": event.identity.source,
        "id": event.identity.id,
        "provider": event.provider,
    })
}
