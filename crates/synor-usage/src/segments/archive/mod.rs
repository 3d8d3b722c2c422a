//! Sealed segments, each a Parquet file that anyone's DuckDB, Polars or Spark can read, and beside
//! it an index by which one account's events, or one position, are found without reading the rest.
//!
//! - `N.parquet`: the events, sorted by account, time and position; `schema` says which columns.
//! - `N.index`: where each account's rows and each position are, and a digest of every 16 KiB of the
//!   Parquet file, in blocks that carry their own check. An open archive keeps only its header.
//!
//! **Nothing is believed that was not checked**: every byte that is read from a Parquet file,
//! footers and page headers included, is first compared with its digest in the index (`verified`).
//! `docs/usage-archive.md` describes the columns for people.

mod columns;
mod decode;
mod error;
mod index;
mod read;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod tree;
mod verified;
mod write;

pub(crate) use columns::EventColumns;
pub(crate) use decode::RowBatch;
pub(crate) use error::ArchiveError;
pub(crate) use index::AccountRange;
pub(crate) use read::Archive;
pub(crate) use rows::Rows;
pub(crate) use schema::{Order, event_schema, writer_properties};
pub(crate) use write::{Written, index_path, write};
