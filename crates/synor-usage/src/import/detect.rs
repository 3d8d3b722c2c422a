//! The formats by name, and which of them a file is in.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::access_log;

/// A format that usage can be imported from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImportFormat {
    /// One flat JSON object, or one CloudEvent, a line.
    Ndjson,
    /// One event a record, with a header.
    Csv,
    /// CloudEvents 1.0 in JSON: one, an array of them, or one after another.
    CloudEvents,
    /// The combined (or common) log format of Apache and nginx.
    AccessLog,
    /// A cloud's bill in the FOCUS format, as CSV.
    Focus,
}

/// A name that no format has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a format; there are ndjson, csv, cloudevents, access-log, focus")]
pub struct UnknownFormat(String);

impl ImportFormat {
    /// All formats.
    pub const ALL: [Self; 5] = [
        Self::Ndjson,
        Self::Csv,
        Self::CloudEvents,
        Self::AccessLog,
        Self::Focus,
    ];

    /// The format's name as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::CloudEvents => "cloudevents",
            Self::AccessLog => "access-log",
            Self::Focus => "focus",
        }
    }
}

impl fmt::Display for ImportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ImportFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// The format of a file, from its first bytes (a few kilobytes are enough) and its name. The bytes
/// decide where they can; `None` if neither tells.
///
/// ```
/// use synor_usage::import::{ImportFormat, detect};
/// let header = b"account,service,resource,quantity,time,source,id\n";
/// assert_eq!(detect(header, "usage.txt"), Some(ImportFormat::Csv));
/// assert_eq!(detect(b"{\"account\":\"acme\"", ""), Some(ImportFormat::Ndjson));
/// assert_eq!(detect(b"hello", "notes.txt"), None);
/// ```
pub fn detect(first: &[u8], file_name: &str) -> Option<ImportFormat> {
    let text = String::from_utf8_lossy(first);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let line = text.lines().next().unwrap_or("");
    let has_column = |name: &str| {
        line.split(',')
            .any(|column| column.trim().trim_matches('"') == name)
    };
    let extension = file_name
        .rsplit_once('.')
        .map(|(_, end)| end.to_ascii_lowercase());
    let extension = extension.as_deref().unwrap_or("");
    if text.starts_with('[') {
        return Some(ImportFormat::CloudEvents);
    }
    if text.starts_with('{') {
        let lines = matches!(extension, "ndjson" | "jsonl");
        let cloud = text.contains("\"specversion\"") && !lines;
        return Some(if cloud {
            ImportFormat::CloudEvents
        } else {
            ImportFormat::Ndjson
        });
    }
    if has_column("ChargePeriodStart") && has_column("ProviderName") {
        return Some(ImportFormat::Focus);
    }
    if has_column("account") || has_column("quantity") {
        return Some(ImportFormat::Csv);
    }
    if access_log::is_entry(line) {
        return Some(ImportFormat::AccessLog);
    }
    match extension {
        "ndjson" | "jsonl" => Some(ImportFormat::Ndjson),
        "csv" => Some(ImportFormat::Csv),
        "log" => Some(ImportFormat::AccessLog),
        _ => None,
    }
}
