//! A usage event: what a service says was used. It enters as text from any format and becomes a
//! [`UsageEvent`] only when every field of it holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::resource::{Measure, ResourceType};
use super::summary::SPOT_DIMENSION;
use super::unit::MeteringUnit;
use crate::id::{AccountId, ProviderId};
use crate::money::{Exact, MoneyError};
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
    pub fn validate(self, now: Timestamp) -> Result<UsageEvent, EventError> {
        let account: AccountId = self
            .account
            .parse()
            .map_err(|e| EventError::new("account", &self.account, e))?;
        let resource = ResourceType::find(&self.service, &self.resource).map_err(|e| {
            let of_service = matches!(e, super::UnknownResource::Service(_));
            let (field, value) = if of_service {
                ("service", &self.service)
            } else {
                ("resource", &self.resource)
            };
            EventError::new(field, value, e)
        })?;
        let source = identity_text("source", &self.source)?;
        let id = identity_text("id", &self.id)?;
        let time = parse_time(&self.time, now)?;
        let provider = match &self.provider {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|e| EventError::new("provider", text, e))?,
            ),
        };
        check_dimensions(resource, &self.dimensions)?;
        let (quantity, is_sample) = self.base_quantity(resource, time)?;
        Ok(UsageEvent {
            identity: EventId {
                account,
                source,
                id,
            },
            resource,
            quantity,
            is_sample,
            time,
            provider,
            dimensions: self.dimensions,
            correction: self.correction,
        })
    }

    fn base_quantity(
        &self,
        resource: ResourceType,
        time: Timestamp,
    ) -> Result<(Quantity, bool), EventError> {
        let spec = resource.spec();
        let bad = |reason: &str| EventError::new("quantity", &self.quantity, reason);
        let number = Exact::parse_decimal(&self.quantity)
            .map_err(|e| EventError::new("quantity", &self.quantity, e))?;
        let sampled = match spec.measure {
            Measure::Level { sample } => Some(sample),
            Measure::Sum => None,
        };
        let unit = match &self.unit {
            None => MeteringUnit::from(sampled.unwrap_or(spec.base_unit)),
            Some(text) => text.parse().map_err(|e| EventError::new("unit", text, e))?,
        };
        let is_sample = Some(unit.base()) == sampled;
        if !is_sample && unit.base() != spec.base_unit {
            let takes = match sampled {
                Some(sample) => format!("{sample} for a level or {} for an amount", spec.base_unit),
                None => spec.base_unit.to_string(),
            };
            let reason = format!("{resource} is measured in {takes}, or a multiple");
            return Err(EventError::new("unit", unit.name(), reason));
        }
        let too_large = || bad("is too large for one event");
        let exact = unit
            .to_base(number, Some(utc_month_secs(time)?))
            .map_err(|_| too_large())?;
        let whole = exact
            .to_integer()
            .ok_or_else(|| bad(&format!("is not a whole number of {}", unit.base())))?;
        let quantity = Quantity::new(whole);
        if whole
            .checked_abs()
            .is_none_or(|size| size > Quantity::EVENT_MAX.get())
        {
            return Err(too_large());
        }
        match (is_sample, self.correction) {
            (true, true) => Err(bad(
                "is a sample of a level, which a later sample corrects; a \
                 correction takes an amount such as byte-seconds",
            )),
            (true, false) if quantity.is_negative() => Err(bad("a level cannot be below zero")),
            (false, false) if quantity.is_negative() => Err(bad(
                "is negative; only an event marked `correction` may reduce",
            )),
            (false, _) if quantity.is_zero() => Err(bad("is zero; nothing was used")),
            _ => Ok((quantity, is_sample)),
        }
    }
}

fn identity_text(field: &'static str, text: &str) -> Result<String, EventError> {
    if text.is_empty() || text.len() > TEXT_MAX_BYTES || text.chars().any(char::is_control) {
        let reason = format!("must be 1 to {TEXT_MAX_BYTES} bytes without control characters");
        return Err(EventError::new(
            field,
            text.chars().take(80).collect::<String>(),
            reason,
        ));
    }
    Ok(text.to_owned())
}

fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, EventError> {
    let time = Timestamp::parse(text).map_err(|e| EventError::new("time", text, e))?;
    if time.secs_since(now) > FUTURE_MAX_SECS {
        return Err(EventError::new(
            "time",
            text,
            "is more than a day in the future",
        ));
    }
    if time.secs() < 0 {
        return Err(EventError::new("time", text, "is before 1970"));
    }
    Ok(time)
}

fn check_dimensions(
    resource: ResourceType,
    dimensions: &BTreeMap<String, String>,
) -> Result<(), EventError> {
    if dimensions.len() > DIMENSIONS_MAX {
        let count = dimensions.len().to_string();
        let reason = format!("an event may carry at most {DIMENSIONS_MAX}");
        return Err(EventError::new("dimensions", count, reason));
    }
    for (key, value) in dimensions {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if key.is_empty() || key.len() > 64 || !key.bytes().all(word) {
            let reason = "a dimension's name is 1 to 64 of a-z, 0-9 and _";
            return Err(EventError::new("dimensions", key, reason));
        }
        if value.is_empty() || value.len() > TEXT_MAX_BYTES || value.chars().any(char::is_control) {
            let reason = format!(
                "its value must be 1 to {TEXT_MAX_BYTES} bytes without control \
                                  characters"
            );
            return Err(EventError::new("dimensions", key, reason));
        }
    }
    if let Some(value) = dimensions.get(SPOT_DIMENSION) {
        let refuse = |reason: String| Err(EventError::new("dimensions.spot", value, reason));
        if value != "true" {
            return refuse("the only value is `true`; leave it out otherwise".to_owned());
        }
        if resource.spec().measure != Measure::Sum {
            return refuse(format!(
                "{resource} is measured as a level, of which there is no spot capacity"
            ));
        }
    }
    match resource.spec().required_dimension {
        Some(needed) if !dimensions.contains_key(needed) => {
            let reason =
                format!("{resource} is priced by the dimension `{needed}`, which is missing");
            Err(EventError::new("dimensions", "", reason))
        }
        _ => Ok(()),
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
