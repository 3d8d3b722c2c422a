//! A usage event: what a service says was used. It enters as text from any format and becomes a
//! [`UsageEvent`] only when every field of it holds.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::event_text::{EventText, QuantityText};
use super::resource::{Measure, ResourceType};
use super::unit::MeteringUnit;
use crate::id::{AccountId, ProviderId};
use crate::money::MoneyError;
use crate::period::{DAY_SECS, Month, Timestamp, Zone};
use crate::quantity::Quantity;

/// How far in the future an event may lie, for clocks that run ahead.
pub const FUTURE_MAX_SECS: i64 = DAY_SECS;
/// The longest source, id or dimension value, in bytes.
pub const TEXT_MAX_BYTES: usize = 256;
/// The most dimensions one event may carry.
pub const DIMENSIONS_MAX: usize = 16;

/// Why an event was not accepted: the field, its value and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{field} `{value}`: {reason}")]
pub struct EventError {
    /// The field at fault, by its name in the wire format.
    pub field: &'static str,
    /// The value it had.
    pub value: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl EventError {
    /// An error about one field.
    pub fn new(field: &'static str, value: impl Into<String>, reason: impl ToString) -> Self {
        Self {
            field,
            value: value.into(),
            reason: reason.to_string(),
        }
    }
}

/// An event as it was written, in whichever format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawEvent {
    /// Whose usage it is.
    pub account: String,
    /// `storage`, `hosting`, `database`, `compute` or `network`.
    pub service: String,
    /// A resource of that service.
    pub resource: String,
    /// A plain decimal number.
    pub quantity: String,
    /// The unit of the quantity; if absent, the base unit (for levels: the unit of a sample).
    pub unit: Option<String>,
    /// RFC 3339.
    pub time: String,
    /// Who reports it. With `id`, the identity of the event within the account.
    pub source: String,
    /// The event's name at its source.
    pub id: String,
    /// The operator that did the work.
    pub provider: Option<String>,
    /// Anything else that tells usage apart: region, gpu_model, bucket, …
    pub dimensions: BTreeMap<String, String>,
    /// Marks an event that may reduce.
    pub correction: bool,
}

/// The identity of an event: an account counts each (source, id) once, whatever its time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId {
    /// Whose usage it is.
    pub account: AccountId,
    /// Who reported it.
    pub source: String,
    /// Its name at the source.
    pub id: String,
}

/// A usage event whose every field holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageEvent {
    /// The identity for counting it once.
    #[serde(flatten)]
    pub identity: EventId,
    /// What was used.
    pub resource: ResourceType,
    /// How much, in base units; for a sample, the level held from `time` on.
    pub quantity: Quantity,
    /// Whether the quantity is a sample of a level rather than an amount to add.
    pub is_sample: bool,
    /// When, to the second. Of two samples of one level in the same second, the greater
    /// (source, id) holds.
    pub time: Timestamp,
    /// The operator that did the work.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<ProviderId>,
    /// Anything else that tells usage apart.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub dimensions: BTreeMap<String, String>,
    /// Whether the event may reduce.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub correction: bool,
}

impl RawEvent {
    /// Checks every field against the rules of metering and converts the quantity to base units.
    /// A month's unit is converted by the UTC month of the event's time.
    pub fn validate(&self, now: Timestamp) -> Result<UsageEvent, EventError> {
        self.as_text().validate(now)
    }

    /// The same event, borrowed.
    pub fn as_text(&self) -> EventText<'_> {
        let dimensions = self.dimensions.iter();
        EventText {
            account: self.account.as_str().into(),
            service: self.service.as_str().into(),
            resource: self.resource.as_str().into(),
            quantity: QuantityText::Text(self.quantity.as_str().into()),
            unit: self.unit.as_deref().map(Cow::from),
            time: self.time.as_str().into(),
            source: self.source.as_str().into(),
            id: self.id.as_str().into(),
            provider: self.provider.as_deref().map(Cow::from),
            dimensions: dimensions
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            correction: self.correction,
        }
    }
}

/// The length in seconds of the UTC calendar month that holds `time`.
pub fn utc_month_secs(time: Timestamp) -> Result<i64, EventError> {
    let utc = Zone::utc();
    Month::containing(time, &utc)
        .and_then(|month| month.period(&utc))
        .map(crate::period::Period::secs)
        .map_err(|e| EventError::new("time", time.to_string(), e))
}

impl UsageEvent {
    /// The quantity in the unit it was measured in, for people: `1500 bytes`.
    pub fn unit(&self) -> MeteringUnit {
        let spec = self.resource.spec();
        match spec.measure {
            Measure::Level { sample } if self.is_sample => sample.into(),
            _ => spec.base_unit.into(),
        }
    }

    /// A fingerprint of everything the event says, for finding an altered record.
    pub fn digest(&self) -> Result<[u8; 32], MoneyError> {
        let text = serde_json::to_vec(self).map_err(|_| MoneyError::Overflow)?;
        Ok(*blake3::hash(&text).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600); // 2026-01-01T00:00:00Z

    /// `service.resource quantity [unit] [key=value …]` on one line.
    fn event(line: &str) -> RawEvent {
        let mut words = line.split_whitespace();
        let (service, resource) = words.next().unwrap().split_once('.').unwrap();
        let mut raw = RawEvent {
            account: "acme".to_owned(),
            service: service.to_owned(),
            resource: resource.to_owned(),
            quantity: words.next().unwrap().to_owned(),
            time: "2025-12-31T12:00:00Z".to_owned(),
            source: "node-1".to_owned(),
            id: "1".to_owned(),
            ..RawEvent::default()
        };
        for word in words {
            match word.split_once('=') {
                Some(("time", value)) => raw.time = value.to_owned(),
                Some(("id", value)) => raw.id = value.to_owned(),
                Some((key, value)) => {
                    raw.dimensions.insert(key.to_owned(), value.to_owned());
                }
                None if word == "correction" => raw.correction = true,
                None => raw.unit = Some(word.to_owned()),
            }
        }
        raw
    }

    fn check(line: &str, expected: Expect) {
        let shown = match event(line).validate(NOW) {
            Ok(e) => {
                let kind = if e.is_sample { "level " } else { "" };
                format!("{} {kind}{} {}", e.resource, e.quantity, e.unit())
            }
            Err(error) => format!("error: {error}"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn quantities_become_base_units() {
        check(
            "storage.stored_data 5",
            expect!["storage.stored_data level 5 bytes"],
        );
        check(
            "storage.stored_data 0",
            expect!["storage.stored_data level 0 bytes"],
        );
        check(
            "storage.stored_data 1.5 GiB",
            expect!["storage.stored_data level 1610612736 bytes"],
        );
        check(
            "storage.stored_data 2 GB-months",
            expect!["storage.stored_data 5356800000000000 byte-seconds"],
        );
        check(
            "compute.cpu 0.5 core-hour",
            expect!["compute.cpu 1800000 core-milliseconds"],
        );
        check(
            "compute.gpu 2 gpu-hours gpu_model=rtx4090",
            expect!["compute.gpu 7200000 gpu-milliseconds"],
        );
        check(
            "network.egress -3 correction",
            expect!["network.egress -3 bytes"],
        );
    }

    #[test]
    fn what_does_not_hold_is_named() {
        check(
            "storage.blobs 1",
            expect![
                "error: resource `blobs`: `blobs` is not a resource of storage; it has stored_data, retrieval, deal"
            ],
        );
        check(
            "dns.queries 1",
            expect![
                "error: service `dns`: `dns` is not a service; there are storage, hosting, database, compute, network"
            ],
        );
        check(
            "compute.cpu 1 GB",
            expect![
                "error: unit `GB`: compute.cpu is measured in core-milliseconds, or a multiple"
            ],
        );
        check(
            "compute.cpu 1 cores",
            expect!["error: unit `cores`: `cores` is not a unit known here"],
        );
        check(
            "compute.cpu 0",
            expect!["error: quantity `0`: is zero; nothing was used"],
        );
        check(
            "compute.cpu -1",
            expect![
                "error: quantity `-1`: is negative; only an event marked `correction` may reduce"
            ],
        );
        check(
            "compute.cpu 1.5",
            expect!["error: quantity `1.5`: is not a whole number of core-milliseconds"],
        );
        check(
            "compute.cpu 1e3",
            expect![
                "error: quantity `1e3`: `1e3` is not a plain decimal number (digits, at most one point, no exponent)"
            ],
        );
        check(
            "compute.cpu 10000000000000000000000000000",
            expect!["error: quantity `10000000000000000000000000000`: is too large for one event"],
        );
        check(
            "compute.cpu 99999999999999999999999999999999999999999",
            expect![
                "error: quantity `99999999999999999999999999999999999999999`: the amount is too large to be represented exactly"
            ],
        );
        check(
            "compute.gpu 1",
            expect![
                "error: dimensions ``: compute.gpu is priced by the dimension `gpu_model`, which is missing"
            ],
        );
        check(
            "compute.cpu 1 spot=yes",
            expect![
                "error: dimensions.spot `yes`: the only value is `true`; leave it out otherwise"
            ],
        );
        check(
            "storage.stored_data 1 spot=true",
            expect![
                "error: dimensions.spot `true`: storage.stored_data is measured as a level, of which there is no spot capacity"
            ],
        );
        check(
            "compute.cpu 1 time=2026-01-02T00:00:01Z",
            expect!["error: time `2026-01-02T00:00:01Z`: is more than a day in the future"],
        );
        check(
            "compute.cpu 1 time=yesterday",
            expect![
                "error: time `yesterday`: `yesterday` is not a time; write it as 2026-01-31T23:59:59Z"
            ],
        );
        check(
            "storage.stored_data -1",
            expect!["error: quantity `-1`: a level cannot be below zero"],
        );
    }
}
