//! The columns of an archive file, and how each is encoded and compressed.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};

/// The columns. Once archives exist, columns may be added at the end and none may change.
const SCHEMA: &str = "message usage_event {
    required int64 position;
    required binary account (STRING);
    required binary service (STRING);
    required binary resource (STRING);
    required boolean is_sample;
    required fixed_len_byte_array(16) quantity (DECIMAL(38, 0));
    required int64 time (TIMESTAMP(MILLIS, true));
    required binary source (STRING);
    required binary id (STRING);
    optional binary provider (STRING);
    required group dimensions (MAP) {
        repeated group key_value {
            required binary key (STRING);
            required binary value (STRING);
        }
    }
    required boolean correction;
}";

/// The leaf columns by number, in the order of [`SCHEMA`].
pub(super) mod leaf {
    pub(in super::super) const POSITION: usize = 0;
    pub(in super::super) const ACCOUNT: usize = 1;
    pub(in super::super) const SERVICE: usize = 2;
    pub(in super::super) const RESOURCE: usize = 3;
    pub(in super::super) const IS_SAMPLE: usize = 4;
    pub(in super::super) const QUANTITY: usize = 5;
    pub(in super::super) const TIME: usize = 6;
    pub(in super::super) const SOURCE: usize = 7;
    pub(in super::super) const ID: usize = 8;
    pub(in super::super) const PROVIDER: usize = 9;
    pub(in super::super) const DIMENSION_NAME: usize = 10;
    pub(in super::super) const DIMENSION_VALUE: usize = 11;
    pub(in super::super) const CORRECTION: usize = 12;
    pub(in super::super) const COUNT: usize = 13;
}

/// Rows of a full row group.
pub(super) const GROUP_ROWS: usize = 65_536;
/// Text and values that a row group gathers at most before it is written with fewer rows, so that
/// rows of the greatest size do not take gigabytes.
pub(super) const GROUP_BYTES: usize = 32 << 20;
/// Rows of a page, the least that is decoded to read one.
pub(super) const PAGE_ROWS: usize = 4_096;
/// Milliseconds in a second: times are whole seconds, and Parquet counts no coarser than this.
pub(super) const SECOND_MILLIS: i64 = 1_000;
/// The largest quantity of 38 digits.
pub(super) const QUANTITY_MAX: u128 = 10_u128.pow(38) - 1;

/// In which order the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By account, then time, then position: a sealed segment.
    Sealed,
    /// By position, or none.
    AsGiven,
}

/// The schema of events.
pub(crate) fn event_schema() -> Result<TypePtr, ParquetError> {
    parse_message_type(SCHEMA).map(Arc::new)
}

/// How files are written.
///
/// What repeats goes to dictionaries. Ids do not repeat, so they have none; written as lengths and
/// then text, zstd's entropy coder halves a hexadecimal id, where LZ4 finds nothing. The other
/// columns are LZ4, which costs a third of zstd's time and loses few bytes on them.
pub(crate) fn writer_properties(order: Order) -> Result<WriterProperties, ParquetError> {
    let names = ["key", "value"].map(|part| path(&["dimensions", "key_value", part]));
    let repeating = ["account", "service", "resource", "source", "provider"];
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "synor.format".to_owned(),
            "usage-archive/1".to_owned(),
        )]));
    for column in repeating.iter().map(|name| path(&[name])).chain(names) {
        builder = builder.set_column_dictionary_enabled(column, true);
    }
    for column in ["position", "account", "time"] {
        builder = builder.set_column_statistics_enabled(path(&[column]), EnabledStatistics::Page);
    }
    builder = builder
        .set_column_encoding(path(&["time"]), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding(path(&["id"]), Encoding::DELTA_LENGTH_BYTE_ARRAY)
        .set_column_compression(path(&["id"]), Compression::ZSTD(ZstdLevel::try_new(1)?));
    Ok(sorted(builder, order).build())
}

fn sorted(builder: WriterPropertiesBuilder, order: Order) -> WriterPropertiesBuilder {
    let ascending = |column_idx| SortingColumn {
        column_idx,
        descending: false,
        nulls_first: false,
    };
    match order {
        // By the numbers of `leaf`: account, time, position.
        Order::Sealed => builder.set_sorting_columns(Some([1, 6, 0].map(ascending).into())),
        Order::AsGiven => builder,
    }
}

fn path(parts: &[&str]) -> ColumnPath {
    ColumnPath::new(parts.iter().map(|&part| part.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::schema::types::SchemaDescriptor;

    #[test]
    fn the_numbers_of_the_columns_are_those_of_the_schema() {
        let schema = SchemaDescriptor::new(event_schema().unwrap());
        let names: Vec<_> = schema.columns().iter().map(|c| c.path().string()).collect();
        assert_eq!(names.len(), leaf::COUNT);
        for (number, name) in [
            (leaf::POSITION, "position"),
            (leaf::ACCOUNT, "account"),
            (leaf::SERVICE, "service"),
            (leaf::RESOURCE, "resource"),
            (leaf::IS_SAMPLE, "is_sample"),
            (leaf::QUANTITY, "quantity"),
            (leaf::TIME, "time"),
            (leaf::SOURCE, "source"),
            (leaf::ID, "id"),
            (leaf::PROVIDER, "provider"),
            (leaf::DIMENSION_NAME, "dimensions.key_value.key"),
            (leaf::DIMENSION_VALUE, "dimensions.key_value.value"),
            (leaf::CORRECTION, "correction"),
        ] {
            assert_eq!(names[number], name);
        }
    }
}
