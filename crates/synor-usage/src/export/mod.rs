//! Exporters: events from a usage log, written for others to read.

mod parquet;

pub use parquet::{ParquetExport, ParquetExportError, write_parquet};
