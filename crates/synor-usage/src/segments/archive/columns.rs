//! Rows gathered column by column until they make a row group.

use std::io::Write;
use std::mem;

use bytes::Bytes;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use synor_economics::metering::ResourceType;

use super::schema::{GROUP_BYTES, GROUP_ROWS, PAGE_ROWS, QUANTITY_MAX, SECOND_MILLIS, leaf};
use crate::segments::row::RowRef;

/// The rows of one row group. Its buffers are used again for the next.
#[derive(Default)]
pub(crate) struct EventColumns {
    positions: Vec<i64>,
    accounts: Texts,
    resources: Vec<ResourceType>,
    is_sample: Vec<bool>,
    quantities: Vec<u8>,
    times: Vec<i64>,
    sources: Texts,
    ids: Texts,
    providers: OptionalTexts,
    dimensions: Maps,
    corrections: Vec<bool>,
    scratch: Vec<ByteArray>,
}

impl EventColumns {
    /// Adds a row. A value that the columns cannot hold is an error that names it.
    pub(crate) fn push(&mut self, row: &RowRef<'_>) -> Result<(), String> {
        let position = i64::try_from(row.position)
            .map_err(|_| format!("position {} is beyond 63 bits", row.position))?;
        let millis = row.time_secs.checked_mul(SECOND_MILLIS);
        let time = millis.ok_or_else(|| format!("time {} is out of range", row.time_secs))?;
        if row.quantity.unsigned_abs() > QUANTITY_MAX {
            return Err(format!("quantity {} has more than 38 digits", row.quantity));
        }
        self.positions.push(position);
        self.accounts.push(row.account);
        self.resources.push(row.resource);
        self.is_sample.push(row.is_sample);
        self.quantities
            .extend_from_slice(&row.quantity.to_be_bytes());
        self.times.push(time);
        self.sources.push(row.source);
        self.ids.push(row.id);
        self.providers.push(row.provider);
        self.dimensions.push(row.dimensions.iter());
        self.corrections.push(row.correction);
        Ok(())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Whether they should be written before another is added.
    pub(crate) fn is_full(&self) -> bool {
        self.positions.len() >= GROUP_ROWS
            || self.accounts.len()
                + self.sources.len()
                + self.ids.len()
                + self.providers.present.len()
                + self.dimensions.names.len()
                + self.dimensions.values.len()
                >= GROUP_BYTES
    }

    /// Writes the rows as one row group and forgets them.
    pub(crate) fn write_group<W: Write + Send>(
        &mut self,
        file: &mut SerializedFileWriter<W>,
    ) -> Result<()> {
        let mut group = file.next_row_group()?;
        let mut number = 0;
        while let Some(mut column) = group.next_column()? {
            self.write_column(number, &mut column)?;
            column.close()?;
            number += 1;
        }
        group.close()?;
        self.clear();
        Ok(())
    }

    fn write_column(
        &mut self,
        number: usize,
        column: &mut SerializedColumnWriter<'_>,
    ) -> Result<()> {
        let scratch = &mut self.scratch;
        match number {
            leaf::POSITION => write_integers(&self.positions, column),
            leaf::ACCOUNT => self.accounts.write(column, scratch),
            leaf::SERVICE => self.write_names(column, |it| it.service().name()),
            leaf::RESOURCE => self.write_names(column, |it| it.spec().name),
            leaf::IS_SAMPLE => write_flags(&self.is_sample, column),
            leaf::QUANTITY => write_quantities(&mut self.quantities, column),
            leaf::TIME => write_integers(&self.times, column),
            leaf::SOURCE => self.sources.write(column, scratch),
            leaf::ID => self.ids.write(column, scratch),
            leaf::PROVIDER => self.providers.write(column, scratch),
            leaf::DIMENSION_NAME => self.dimensions.write_names(column, scratch),
            leaf::DIMENSION_VALUE => self.dimensions.write_values(column, scratch),
            leaf::CORRECTION => write_flags(&self.corrections, column),
            _ => Err(ParquetError::General("a column has no values".to_owned())),
        }
    }

    fn write_names(
        &mut self,
        column: &mut SerializedColumnWriter<'_>,
        name: impl Fn(ResourceType) -> &'static str,
    ) -> Result<()> {
        for page in self.resources.chunks(PAGE_ROWS) {
            let names = page.iter().map(|&resource| name(resource).as_bytes());
            self.scratch.clear();
            self.scratch
                .extend(names.map(|name| ByteArray::from(Bytes::from_static(name))));
            column
                .typed::<ByteArrayType>()
                .write_batch(&self.scratch, None, None)?;
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.positions.clear();
        self.accounts.clear();
        self.resources.clear();
        self.is_sample.clear();
        self.quantities.clear();
        self.times.clear();
        self.sources.clear();
        self.ids.clear();
        self.providers.present.clear();
        self.providers.levels.clear();
        self.dimensions.clear();
        self.corrections.clear();
        self.scratch.clear();
    }
}

/// Texts one after another in one buffer.
#[derive(Default)]
struct Texts {
    joined: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.joined.extend_from_slice(text.as_bytes());
        self.ends.push(self.joined.len());
    }

    /// Bytes that the texts take.
    fn len(&self) -> usize {
        self.joined.len()
    }

    fn clear(&mut self) {
        self.joined.clear();
        self.ends.clear();
    }

    /// Writes a column in which every row has its text.
    fn write(
        &mut self,
        column: &mut SerializedColumnWriter<'_>,
        scratch: &mut Vec<ByteArray>,
    ) -> Result<()> {
        self.lend(PAGE_ROWS, scratch, |page| {
            column
                .typed::<ByteArrayType>()
                .write_batch(page, None, None)
        })
    }

    /// Writes a column of which the levels say which rows have a text, and how many.
    fn write_levels(
        &mut self,
        column: &mut SerializedColumnWriter<'_>,
        scratch: &mut Vec<ByteArray>,
        definition: &[i16],
        repetition: Option<&[i16]>,
    ) -> Result<()> {
        let count = self.ends.len().max(1);
        let column = column.typed::<ByteArrayType>();
        if self.ends.is_empty() {
            column.write_batch(&[], Some(definition), repetition)?;
            return Ok(());
        }
        self.lend(count, scratch, |all| {
            column.write_batch(all, Some(definition), repetition)
        })
    }

    /// Hands the texts out by `count`, as the library wants them: shared slices of the one buffer,
    /// which is taken back afterwards.
    fn lend(
        &mut self,
        count: usize,
        scratch: &mut Vec<ByteArray>,
        mut write: impl FnMut(&[ByteArray]) -> Result<usize>,
    ) -> Result<()> {
        let shared = Bytes::from(mem::take(&mut self.joined));
        let mut start = 0;
        for ends in self.ends.chunks(count) {
            scratch.clear();
            scratch.extend(ends.iter().map(|&end| {
                let text = shared.slice(start..end);
                start = end;
                ByteArray::from(text)
            }));
            write(scratch)?;
        }
        scratch.clear();
        self.joined = Vec::from(shared);
        Ok(())
    }
}

/// Texts that a row may lack.
#[derive(Default)]
struct OptionalTexts {
    present: Texts,
    levels: Vec<i16>,
}

impl OptionalTexts {
    fn push(&mut self, text: Option<&str>) {
        self.levels.push(i16::from(text.is_some()));
        if let Some(text) = text {
            self.present.push(text);
        }
    }

    fn write(
        &mut self,
        column: &mut SerializedColumnWriter<'_>,
        scratch: &mut Vec<ByteArray>,
    ) -> Result<()> {
        self.present
            .write_levels(column, scratch, &self.levels, None)
    }
}

/// Names and values, any number of them a row.
#[derive(Default)]
struct Maps {
    names: Texts,
    values: Texts,
    /// 1 for a pair, 0 for a row without any.
    definition: Vec<i16>,
    /// 0 where a row begins, 1 for its further pairs.
    repetition: Vec<i16>,
}

impl Maps {
    fn push<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut repetition = 0;
        for (name, value) in pairs {
            self.names.push(name);
            self.values.push(value);
            self.definition.push(1);
            self.repetition.push(repetition);
            repetition = 1;
        }
        if repetition == 0 {
            self.definition.push(0);
            self.repetition.push(0);
        }
    }

    fn write_names(
        &mut self,
        column: &mut SerializedColumnWriter<'_>,
        scratch: &mut Vec<ByteArray>,
    ) -> Result<()> {
        let repetition = Some(self.repetition.as_slice());
        self.names
            .write_levels(column, scratch, &self.definition, repetition)
    }

    fn write_values(
        &mut self,
        column: &mut SerializedColumnWriter<'_>,
        scratch: &mut Vec<ByteArray>,
    ) -> Result<()> {
        let repetition = Some(self.repetition.as_slice());
        self.values
            .write_levels(column, scratch, &self.definition, repetition)
    }

    fn clear(&mut self) {
        self.names.clear();
        self.values.clear();
        self.definition.clear();
        self.repetition.clear();
    }
}

fn write_integers(values: &[i64], column: &mut SerializedColumnWriter<'_>) -> Result<()> {
    column
        .typed::<Int64Type>()
        .write_batch(values, None, None)?;
    Ok(())
}

fn write_flags(values: &[bool], column: &mut SerializedColumnWriter<'_>) -> Result<()> {
    column.typed::<BoolType>().write_batch(values, None, None)?;
    Ok(())
}

fn write_quantities(values: &mut Vec<u8>, column: &mut SerializedColumnWriter<'_>) -> Result<()> {
    const WIDTH: usize = size_of::<i128>();
    let shared = Bytes::from(mem::take(values));
    let mut page = Vec::with_capacity(PAGE_ROWS);
    for start in (0..shared.len()).step_by(PAGE_ROWS * WIDTH) {
        let end = shared.len().min(start + PAGE_ROWS * WIDTH);
        let starts = (start..end).step_by(WIDTH);
        page.clear();
        page.extend(
            starts.map(|at| FixedLenByteArray::from(ByteArray::from(shared.slice(at..at + WIDTH)))),
        );
        column
            .typed::<FixedLenByteArrayType>()
            .write_batch(&page, None, None)?;
    }
    drop(page);
    *values = Vec::from(shared);
    Ok(())
}
