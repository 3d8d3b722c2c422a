//! Bodies of events as they come over the wire: one CloudEvent, an array of them, or lines. Each
//! event is accepted or refused on its own; only a body that is not JSON at all is refused whole.

use serde::Serialize;
use synor_economics::metering::{EventError, UsageEvent};
use synor_economics::period::Timestamp;
use thiserror::Error;

use super::json::Fields;
use super::meters::Meters;
use super::plain::{Notation, Plain};
use super::{cloudevents, excerpt, ndjson, split};

/// An event that was refused, with its id if that much could be read.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{error}")]
pub struct RefusedEvent {
    /// What the event calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The field, its value and the reason.
    #[serde(flatten)]
    pub error: EventError,
}

impl From<EventError> for RefusedEvent {
    fn from(error: EventError) -> Self {
        Self { id: None, error }
    }
}

/// A body that is not JSON: nothing in it can be told apart.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the body {reason}")]
pub struct NotJson {
    reason: String,
}

/// What became of one event: it holds, or not.
pub type ReadEvent = Result<UsageEvent, RefusedEvent>;

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBody {
    /// Its events, in order.
    pub events: Vec<ReadEvent>,
    /// Whether it is an array, even of one.
    pub is_batch: bool,
}

/// Lines of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadLines {
    /// The events of the lines that are not blank, in order.
    pub events: Vec<ReadEvent>,
    /// The line of each event, from 0.
    pub lines: Vec<u64>,
    /// How many lines were read, blank ones among them.
    pub count: u64,
}

/// Reads events, and holds them to the rules of metering.
///
/// ```
/// use synor_economics::period::Timestamp;
/// use synor_usage::import::EventReader;
/// let reader = EventReader::new(Timestamp::parse("2026-01-02T00:00:00Z")?);
/// let body = br#"[{"specversion":"1.0","type":"network.egress","source":"node-1","id":"7",
///     "subject":"acme","time":"2026-01-01T00:00:00Z","data":{"quantity":"1.5","unit":"GB"}},
///     {"specversion":"1.0","id":"8"}]"#;
/// let read = reader.cloudevents(body)?;
/// assert_eq!(read.events[0].as_ref().unwrap().quantity.get(), 1_500_000_000); // bytes
/// assert_eq!(read.events[1].as_ref().unwrap_err().to_string(), "type ``: is missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct EventReader<'m> {
    now: Timestamp,
    meters: &'m Meters,
}

impl EventReader<'static> {
    /// A reader at an instant, against which times in the future are refused.
    pub const fn new(now: Timestamp) -> Self {
        const NONE: &Meters = &Meters::NONE;
        Self { now, meters: NONE }
    }
}

impl<'m> EventReader<'m> {
    /// The same, for events of an operator's own meters, too.
    pub const fn with_meters(now: Timestamp, meters: &'m Meters) -> Self {
        Self { now, meters }
    }

    /// Reads one CloudEvent, or an array of them.
    pub fn cloudevents(&self, body: &[u8]) -> Result<ReadBody, NotJson> {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let trimmed = body.trim_ascii();
        if !trimmed.starts_with(b"[") {
            let event = self.cloudevent(trimmed);
            if event.is_err() {
                check_json(trimmed)?;
            }
            return Ok(ReadBody {
                events: vec![event],
                is_batch: false,
            });
        }
        let plain = std::str::from_utf8(trimmed).ok();
        let plain = plain.and_then(|text| self.plain(Notation::CloudEvents).batch(text));
        if let Some(events) = plain {
            return Ok(ReadBody {
                events,
                is_batch: true,
            });
        }
        let elements = split::elements(trimmed).map_err(|reason| NotJson {
            reason: reason.to_owned(),
        })?;
        Ok(ReadBody {
            events: elements.map(|text| self.cloudevent(text)).collect(),
            is_batch: true,
        })
    }

    /// Reads one CloudEvent.
    pub fn cloudevent(&self, text: &[u8]) -> ReadEvent {
        let text = utf8("event", text)?;
        match self.plain(Notation::CloudEvents).event(text) {
            Some(event) => event,
            None => self.checked(Fields::parse("event", text)?, Notation::CloudEvents),
        }
    }

    /// Reads lines, each an event, flat or a CloudEvent. The last line needs no end.
    pub fn ndjson(&self, text: &[u8]) -> ReadLines {
        let mut read = ReadLines::default();
        for (at, line) in (0u64..).zip(split::lines(text)) {
            read.count = at.saturating_add(1);
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            read.lines.push(at);
            read.events.push(self.line(line));
        }
        read
    }

    /// Reads one event, flat or a CloudEvent.
    pub fn line(&self, line: &[u8]) -> ReadEvent {
        let text = utf8("text", line)?;
        match self.plain(Notation::Either).event(text) {
            Some(event) => event,
            None => self.checked(Fields::parse("text", text)?, Notation::Either),
        }
    }

    pub(super) const fn plain(&self, notation: Notation) -> Plain<'m> {
        Plain {
            now: self.now,
            meters: self.meters,
            notation,
        }
    }

    /// Reads what is not plain, and says what is wrong with it.
    pub(super) fn checked(&self, fields: Fields<'_>, notation: Notation) -> ReadEvent {
        let id = fields.peek_text("id");
        let raw = match notation {
            Notation::Either if !fields.has("specversion") => ndjson::from_fields(fields),
            _ => cloudevents::from_fields(fields, self.meters, self.now),
        };
        raw.and_then(|raw| raw.validate(self.now))
            .map_err(|error| RefusedEvent { id, error })
    }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn check_json(text: &[u8]) -> Result<(), NotJson> {
    serde_json::from_slice::<serde::de::IgnoredAny>(text)
        .map(drop)
        .map_err(|error| NotJson {
            reason: super::json::syntax(&error),
        })
}

fn utf8<'a>(field: &'static str, text: &'a [u8]) -> Result<&'a str, EventError> {
    std::str::from_utf8(text).map_err(|error| {
        let shown = excerpt(&String::from_utf8_lossy(text));
        let at = error.valid_up_to().saturating_add(1);
        EventError::new(field, shown, format!("is not valid UTF-8 at byte {at}"))
    })
}
