//! Exporters: events from a usage log, written for others to read.

mod csv;
mod ndjson;

pub use csv::CsvExport;
pub use ndjson::write_ndjson_line;
