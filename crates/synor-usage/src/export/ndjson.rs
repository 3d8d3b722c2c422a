//! Events as NDJSON that an import reads: one flat object a line.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use synor_economics::metering::UsageEvent;

#[derive(Serialize)]
struct Line<'a> {
    account: &'a str,
    service: &'a str,
    resource: &'a str,
    /// In quotes, because many readers round large bare numbers.
    quantity: String,
    unit: &'a str,
    time: String,
    source: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    correction: bool,
}

/// Writes one event and the end of its line, its quantity in base units.
pub fn write_ndjson_line(writer: &mut impl Write, event: &UsageEvent) -> io::Result<()> {
    let line = Line {
        account: event.identity.account.as_str(),
        service: event.resource.service().name(),
        resource: event.resource.spec().name,
        quantity: event.quantity.to_string(),
        unit: event.unit().name(),
        time: event.time.to_string(),
        source: &event.identity.source,
        id: &event.identity.id,
        provider: event.provider.as_ref().map(|id| id.as_str()),
        dimensions: &event.dimensions,
        correction: event.correction,
    };
    serde_json::to_writer(&mut *writer, &line)?;
    writer.write_all(b"\n")
}
