//! Compares all that the log holds with all that was acknowledged.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use synor_economics::metering::{UsageEvent, UsageRow};
use synor_usage::{LoggedEvent, PAGE_EVENTS_MAX, Page};

use crate::common::{Api, MONTH, Server, integer};
use crate::load::{ACCOUNTS, CLIENTS, Load, MONTH_SECS, MONTH_START};

/// What tells sums apart: resource and operator.
type Key = (String, String);

/// Every acknowledged event is there once, as it was sent, and nothing else; and the summaries are
/// what these events come to.
pub fn everything_once(server: &Server, load: Load, acknowledged: &[u64; CLIENTS]) {
    let api = server.api();
    let mut found = acknowledged.map(|count| vec![false; usize::try_from(count).unwrap()]);
    let mut positions = Vec::new();
    for account in ACCOUNTS {
        let mut sums = Sums::default();
        each_event(&api, server, account, |logged| {
            let event = &logged.event;
            assert_eq!(event.identity.account.as_str(), account);
            let (client, number) = load
                .name_of(event)
                .unwrap_or_else(|| panic!("nobody sent {event:?}"));
            let seen = found[client].get_mut(usize::try_from(number).unwrap());
            let seen = seen.unwrap_or_else(|| panic!("{event:?} was not acknowledged"));
            assert!(!*seen, "{event:?} is there twice");
            *seen = true;
            positions.push(logged.position);
            sums.add(event);
        });
        let (summary, position) = summary(&api, server, account);
        assert_eq!(summary, sums.come_to(), "{account}");
        assert_eq!(position, acknowledged.iter().sum::<u64>());
    }
    for (client, found) in found.iter().enumerate() {
        let lost = found.iter().position(|found| !found);
        assert_eq!(
            lost, None,
            "an acknowledged event of client {client} is lost"
        );
    }
    positions.sort_unstable();
    let without_gaps = (1..).zip(&positions).all(|(n, position)| n == *position);
    assert!(without_gaps, "a position is missing or there twice");
}

fn each_event(api: &Api, server: &Server, account: &str, mut each: impl FnMut(LoggedEvent)) {
    let mut after = 0;
    loop {
        let path = format!(
            "/billing/usage/events?account={account}&after={after}&limit={PAGE_EVENTS_MAX}"
        );
        let page = api.get(&server.secret, &path).expect(200);
        let page = Page::<LoggedEvent>::deserialize(page).unwrap();
        page.items.into_iter().for_each(&mut each);
        match page.next {
            Some(next) => after = next,
            None => return,
        }
    }
}

fn summary(api: &Api, server: &Server, account: &str) -> (BTreeMap<Key, i128>, u64) {
    let path = format!("/billing/usage?account={account}&period={MONTH}");
    let summary = api.get(&server.secret, &path).expect(200);
    let rows = Vec::<UsageRow>::deserialize(&summary["rows"]).unwrap();
    let rows = rows.into_iter().map(|row| {
        let provider = row.key.provider.unwrap().to_string();
        let key = (row.key.resource.to_string(), provider);
        (key, row.quantity.get())
    });
    let position = integer(&summary["log_position"] as &Value);
    (rows.collect(), u64::try_from(position).unwrap())
}

/// What events come to, worked out the plain way.
#[derive(Default)]
struct Sums {
    amounts: BTreeMap<Key, i128>,
    samples: BTreeMap<Key, Vec<(i64, i128)>>,
}

impl Sums {
    fn add(&mut self, event: &UsageEvent) {
        let provider = event.provider.as_ref().unwrap().to_string();
        let key = (event.resource.to_string(), provider);
        let quantity = event.quantity.get();
        match event.is_sample {
            true => {
                let sample = (event.time.secs(), quantity);
                self.samples.entry(key).or_default().push(sample);
            }
            false => *self.amounts.entry(key).or_default() += quantity,
        }
    }

    fn come_to(mut self) -> BTreeMap<Key, i128> {
        let end = MONTH_START + i64::try_from(MONTH_SECS).unwrap();
        for (key, mut samples) in self.samples {
            samples.sort_unstable();
            let times = samples.iter().map(|(time, _)| *time);
            let ends: Vec<_> = times.skip(1).chain([end]).collect();
            let held = samples.iter().zip(ends);
            let held = held.map(|((from, level), to)| level * i128::from(to - from));
            self.amounts.insert(key, held.sum());
        }
        self.amounts
    }
}
