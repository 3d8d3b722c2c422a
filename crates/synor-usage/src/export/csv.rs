//! Events as CSV that an import reads: a header with the field names of an event, and
//! `dimension.<name>` for each dimension.

use std::collections::BTreeSet;
use std::io::Write;

use synor_economics::metering::UsageEvent;

const COLUMNS: [&str; 10] = [
    "account",
    "service",
    "resource",
    "quantity",
    "unit",
    "time",
    "source",
    "id",
    "provider",
    "correction",
];

/// Writes events one after another, and keeps none of them.
#[derive(Debug)]
pub struct CsvExport<W: Write> {
    csv: ::csv::Writer<W>,
    dimensions: BTreeSet<String>,
}

impl<W: Write> CsvExport<W> {
    /// Begins with the header. What an event says of dimensions that are not named here is not
    /// written.
    pub fn new(writer: W, dimensions: BTreeSet<String>) -> Result<Self, ::csv::Error> {
        let mut csv = ::csv::Writer::from_writer(writer);
        let named = dimensions.iter().map(|name| format!("dimension.{name}"));
        let columns = COLUMNS.into_iter().map(str::to_owned).chain(named);
        csv.write_record(columns.collect::<Vec<_>>())?;
        Ok(Self { csv, dimensions })
    }

    /// Adds an event, its quantity in base units.
    pub fn push(&mut self, event: &UsageEvent) -> Result<(), ::csv::Error> {
        let (service, resource) = (event.resource.service().name(), event.resource.spec().name);
        let (quantity, time) = (event.quantity.to_string(), event.time.to_string());
        let provider = event.provider.as_ref().map_or("", |id| id.as_str());
        let identity = &event.identity;
        let fields = [
            identity.account.as_str(),
            service,
            resource,
            &quantity,
            event.unit().name(),
            &time,
            &identity.source,
            &identity.id,
            provider,
            if event.correction { "true" } else { "" },
        ];
        let value = |name| event.dimensions.get(name).map_or("", String::as_str);
        let dimensions = self.dimensions.iter().map(value);
        self.csv.write_record(fields.into_iter().chain(dimensions))
    }

    /// Hands on what is written so far, and gives the writer back.
    pub fn finish(self) -> Result<W, ::csv::Error> {
        self.csv
            .into_inner()
            .map_err(|error| error.into_error().into())
    }
}
