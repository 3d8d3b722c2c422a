//! CSV with a header: records with the line on which each one starts.

use csv::{Reader, ReaderBuilder, StringRecord};
use synor_economics::metering::EventError;

use super::lines::line_ends;
use super::{ImportError, excerpt};

/// A table being read.
pub(super) struct Table<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    header: StringRecord,
    record: StringRecord,
    at: usize,
    line: u64,
}

impl<'t> Table<'t> {
    /// Reads the header. A column may not be named twice, and those in `required` must be there.
    pub(super) fn open(text: &'t str, required: &[&str]) -> Result<Self, ImportError> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut table = Self {
            text,
            reader,
            header: StringRecord::new(),
            record: StringRecord::new(),
            at: 0,
            line: 1,
        };
        if !table.read()? {
            let error = EventError::new("text", "", "is empty; a header was expected");
            return Err(ImportError::at(1, error));
        }
        table.header = std::mem::take(&mut table.record);
        for (at, name) in table.header.iter().enumerate() {
            if table.header.iter().take(at).any(|other| other == name) {
                let error = EventError::new("column", excerpt(name), "is there twice");
                return Err(ImportError::at(table.line, error));
            }
        }
        let absent: Vec<_> = required
            .iter()
            .filter(|name| table.column(name).is_none())
            .copied()
            .collect();
        if !absent.is_empty() {
            let error = EventError::new("column", absent.join(", "), "is missing in the header");
            return Err(ImportError::at(table.line, error));
        }
        Ok(table)
    }

    /// The names of the columns, in order.
    pub(super) fn header(&self) -> impl Iterator<Item = &str> {
        self.header.iter()
    }

    /// Where a column is.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|known| known == name)
    }

    /// The line on which the last record that was read (at first, the header) starts.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes lie before the present record.
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.at).unwrap_or(u64::MAX)
    }

    /// The next record with the line on which it starts, or `None` after the last. It has as many
    /// fields as the header.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &StringRecord)>, ImportError> {
        if !self.read()? {
            return Ok(None);
        }
        if self.record.len() != self.header.len() {
            let reason = format!(
                "has {} fields where the header has {}",
                self.record.len(),
                self.header.len()
            );
            let shown = self.text[self.at..].lines().next().unwrap_or("");
            return Err(self.refuse(EventError::new("record", excerpt(shown), reason)));
        }
        Ok(Some((self.line, &self.record)))
    }

    fn read(&mut self) -> Result<bool, ImportError> {
        let start = self.offset();
        let more = self
            .reader
            .read_record(&mut self.record)
            .map_err(|error| self.refuse(EventError::new("record", "", error)))?;
        // The reader stands before the line end of the previous record, and before blank lines.
        let blank = self.text.as_bytes()[start..]
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        let start = start.saturating_add(blank);
        let between = line_ends(&self.text.as_bytes()[self.at..start]);
        self.line = self.line.saturating_add(between);
        self.at = start;
        let record = &self.text[start..self.offset().max(start)];
        if more && record.bytes().filter(|b| *b == b'"').count() % 2 != 0 {
            let shown = record.lines().next().unwrap_or("");
            let reason = "has a quote that is opened and never closed";
            return Err(self.refuse(EventError::new("record", excerpt(shown), reason)));
        }
        Ok(more)
    }

    fn offset(&self) -> usize {
        usize::try_from(self.reader.position().byte())
            .unwrap_or(usize::MAX)
            .min(self.text.len())
    }

    fn refuse(&self, error: EventError) -> ImportError {
        ImportError::at(self.line, error)
    }
}
