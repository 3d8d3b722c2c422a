//! CloudEvents 1.0 in JSON, in both directions: what services send over HTTP, and how an import is
//! handed on to a server.
//!
//! `type` is the resource (`storage.stored_data`), `subject` the account; quantity, unit, provider,
//! dimensions and correction are in `data`. Extension attributes are allowed and not kept.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Serialize;
use serde_json::value::RawValue;
use synor_economics::metering::{EventError, RawEvent, UsageEvent};
use synor_economics::period::Timestamp;
use synor_economics::quantity::Quantity;

use super::json::{Fields, missing, syntax};
use super::lines::{Progress, line_ends, read_text};
use super::meters::Meters;
use super::{ImportError, ImportOptions, Imported, excerpt};

/// The media type of one CloudEvent.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
/// The media type of an array of CloudEvents.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";

const SPEC_VERSION: &str = "1.0";
const KNOWN_DATA: &str = "quantity, unit, provider, dimensions, correction";

/// Reads one CloudEvent.
///
/// ```
/// let text = r#"{"specversion":"1.0","type":"network.egress","source":"node-1","id":"7",
///     "subject":"acme","time":"2026-01-01T00:00:00Z","data":{"quantity":"1.5","unit":"GB"}}"#;
/// let value: &serde_json::value::RawValue = serde_json::from_str(text)?;
/// let raw = synor_usage::import::event_from_cloudevent(value)?;
/// assert_eq!((raw.account.as_str(), raw.quantity.as_str()), ("acme", "1.5")); // GB
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn event_from_cloudevent(value: &RawValue) -> Result<RawEvent, EventError> {
    from_fields(
        Fields::parse("event", value.get())?,
        &Meters::NONE,
        Timestamp::from_secs(0),
    )
}

/// Writes events as a batch, from which [`EventReader`](super::EventReader) makes the same events
/// again.
pub fn write_cloudevents(events: &[UsageEvent]) -> Result<Vec<u8>, serde_json::Error> {
    let batch: Vec<_> = events.iter().map(CloudEvent::from).collect();
    serde_json::to_vec(&batch)
}

/// A usage event as it is sent: the quantity in base units, with the unit stated.
#[derive(Debug, Clone, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: String,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Debug, Clone, Serialize)]
struct Data<'a> {
    quantity: Quantity,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    correction: bool,
}

impl<'a> From<&'a UsageEvent> for CloudEvent<'a> {
    fn from(event: &'a UsageEvent) -> Self {
        Self {
            specversion: SPEC_VERSION,
            id: &event.identity.id,
            source: &event.identity.source,
            kind: event.resource.to_string(),
            subject: event.identity.account.as_str(),
            time: event.time.to_string(),
            datacontenttype: "application/json",
            data: Data {
                quantity: event.quantity,
                unit: event.unit().name(),
                provider: event.provider.as_ref().map(|provider| provider.as_str()),
                dimensions: &event.dimensions,
                correction: event.correction,
            },
        }
    }
}

/// Makes an event of a CloudEvent's attributes. An event of an operator's own meter that does not
/// say when it happened, happened `now`.
pub(super) fn from_fields(
    mut fields: Fields<'_>,
    meters: &Meters,
    now: Timestamp,
) -> Result<RawEvent, EventError> {
    let version = fields.required("specversion")?;
    if version != SPEC_VERSION {
        let reason = format!("is not a version known here; write {SPEC_VERSION}");
        return Err(EventError::new("specversion", excerpt(&version), reason));
    }
    if let Some(content) = fields.text("datacontenttype")? {
        let essence = content.split(';').next().unwrap_or("").trim();
        if essence != "application/json" && !essence.ends_with("+json") {
            let reason = "must be application/json";
            return Err(EventError::new(
                "datacontenttype",
                excerpt(&content),
                reason,
            ));
        }
    }
    let kind = fields.required("type")?;
    let meter = meters.find(&kind);
    let Some((service, resource)) = kind.split_once('.').or(meter.map(|_| ("", ""))) else {
        let reason = "must be a service and a resource, as in storage.stored_data";
        return Err(EventError::new("type", excerpt(&kind), reason));
    };
    let account = fields.required("subject").map_err(|mut error| {
        error.reason.push_str("; it names the account");
        error
    })?;
    if let Some(meter) = meter {
        return meter.event(account, fields, now);
    }
    let data = fields.take("data").ok_or_else(|| missing("data"))?;
    let mut data = Fields::parse("data", data.get())?;
    let raw = RawEvent {
        account,
        service: service.to_owned(),
        resource: resource.to_owned(),
        quantity: data.quantity()?,
        unit: data.text("unit")?,
        time: fields.required("time")?,
        source: fields.required("source")?,
        id: fields.required("id")?,
        provider: data.text("provider")?,
        dimensions: data.dimensions()?,
        correction: data.flag("correction")?,
    };
    data.finish(KNOWN_DATA)?;
    Ok(raw)
}

/// Reads a file of CloudEvents: objects and arrays of them, one after another.
pub(super) fn read(
    input: &mut dyn BufRead,
    options: &ImportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let text = read_text(input)?;
    let mut place = Place::new(&text);
    let mut progress = Progress::new(progress);
    let mut imported = Imported::default();
    let values = serde_json::Deserializer::from_str(&text).into_iter::<&RawValue>();
    for value in values {
        let value = value.map_err(|error| {
            let line = u64::try_from(error.line()).unwrap_or(u64::MAX);
            let shown = error
                .line()
                .checked_sub(1)
                .and_then(|at| text.lines().nth(at));
            let error = EventError::new("text", excerpt(shown.unwrap_or("")), syntax(&error));
            ImportError::at(line, error)
        })?;
        let batch: Vec<&RawValue> = match value.get().starts_with('[') {
            true => serde_json::from_str(value.get()).map_err(|error| {
                let line = place.line_of(value.get());
                ImportError::at(line, EventError::new("text", "[", syntax(&error)))
            })?,
            false => vec![value],
        };
        for value in batch {
            let line = place.line_of(value.get());
            let event = event_from_cloudevent(value)
                .and_then(|raw| raw.validate(options.now))
                .map_err(|error| ImportError::at(line, error))?;
            imported.events.push(event);
            imported.lines = imported.lines.saturating_add(1);
            progress.at(place.bytes());
        }
    }
    progress.done(u64::try_from(text.len()).unwrap_or(u64::MAX));
    Ok(imported)
}

/// Where in a text its parts begin, counting lines only forwards.
struct Place<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl<'t> Place<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// The line on which a part begins; parts are asked for in the order of the text.
    fn line_of(&mut self, part: &str) -> u64 {
        let start = part
            .as_ptr()
            .addr()
            .saturating_sub(self.text.as_ptr().addr());
        let between = self.text.as_bytes().get(self.at..start).unwrap_or(&[]);
        self.line = self.line.saturating_add(line_ends(between));
        self.at = self.at.max(start);
        self.line
    }

    fn bytes(&self) -> u64 {
        u64::try_from(self.at).unwrap_or(u64::MAX)
    }
}
