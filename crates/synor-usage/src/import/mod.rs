//! Importers: usage written down by others (events in three notations, access logs, cloud bills)
//! becomes [`UsageEvent`]s.
//!
//! An import is all or nothing. Every event passes the domain's own validation, and the first line
//! that does not hold ends the import with its number, field, value and reason. What a file says is
//! turned into the same events with the same identities each time, so that importing it again adds
//! nothing. `docs/import.md` describes the formats for people.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use serde::Serialize;
use synor_economics::id::{AccountId, ProviderId};
use synor_economics::metering::{EventError, ServiceType, UsageEvent};
use synor_economics::money::Exact;
use synor_economics::period::Timestamp;
use thiserror::Error;

mod access_log;
pub mod cloudevents;
mod detect;
mod events_csv;
pub mod focus;
mod json;
mod lines;
mod meters;
mod ndjson;
mod plain;
#[cfg(test)]
mod random_inputs;
mod reader;
mod split;
mod table;

pub use cloudevents::{CloudEvent, event_from_cloudevent, write_cloudevents};
pub use detect::{ImportFormat, UnknownFormat, detect};
pub use focus::mapping::{Mapping, MappingError};
pub use meters::{DataPath, Meter, MeterError, Meters};
pub use ndjson::event_from_line;
pub use reader::{EventReader, NotJson, ReadBody, ReadEvent, ReadLines, RefusedEvent};

/// What an importer must be told besides the file.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The present, against which times in the future are refused.
    pub now: Timestamp,
    /// Whose usage an access log is (required there); for a FOCUS bill, the account that takes
    /// every line of it. The other formats name the account in each event.
    pub account: Option<AccountId>,
    /// The operator that did the work, for access logs and for FOCUS bills (where it replaces the
    /// cloud's name).
    pub provider: Option<ProviderId>,
    /// The source to record, for access logs (default `access-log`) and for FOCUS bills (default
    /// `focus:` and the cloud's name). It is part of each event's identity.
    pub source: Option<String>,
}

/// What an import found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The events, in the order of the file.
    pub events: Vec<UsageEvent>,
    /// Lines or records that were read, without the header and blank ones.
    pub lines: u64,
    /// The accounts seen, including those whose every line is unmapped.
    pub accounts: BTreeSet<AccountId>,
    /// Lines of a cloud bill without a counterpart here, none for the other formats.
    pub unmapped: Vec<Unmapped>,
    /// What a cloud bill charged, by currency; empty for the other formats.
    pub billed: BTreeMap<String, Billed>,
    /// What a cloud bill charged for each line that became events; empty for the other formats.
    pub mapped: Vec<Mapped>,
}

/// What a cloud billed for a line that became events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// The account whose line it is.
    pub account: AccountId,
    /// The service here of the line's first event, which carries the cost of all of them.
    pub service: ServiceType,
    /// What was billed, exactly, in units of the currency.
    pub cost: Exact,
    /// The currency of the cost.
    pub currency: String,
}

/// What a cloud billed in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Billed {
    /// For the lines that became events.
    pub mapped: Exact,
    /// For the lines that have no counterpart.
    pub unmapped: Exact,
}

/// A line of a cloud bill, or one resource of it, that became no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmapped {
    /// The line in the file where the record starts, from 1.
    pub line: u64,
    /// The account it would have been billed to.
    pub account: AccountId,
    /// The cloud.
    pub provider: String,
    /// The cloud's service.
    pub service: String,
    /// The unit it was priced in.
    pub unit: String,
    /// The cloud's description of the charge.
    pub description: String,
    /// What the cloud billed for it, exactly, in units of the currency. `None` if the bill states
    /// nothing, or if another resource of the same line became an event and carries the cost.
    pub cost: Option<Exact>,
    /// The currency of the cost.
    pub currency: String,
    /// Why it became no event.
    pub reason: String,
}

/// Why an import was refused.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A line that does not hold.
    #[error("line {line}: {error}")]
    Line {
        /// The line in the file, from 1; for CSV, the one where the record starts.
        line: u64,
        /// The field, its value and the reason.
        error: EventError,
    },
    /// An access log does not say whose usage it is.
    #[error("an access log does not name an account; say which one it belongs to")]
    AccountMissing,
    /// The costs of a bill add up to more than can be kept exactly.
    #[error("line {line}: the costs of the bill cannot be added exactly")]
    CostOverflow {
        /// The line at which the sum left the range.
        line: u64,
    },
    /// The table that maps cloud bills is at fault.
    #[error("the table that maps cloud bills is at fault")]
    Mapping(#[from] MappingError),
    /// The input could not be read.
    #[error("the input could not be read")]
    Io(#[from] io::Error),
}

impl ImportError {
    /// An error about one line.
    pub(crate) fn at(line: u64, error: EventError) -> Self {
        Self::Line { line, error }
    }
}

/// Reads a whole input in one of the formats. `progress` is told from time to time how many bytes
/// have been taken in.
///
/// ```
/// use synor_economics::period::Timestamp;
/// use synor_usage::import::{ImportFormat, ImportOptions, read};
/// let csv = "account,service,resource,quantity,unit,time,source,id\n\
///            acme,network,egress,1.5,GB,2026-01-01T00:00:00Z,node-1,7\n";
/// let options = ImportOptions {
///     now: Timestamp::parse("2026-01-02T00:00:00Z")?,
///     account: None,
///     provider: None,
///     source: None,
/// };
/// let imported = read(ImportFormat::Csv, &mut csv.as_bytes(), &options, &mut |_| {})?;
/// assert_eq!(imported.events[0].quantity.get(), 1_500_000_000); // bytes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(
    format: ImportFormat,
    input: &mut dyn BufRead,
    options: &ImportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let mut imported = match format {
        ImportFormat::Ndjson => ndjson::read(input, options, progress),
        ImportFormat::Csv => events_csv::read(input, options, progress),
        ImportFormat::CloudEvents => cloudevents::read(input, options, progress),
        ImportFormat::AccessLog => access_log::read(input, options, progress),
        ImportFormat::Focus => focus::read(input, options, &Mapping::built_in()?, progress),
    }?;
    for event in &imported.events {
        if !imported.accounts.contains(&event.identity.account) {
            imported.accounts.insert(event.identity.account.clone());
        }
    }
    Ok(imported)
}

/// The beginning of a text, for an error to show.
fn excerpt(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
