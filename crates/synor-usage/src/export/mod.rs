//! Exporters: events from a usage log, written for others to read.

mod csv;
mod ndjson;
mod parquet;

pub use csv::CsvExport;
pub use ndjson::write_ndjson_line;
pub use parquet::{ParquetExport, ParquetExportError, write_parquet};
