//! NDJSON: one flat object a line, with the field names of an event. A line with `specversion` is a
//! CloudEvent.

use std::io::BufRead;

use synor_economics::metering::{EventError, RawEvent};

use super::json::Fields;
use super::lines::Lines;
use super::{BatchError, ImportError, ImportOptions, Imported, cloudevents};

const KNOWN: &str = "account, service, resource, quantity, unit, time, source, id, provider, dimensions, correction";

pub(super) fn read(
    input: &mut dyn BufRead,
    options: &ImportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let mut lines = Lines::new(input, progress);
    let mut imported = Imported::default();
    while let Some((number, line)) = lines.next()? {
        let event = parse(line)
            .and_then(|raw| raw.validate(options.now))
            .map_err(|error| ImportError::at(number, error))?;
        imported.events.push(event);
        imported.lines = imported.lines.saturating_add(1);
    }
    Ok(imported)
}

/// Reads a request's body: one event a line, flat or a CloudEvent. The first line that cannot be
/// read refuses the body; whether an event's fields hold is for [`RawEvent::validate`] to say.
pub fn parse_ndjson(body: &[u8]) -> Result<Vec<RawEvent>, BatchError> {
    let text = std::str::from_utf8(body).map_err(|error| BatchError {
        index: 0,
        error: EventError::new("body", "", format!("is not valid UTF-8: {error}")),
    })?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .enumerate()
        .map(|(index, line)| parse(line).map_err(|error| BatchError { index, error }))
        .collect()
}

fn parse(line: &str) -> Result<RawEvent, EventError> {
    let mut fields = Fields::parse("text", line)?;
    if fields.has("specversion") {
        return cloudevents::from_fields(fields);
    }
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
