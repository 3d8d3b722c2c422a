//! Meters that an operator defines: events whose `type` is not one of our resources, and whose
//! `data` is of a form of its own, such as those of an application that reports to OpenMeter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use synor_economics::metering::{EventError, MeteringUnit, RawEvent, ResourceType};
use synor_economics::period::Timestamp;
use thiserror::Error;

use super::excerpt;
use super::json::Fields;

/// What a meter makes of the events of one type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// The `type` of its events.
    #[serde(rename = "type")]
    pub kind: String,
    /// What they are usage of.
    pub resource: ResourceType,
    /// How much each event is: COUNT, as OpenMeter calls it, is 1.
    #[serde(default)]
    pub quantity: Option<i64>,
    /// Where in `data` the quantity is (`$.tokens`): SUM, as OpenMeter calls it.
    #[serde(default)]
    pub value: Option<DataPath>,
    /// The unit of the quantity; if absent, the base unit (for levels: the unit of a sample).
    #[serde(default)]
    pub unit: Option<MeteringUnit>,
    /// Where in `data` the operator that did the work is named.
    #[serde(default)]
    pub provider: Option<DataPath>,
    /// Each dimension, and where in `data` it is; an event that has none there goes without.
    #[serde(default)]
    pub dimensions: BTreeMap<String, DataPath>,
}

/// A place in `data`: `$.tokens`, `$.usage.total`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DataPath {
    text: String,
    steps: Vec<String>,
}

/// Why a definition of meters does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MeterError {
    /// Neither or both of the two ways to a quantity.
    #[error("meter `{0}`: give either quantity (the same for each event) or value (where in data)")]
    Quantity(String),
    /// Two meters of one type.
    #[error("meter `{name}`: the type `{kind}` has a meter already")]
    Twice {
        /// The second one.
        name: String,
        /// The type of both.
        kind: String,
    },
    /// Not a place in data.
    #[error("`{0}` is not a place in data; write it as $.tokens or $.usage.total")]
    Path(String),
}

impl TryFrom<String> for DataPath {
    type Error = MeterError;

    fn try_from(text: String) -> Result<Self, MeterError> {
        let steps: Option<Vec<_>> = text
            .strip_prefix("$.")
            .map(|steps| steps.split('.').map(str::to_owned).collect());
        match steps {
            Some(steps)
                if steps
                    .iter()
                    .all(|s| !s.is_empty() && !s.contains(['[', '*', '?'])) =>
            {
                Ok(Self { text, steps })
            }
            _ => Err(MeterError::Path(text)),
        }
    }
}

/// The meters in force, by the type of their events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meters(BTreeMap<String, Meter>);

impl Meters {
    /// No meters: every type is one of our resources.
    pub const NONE: Self = Self(BTreeMap::new());

    /// Checks definitions, each under its name.
    pub fn new(named: BTreeMap<String, Meter>) -> Result<Self, MeterError> {
        let mut meters = BTreeMap::new();
        for (name, meter) in named {
            if meter.quantity.is_some() == meter.value.is_some() {
                return Err(MeterError::Quantity(name));
            }
            let kind = meter.kind.clone();
            if meters.insert(kind.clone(), meter).is_some() {
                return Err(MeterError::Twice { name, kind });
            }
        }
        Ok(Self(meters))
    }

    /// The meter of a type.
    pub(super) fn find(&self, kind: &str) -> Option<&Meter> {
        // Most operators define none.
        (!self.0.is_empty()).then(|| self.0.get(kind)).flatten()
    }
}

impl Meter {
    /// Makes an event of a CloudEvent's attributes. If it does not say when, it was now.
    pub(super) fn event(
        &self,
        account: String,
        mut fields: Fields<'_>,
        now: Timestamp,
    ) -> Result<RawEvent, EventError> {
        let data = fields.take("data");
        let quantity = match (&self.quantity, &self.value) {
            (Some(quantity), _) => quantity.to_string(),
            (None, Some(path)) => number(path, find(data, path)?)?,
            (None, None) => String::new(),
        };
        let provider = match &self.provider {
            Some(path) => find(data, path)?.map(|v| word(path, v)).transpose()?,
            None => None,
        };
        let mut dimensions = BTreeMap::new();
        for (name, path) in &self.dimensions {
            if let Some(value) = find(data, path)? {
                dimensions.insert(name.clone(), word(path, value)?);
            }
        }
        let time = fields.text("time")?;
        Ok(RawEvent {
            account,
            service: self.resource.service().name().to_owned(),
            resource: self.resource.spec().name.to_owned(),
            quantity,
            unit: self.unit.map(|unit| unit.name().to_owned()),
            time: time.unwrap_or_else(|| now.to_string()),
            source: fields.required("source")?,
            id: fields.required("id")?,
            provider,
            dimensions,
            correction: false,
        })
    }
}

/// What is at a place in data; `None` if there is nothing, or `null`.
fn find<'a>(
    data: Option<&'a RawValue>,
    path: &DataPath,
) -> Result<Option<&'a RawValue>, EventError> {
    let mut at = data;
    for step in &path.steps {
        let Some(value) = at else { return Ok(None) };
        if !value.get().starts_with('{') {
            return Ok(None);
        }
        at = Fields::parse("data", value.get())?.take(step);
    }
    Ok(at)
}

/// The digits of a number, as they are written, or those of a text.
fn number(path: &DataPath, value: Option<&RawValue>) -> Result<String, EventError> {
    let (field, at) = ("data", &path.text);
    let Some(value) = value else {
        let reason = format!("has nothing at {at}, where the meter's value should be");
        return Err(EventError::new(field, "", reason));
    };
    let text = value.get();
    match text.bytes().next() {
        Some(b'"') => serde_json::from_str(text)
            .map_err(|_| EventError::new(field, excerpt(text), "must be a string")),
        Some(b'-' | b'0'..=b'9') => Ok(text.to_owned()),
        _ => {
            let reason = format!("has no number at {at}, where the meter's value should be");
            Err(EventError::new(field, excerpt(text), reason))
        }
    }
}

/// A text, or a number or truth value as it is written.
fn word(path: &DataPath, value: &RawValue) -> Result<String, EventError> {
    let text = value.get();
    match text.bytes().next() {
        Some(b'"') => serde_json::from_str(text)
            .map_err(|_| EventError::new("data", excerpt(text), "must be a string")),
        Some(b'{' | b'[') => {
            let reason = format!("has no text at {}, where a dimension should be", path.text);
            Err(EventError::new("data", excerpt(text), reason))
        }
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_that_does_not_hold_is_refused() {
        let meters = |text: &str| {
            let meters: BTreeMap<String, Meter> =
                toml::from_str(text).map_err(|error| error.message().to_owned())?;
            Meters::new(meters).map_err(|error| error.to_string())
        };
        let good = "[a]\ntype = 'x'\nresource = 'network.requests'\nquantity = 1\n";
        assert!(meters(good).is_ok());
        let cases = [
            ("value = '$.n'", "give either quantity"),
            ("value = 'n'", "`n` is not a place in data"),
            ("value = '$.a[0]'", "is not a place in data"),
            ("colour = 1", "unknown field"),
        ];
        for (line, told) in cases {
            let error = meters(&format!("{good}{line}")).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        let twice = format!("{good}{}", good.replace("[a]", "[b]"));
        assert!(meters(&twice).unwrap_err().contains("has a meter already"));
    }
}
