//! NDJSON: one flat object a line, with the field names of an event. A line with `specversion` is a
//! CloudEvent.

use std::io::BufRead;

use synor_economics::metering::{EventError, RawEvent};
use synor_economics::period::Timestamp;

use super::json::Fields;
use super::lines::Lines;
use super::meters::Meters;
use super::{ImportError, ImportOptions, Imported, cloudevents};

const KNOWN: &str = "account, service, resource, quantity, unit, time, source, id, provider, dimensions, correction";

pub(super) fn read(
    input: &mut dyn BufRead,
    options: &ImportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let mut lines = Lines::new(input, progress);
    let mut imported = Imported::default();
    while let Some((number, line)) = lines.next()? {
        let event = event_from_line(line)
            .and_then(|raw| raw.validate(options.now))
            .map_err(|error| ImportError::at(number, error))?;
        imported.events.push(event);
        imported.lines = imported.lines.saturating_add(1);
    }
    Ok(imported)
}

/// Reads one line, flat or a CloudEvent, without holding its fields to the rules of metering.
pub fn event_from_line(line: &str) -> Result<RawEvent, EventError> {
    let fields = Fields::parse("text", line)?;
    match fields.has("specversion") {
        true => cloudevents::from_fields(fields, &Meters::NONE, Timestamp::from_secs(0)),
        false => from_fields(fields),
    }
}

pub(super) fn from_fields(mut fields: Fields<'_>) -> Result<RawEvent, EventError> {
    let raw = RawEvent {
        account: fields.required("account")?,
        service: fields.required("service")?,
        resource: fields.required("resource")?,
        quantity: fields.quantity()?,
        unit: fields.text("unit")?,
        time: fields.required("time")?,
        source: fields.required("source")?,
        id: fields.required("id")?,
        provider: fields.text("provider")?,
        dimensions: fields.dimensions()?,
        correction: fields.flag("correction")?,
    };
    fields.finish(KNOWN)?;
    Ok(raw)
}
