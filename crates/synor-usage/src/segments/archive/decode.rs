//! Turns columns back into rows: strictly, so that a value that was never written is an error.

use std::sync::Arc;

use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType,
    Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{ReaderProperties, ReaderPropertiesPtr};
use parquet::file::serialized_reader::SerializedPageReader;
use synor_economics::metering::ResourceType;

use super::schema::{SECOND_MILLIS, leaf};
use super::verified::Verified;
use crate::segments::row::{DimensionsRef, RowRef, pack_dimensions};

/// Rows that were read together.
#[derive(Debug, Default)]
pub(crate) struct RowBatch {
    positions: Vec<u64>,
    accounts: Texts,
    resources: Vec<ResourceType>,
    is_sample: Vec<bool>,
    quantities: Vec<i128>,
    times: Vec<i64>,
    sources: Texts,
    ids: Texts,
    providers: Vec<Option<String>>,
    dimensions: Vec<u8>,
    dimension_ends: Vec<usize>,
    corrections: Vec<bool>,
}

impl RowBatch {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Row `at`, counted from the first of the batch.
    pub(crate) fn row(&self, at: usize) -> Option<RowRef<'_>> {
        let start = at
            .checked_sub(1)
            .map_or(0, |last| self.dimension_ends[last]);
        Some(RowRef {
            position: *self.positions.get(at)?,
            account: self.accounts.get(at),
            resource: self.resources[at],
            is_sample: self.is_sample[at],
            quantity: self.quantities[at],
            time_secs: self.times[at],
            source: self.sources.get(at),
            id: self.ids.get(at),
            provider: self.providers[at].as_deref(),
            dimensions: DimensionsRef::packed_by_us(
                &self.dimensions[start..self.dimension_ends[at]],
            ),
            correction: self.corrections[at],
        })
    }

    /// The rows in stored order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        (0..self.len()).filter_map(|at| self.row(at))
    }
}

/// Texts one after another in one buffer.
#[derive(Debug, Default)]
struct Texts {
    joined: String,
    ends: Vec<usize>,
}

impl Texts {
    fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |last| self.ends[last]);
        &self.joined[start..self.ends[at]]
    }

    fn set(&mut self, values: &[ByteArray]) -> Result<()> {
        self.joined.clear();
        self.ends.clear();
        for value in values {
            self.joined.push_str(utf8(value)?);
            self.ends.push(self.joined.len());
        }
        Ok(())
    }
}

/// The columns of one row group, read side by side.
pub(super) struct GroupReader {
    positions: ColumnReaderImpl<Int64Type>,
    accounts: ColumnReaderImpl<ByteArrayType>,
    services: ColumnReaderImpl<ByteArrayType>,
    resources: ColumnReaderImpl<ByteArrayType>,
    is_sample: ColumnReaderImpl<BoolType>,
    quantities: ColumnReaderImpl<FixedLenByteArrayType>,
    times: ColumnReaderImpl<Int64Type>,
    sources: ColumnReaderImpl<ByteArrayType>,
    ids: ColumnReaderImpl<ByteArrayType>,
    providers: ColumnReaderImpl<ByteArrayType>,
    names: ColumnReaderImpl<ByteArrayType>,
    values: ColumnReaderImpl<ByteArrayType>,
    corrections: ColumnReaderImpl<BoolType>,
}

impl GroupReader {
    /// Opens a row group at its row `start`. Pages before it are not read.
    pub(super) fn open(
        file: &Arc<Verified>,
        metadata: &ParquetMetaData,
        group: usize,
        start: usize,
    ) -> Result<Self> {
        let at = Place {
            file,
            metadata,
            group,
            start,
        };
        Ok(Self {
            positions: at.column(leaf::POSITION)?,
            accounts: at.column(leaf::ACCOUNT)?,
            services: at.column(leaf::SERVICE)?,
            resources: at.column(leaf::RESOURCE)?,
            is_sample: at.column(leaf::IS_SAMPLE)?,
            quantities: at.column(leaf::QUANTITY)?,
            times: at.column(leaf::TIME)?,
            sources: at.column(leaf::SOURCE)?,
            ids: at.column(leaf::ID)?,
            providers: at.column(leaf::PROVIDER)?,
            names: at.column(leaf::DIMENSION_NAME)?,
            values: at.column(leaf::DIMENSION_VALUE)?,
            corrections: at.column(leaf::CORRECTION)?,
        })
    }

    /// Reads the next `count` rows into the batch, in place of what it held.
    pub(super) fn read(&mut self, count: usize, batch: &mut RowBatch) -> Result<()> {
        batch.positions = positions(&required(&mut self.positions, count)?)?;
        batch.accounts.set(&required(&mut self.accounts, count)?)?;
        let services = required(&mut self.services, count)?;
        batch.resources = resources(&services, &required(&mut self.resources, count)?)?;
        batch.is_sample = required(&mut self.is_sample, count)?;
        batch.quantities = quantities(&required(&mut self.quantities, count)?)?;
        batch.times = seconds(&required(&mut self.times, count)?)?;
        batch.sources.set(&required(&mut self.sources, count)?)?;
        batch.ids.set(&required(&mut self.ids, count)?)?;
        batch.providers = optional(&mut self.providers, count)?;
        self.read_dimensions(count, batch)?;
        batch.corrections = required(&mut self.corrections, count)?;
        Ok(())
    }

    fn read_dimensions(&mut self, count: usize, batch: &mut RowBatch) -> Result<()> {
        let names = Repeated::read(&mut self.names, count)?;
        let values = Repeated::read(&mut self.values, count)?;
        if names.counts != values.counts {
            return Err(bad("names and values of dimensions differ in number"));
        }
        batch.dimensions.clear();
        batch.dimension_ends.clear();
        let mut next = 0;
        for &pairs in &names.counts {
            let from = batch.dimensions.len();
            let texts = (next..next + pairs)
                .map(|at| Ok((utf8(&names.values[at])?, utf8(&values.values[at])?)));
            let texts = texts.collect::<Result<Vec<_>>>()?;
            pack_dimensions(pairs, texts.into_iter(), &mut batch.dimensions);
            if DimensionsRef::checked(&batch.dimensions[from..]).is_err() {
                return Err(bad("dimensions are not in order of name"));
            }
            batch.dimension_ends.push(batch.dimensions.len());
            next += pairs;
        }
        Ok(())
    }
}

/// The times of `count` rows of a group from row `start` on, in seconds since 1970.
pub(super) fn read_times(
    file: &Arc<Verified>,
    metadata: &ParquetMetaData,
    group: usize,
    start: usize,
    count: usize,
) -> Result<Vec<i64>> {
    let at = Place {
        file,
        metadata,
        group,
        start,
    };
    seconds(&required::<Int64Type>(&mut at.column(leaf::TIME)?, count)?)
}

/// Where columns are opened.
struct Place<'a> {
    file: &'a Arc<Verified>,
    metadata: &'a ParquetMetaData,
    group: usize,
    start: usize,
}

impl Place<'_> {
    fn column<T: DataType>(&self, column: usize) -> Result<ColumnReaderImpl<T>> {
        let group = self.metadata.row_group(self.group);
        let rows = usize::try_from(group.num_rows()).map_err(|_| bad("a row group has no rows"))?;
        let pages = self
            .metadata
            .page_index()
            .and_then(|index| index.offset_index(self.group, column))
            .map(|index| index.page_locations().clone())
            .ok_or_else(|| bad("a column has no page index"))?;
        let chunk = group.column(column);
        let file = Arc::clone(self.file);
        let pages = SerializedPageReader::new_with_properties(
            file,
            chunk,
            rows,
            Some(pages),
            reader_properties(),
        )?;
        let reader = get_column_reader(chunk.column_descr_ptr(), Box::new(pages));
        let mut reader = get_typed_column_reader::<T>(reader);
        if self.start > 0 && reader.skip_records(self.start)? != self.start {
            return Err(bad("a column is too short"));
        }
        Ok(reader)
    }
}

fn reader_properties() -> ReaderPropertiesPtr {
    Arc::new(ReaderProperties::builder().build())
}

fn bad(reason: &str) -> ParquetError {
    ParquetError::General(reason.to_owned())
}

fn utf8(value: &ByteArray) -> Result<&str> {
    std::str::from_utf8(value.data()).map_err(|_| bad("a text is not UTF-8"))
}

/// A value for each of `count` rows.
fn required<T: DataType>(reader: &mut ColumnReaderImpl<T>, count: usize) -> Result<Vec<T::T>> {
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let left = count - values.len();
        let (records, ..) = reader.read_records(left, None, None, &mut values)?;
        if records == 0 {
            return Err(bad("a column is too short"));
        }
    }
    Ok(values)
}

/// A text or none for each of `count` rows.
fn optional(
    reader: &mut ColumnReaderImpl<ByteArrayType>,
    count: usize,
) -> Result<Vec<Option<String>>> {
    let (mut levels, mut values) = (Vec::with_capacity(count), Vec::new());
    while levels.len() < count {
        let left = count - levels.len();
        let (records, ..) = reader.read_records(left, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(bad("a column is too short"));
        }
    }
    let mut values = values.iter();
    let texts = levels.iter().map(|&level| match level {
        0 => Ok(None),
        _ => {
            let value = values.next().ok_or_else(|| bad("a text is missing"))?;
            utf8(value).map(|text| Some(text.to_owned()))
        }
    });
    texts.collect()
}

/// Texts, any number of them a row.
struct Repeated {
    values: Vec<ByteArray>,
    /// How many each row has.
    counts: Vec<usize>,
}

impl Repeated {
    fn read(reader: &mut ColumnReaderImpl<ByteArrayType>, count: usize) -> Result<Self> {
        let (mut definition, mut repetition) = (Vec::new(), Vec::new());
        let mut values = Vec::new();
        let mut rows = 0;
        while rows < count {
            let (records, ..) = reader.read_records(
                count - rows,
                Some(&mut definition),
                Some(&mut repetition),
                &mut values,
            )?;
            if records == 0 {
                return Err(bad("a column is too short"));
            }
            rows += records;
        }
        let mut counts: Vec<usize> = Vec::with_capacity(count);
        for (&present, &repeats) in definition.iter().zip(&repetition) {
            let more = usize::from(present > 0);
            match (repeats, counts.last_mut()) {
                (0, _) => counts.push(more),
                (_, Some(last)) => *last += more,
                (_, None) => return Err(bad("a row begins in its middle")),
            }
        }
        if counts.len() != count || counts.iter().sum::<usize>() != values.len() {
            return Err(bad("dimensions differ from their number"));
        }
        Ok(Self { values, counts })
    }
}

fn positions(values: &[i64]) -> Result<Vec<u64>> {
    let positions = values.iter().map(|&value| u64::try_from(value));
    let positions: std::result::Result<_, _> = positions.collect();
    positions.map_err(|_| bad("a position is below zero"))
}

fn seconds(millis: &[i64]) -> Result<Vec<i64>> {
    let seconds = millis.iter().map(|&millis| match millis % SECOND_MILLIS {
        0 => Ok(millis / SECOND_MILLIS),
        _ => Err(bad("a time is not a whole second")),
    });
    seconds.collect()
}

fn quantities(values: &[FixedLenByteArray]) -> Result<Vec<i128>> {
    let quantities = values.iter().map(|value| {
        let bytes = <[u8; 16]>::try_from(value.data());
        bytes.map(i128::from_be_bytes)
    });
    let quantities: std::result::Result<_, _> = quantities.collect();
    quantities.map_err(|_| bad("a quantity does not have 16 bytes"))
}

/// Neighbours are mostly of one resource, which is then looked up once.
fn resources(services: &[ByteArray], names: &[ByteArray]) -> Result<Vec<ResourceType>> {
    let mut last: Option<(&ByteArray, &ByteArray, ResourceType)> = None;
    let found = services
        .iter()
        .zip(names)
        .map(|(service, name)| match last {
            Some((last_service, last_name, resource))
                if last_service.data() == service.data() && last_name.data() == name.data() =>
            {
                Ok(resource)
            }
            _ => {
                let resource = ResourceType::find(utf8(service)?, utf8(name)?)
                    .map_err(|error| bad(&error.to_string()))?;
                last = Some((service, name, resource));
                Ok(resource)
            }
        });
    found.collect()
}
