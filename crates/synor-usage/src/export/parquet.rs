//! Events as a Parquet file, with the columns of `docs/usage-archive.md`.

use std::io::Write;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use thiserror::Error;

use crate::log::{LogPosition, LoggedEvent};
use crate::segments::archive::{EventColumns, Order, event_schema, writer_properties};
use crate::segments::row::RowRef;

/// Why events could not be exported.
#[derive(Debug, Error)]
pub enum ParquetExportError {
    /// A value that the columns cannot hold.
    #[error("the event at position {position} does not fit the columns: {reason}")]
    Event {
        /// Which event.
        position: LogPosition,
        /// What does not fit.
        reason: String,
    },
    /// The file could not be written.
    #[error("the Parquet file could not be written")]
    Write(#[from] ParquetError),
}

/// A Parquet file that is being written. Events may come in any order; those of at most 65,536 are
/// held in memory. A file that was not finished is no Parquet file.
///
/// ```
/// use synor_usage::export::ParquetExport;
/// let mut export = ParquetExport::new(Vec::new())?;
/// # let events: Vec<synor_usage::LoggedEvent> = Vec::new();
/// for event in &events {
///     export.push(event)?;
/// }
/// let file = export.finish()?;
/// assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
/// # Ok::<(), synor_usage::export::ParquetExportError>(())
/// ```
pub struct ParquetExport<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: EventColumns,
    scratch: Vec<u8>,
}

impl<W: Write + Send> ParquetExport<W> {
    /// Begins a file.
    pub fn new(writer: W) -> Result<Self, ParquetExportError> {
        let properties = Arc::new(writer_properties(Order::AsGiven)?);
        Ok(Self {
            file: SerializedFileWriter::new(writer, event_schema()?, properties)?,
            columns: EventColumns::default(),
            scratch: Vec::new(),
        })
    }

    /// Adds an event. One that was withdrawn is left out: it does not count.
    pub fn push(&mut self, logged: &LoggedEvent) -> Result<(), ParquetExportError> {
        if logged.withdrawn.is_some() {
            return Ok(());
        }
        let row = RowRef::of(logged.position, &logged.event, &mut self.scratch);
        let pushed = self.columns.push(&row);
        pushed.map_err(|reason| ParquetExportError::Event {
            position: logged.position,
            reason,
        })?;
        if self.columns.is_full() {
            self.columns.write_group(&mut self.file)?;
        }
        Ok(())
    }

    /// Ends the file and gives the writer back. Making it durable is the caller's.
    pub fn finish(mut self) -> Result<W, ParquetExportError> {
        if !self.columns.is_empty() {
            self.columns.write_group(&mut self.file)?;
        }
        Ok(self.file.into_inner()?)
    }
}

/// Writes the events as a Parquet file, in constant memory, and says how many it
/// was given.
pub fn write_parquet<W: Write + Send>(
    writer: W,
    events: impl Iterator<Item = LoggedEvent>,
) -> Result<u64, ParquetExportError> {
    let mut export = ParquetExport::new(writer)?;
    let mut count: u64 = 0;
    for event in events {
        export.push(&event)?;
        count = count.saturating_add(1);
    }
    export.finish()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use crate::conformance::event;

    #[test]
    fn events_are_written_in_the_order_given() {
        let logged = [
            (7, "n/1 network.egress 5 @2026-01-02"),
            (3, "n/2 compute.cpu 6 @2026-01-01"),
        ]
        .map(|(position, line)| LoggedEvent {
            position,
            withdrawn: None,
            event: event(line),
        });
        let mut file = Vec::new();
        assert_eq!(write_parquet(&mut file, logged.into_iter()).unwrap(), 2);
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        let read: Vec<_> = rows
            .map(|row| {
                let row = row.unwrap();
                (row.get_long(0).unwrap(), row.get_string(3).unwrap().clone())
            })
            .collect();
        assert_eq!(read, [(7, "egress".to_owned()), (3, "cpu".to_owned())]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut event = event("n/1 network.egress 5 @2026-01-02");
        event.quantity = synor_economics::quantity::Quantity::new(i128::MAX);
        let logged = LoggedEvent {
            position: 9,
            withdrawn: None,
            event,
        };
        let error = write_parquet(Vec::new(), [logged].into_iter()).unwrap_err();
        assert!(
            error.to_string().starts_with("the event at position 9"),
            "{error}"
        );
    }
}
