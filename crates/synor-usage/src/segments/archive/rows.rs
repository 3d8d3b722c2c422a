//! Reads rows batch by batch, from the row groups and pages that hold them and no others.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use parquet::errors::Result;
use parquet::file::metadata::{
    ColumnChunkMask, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
};
use parquet::file::statistics::Statistics;

use super::decode::{GroupReader, RowBatch, read_times};
use super::error::{ArchiveError, reading};
use super::schema::{PAGE_ROWS, SECOND_MILLIS, leaf};
use super::verified::{Files, Verified};

/// Row groups in order, and which rows of each.
type Plan = VecDeque<(usize, Range<usize>)>;

/// Rows still to be read.
pub(crate) struct Rows {
    files: Arc<Files>,
    source: Option<Source>,
    planned: Plan,
    open: Option<(GroupReader, usize)>,
    batch: RowBatch,
}

/// The file as it is read for one question, and its footer.
struct Source {
    file: Arc<Verified>,
    metadata: ParquetMetaData,
}

impl Rows {
    /// Nothing to read.
    pub(super) fn none(files: &Arc<Files>) -> Self {
        Self {
            files: Arc::clone(files),
            source: None,
            planned: Plan::new(),
            open: None,
            batch: RowBatch::default(),
        }
    }

    /// The rows of this range of the file.
    pub(super) fn range(
        files: &Arc<Files>,
        rows: Range<u64>,
    ) -> std::result::Result<Self, ArchiveError> {
        let file = Arc::new(Verified::new(Arc::clone(files)));
        let (metadata, planned) = reading(&files.path, || plan(&file, rows))?;
        Ok(Self {
            files: Arc::clone(files),
            source: Some(Source { file, metadata }),
            planned,
            open: None,
            batch: RowBatch::default(),
        })
    }

    /// Leaves out the rows before `from` and those not before `to` (seconds since 1970). Only for
    /// rows in order of time.
    pub(super) fn within(mut self, from: i64, to: i64) -> std::result::Result<Self, ArchiveError> {
        let Some(source) = &self.source else {
            return Ok(self);
        };
        let planned = std::mem::take(&mut self.planned);
        self.planned = reading(&self.files.path, || {
            let narrowed = planned.into_iter().map(|(group, rows)| {
                let rows = narrow(source, group, rows, from, to)?;
                Ok((group, rows))
            });
            narrowed.collect()
        })?;
        self.planned.retain(|(_, rows)| !rows.is_empty());
        Ok(self)
    }

    /// The next rows, at most 4,096; none at the end, and after an error.
    pub(crate) fn next_batch(&mut self) -> std::result::Result<Option<&RowBatch>, ArchiveError> {
        let Self {
            files,
            source: Some(source),
            planned,
            open,
            batch,
        } = self
        else {
            return Ok(None);
        };
        let read = reading(&files.path, || {
            if open.is_none() {
                let Some((group, rows)) = planned.pop_front() else {
                    return Ok(false);
                };
                let reader = GroupReader::open(&source.file, &source.metadata, group, rows.start)?;
                *open = Some((reader, rows.len()));
            }
            let Some((reader, left)) = open else {
                return Ok(false);
            };
            let count = PAGE_ROWS.min(*left);
            reader.read(count, batch)?;
            *left -= count;
            if *left == 0 {
                *open = None;
            }
            Ok(true)
        });
        match read {
            Ok(true) => Ok(Some(&self.batch)),
            Ok(false) => Ok(None),
            Err(error) => {
                self.open = None;
                self.planned.clear();
                Err(error)
            }
        }
    }
}

/// Which rows of which row groups make the range, with the page index of just those.
fn plan(file: &Verified, rows: Range<u64>) -> Result<(ParquetMetaData, Plan)> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file)?;
    let mut planned = Plan::new();
    let mut start = 0_u64;
    for (group, described) in metadata.row_groups().iter().enumerate() {
        let count = u64::try_from(described.num_rows()).unwrap_or(0);
        let end = start.saturating_add(count);
        let first = rows.start.max(start);
        let last = rows.end.min(end);
        if first < last {
            planned.push_back((group, local(first - start)..local(last - start)));
        }
        start = end;
    }
    let groups = planned.iter().map(|(group, _)| *group);
    let mask = ColumnChunkMask::row_groups(groups);
    let mut reader = ParquetMetaDataReader::new_with_metadata(metadata)
        .with_offset_index_policy(PageIndexPolicy::Required)
        .with_offset_index_mask(mask);
    reader.read_page_indexes(file)?;
    Ok((reader.finish()?, planned))
}

/// A row group has fewer rows than memory has addresses.
fn local(row: u64) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

/// Those of the rows that lie within the times. The bounds of the row group decide most cases.
fn narrow(
    source: &Source,
    group: usize,
    rows: Range<usize>,
    from: i64,
    to: i64,
) -> Result<Range<usize>> {
    let Source { file, metadata } = source;
    let bounds = match metadata.row_group(group).column(leaf::TIME).statistics() {
        Some(Statistics::Int64(bounds)) => bounds.min_opt().zip(bounds.max_opt()),
        _ => None,
    };
    if let Some((min, max)) = bounds {
        let (min, max) = (min / SECOND_MILLIS, max / SECOND_MILLIS);
        if max < from || min >= to {
            return Ok(rows.start..rows.start);
        }
        if min >= from && max < to {
            return Ok(rows);
        }
    }
    let times = read_times(file, metadata, group, rows.start, rows.len())?;
    let first = times.partition_point(|&time| time < from);
    let last = times.partition_point(|&time| time < to);
    Ok(rows.start + first..rows.start + last.max(first))
}
