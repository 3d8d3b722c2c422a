//! CSV of events: a header with the field names of an event, and `dimension.<name>` for each
//! dimension.

use std::io::BufRead;

use csv::StringRecord;
use synor_economics::metering::{EventError, RawEvent};

use super::lines::{Progress, read_text};
use super::table::Table;
use super::{ImportError, ImportOptions, Imported, excerpt};

const REQUIRED: [&str; 7] = [
    "account", "service", "resource", "quantity", "time", "source", "id",
];
const KNOWN: &str = "account, service, resource, quantity, unit, time, source, id, provider, \
                     correction and dimension.<name>";

/// What a column holds.
enum Column {
    Account,
    Service,
    Resource,
    Quantity,
    Unit,
    Time,
    Source,
    Id,
    Provider,
    Correction,
    Dimension(String),
}

pub(super) fn read(
    input: &mut dyn BufRead,
    options: &ImportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let text = read_text(input)?;
    let mut progress = Progress::new(progress);
    let mut table = Table::open(&text, &REQUIRED)?;
    let columns = table
        .header()
        .map(column)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ImportError::at(table.line(), error))?;
    let mut imported = Imported::default();
    while let Some((line, record)) = table.next()? {
        let event = event(&columns, record).and_then(|raw| raw.validate(options.now));
        imported
            .events
            .push(event.map_err(|error| ImportError::at(line, error))?);
        imported.lines = imported.lines.saturating_add(1);
        progress.at(table.bytes());
    }
    progress.done(u64::try_from(text.len()).unwrap_or(u64::MAX));
    Ok(imported)
}

fn column(name: &str) -> Result<Column, EventError> {
    Ok(match name {
        "account" => Column::Account,
        "service" => Column::Service,
        "resource" => Column::Resource,
        "quantity" => Column::Quantity,
        "unit" => Column::Unit,
        "time" => Column::Time,
        "source" => Column::Source,
        "id" => Column::Id,
        "provider" => Column::Provider,
        "correction" => Column::Correction,
        other => match other.strip_prefix("dimension.") {
            Some(dimension) => Column::Dimension(dimension.to_owned()),
            None => {
                let reason = format!("is not a column of events; there are {KNOWN}");
                return Err(EventError::new("column", excerpt(other), reason));
            }
        },
    })
}

fn event(columns: &[Column], record: &StringRecord) -> Result<RawEvent, EventError> {
    let mut raw = RawEvent::default();
    for (column, field) in columns.iter().zip(record) {
        let some = || (!field.is_empty()).then(|| field.to_owned());
        match column {
            Column::Account => field.clone_into(&mut raw.account),
            Column::Service => field.clone_into(&mut raw.service),
            Column::Resource => field.clone_into(&mut raw.resource),
            Column::Quantity => field.clone_into(&mut raw.quantity),
            Column::Time => field.clone_into(&mut raw.time),
            Column::Source => field.clone_into(&mut raw.source),
            Column::Id => field.clone_into(&mut raw.id),
            Column::Unit => raw.unit = some(),
            Column::Provider => raw.provider = some(),
            Column::Correction => raw.correction = flag(field)?,
            Column::Dimension(name) => {
                if let Some(value) = some() {
                    raw.dimensions.insert(name.clone(), value);
                }
            }
        }
    }
    Ok(raw)
}

fn flag(field: &str) -> Result<bool, EventError> {
    match field {
        "" | "false" => Ok(false),
        "true" => Ok(true),
        other => Err(EventError::new(
            "correction",
            excerpt(other),
            "is neither true nor false",
        )),
    }
}
