//! Text with its lines counted, so that an error can say where.

use std::io::{BufRead, Read};

use synor_economics::metering::EventError;

use super::{ImportError, excerpt};

/// The longest line that is read, so that a file without line ends cannot fill the memory.
const LINE_MAX_BYTES: usize = 1 << 20;
/// How often progress is told.
const PROGRESS_STEP_BYTES: u64 = 1 << 16;

/// Tells how far an import is, but not at every line.
pub(super) struct Progress<'a> {
    tell: &'a mut dyn FnMut(u64),
    told: u64,
}

impl<'a> Progress<'a> {
    /// Progress from the start.
    pub(super) fn new(tell: &'a mut dyn FnMut(u64)) -> Self {
        Self { tell, told: 0 }
    }

    /// `bytes` of the input have been taken in.
    pub(super) fn at(&mut self, bytes: u64) {
        if bytes.saturating_sub(self.told) >= PROGRESS_STEP_BYTES {
            self.done(bytes);
        }
    }

    /// The same, told in any case.
    pub(super) fn done(&mut self, bytes: u64) {
        self.told = bytes;
        (self.tell)(bytes);
    }
}

/// The lines of an input, one at a time, checked to be UTF-8. A byte order mark at the start is
/// left out.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    progress: Progress<'a>,
    buffer: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead, progress: &'a mut dyn FnMut(u64)) -> Self {
        Self {
            input,
            progress: Progress::new(progress),
            buffer: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// The next line that is not blank, with its number, without its end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, ImportError> {
        loop {
            self.buffer.clear();
            let limit = u64::try_from(LINE_MAX_BYTES).unwrap_or(u64::MAX);
            Read::take(&mut *self.input, limit).read_until(b'\n', &mut self.buffer)?;
            if self.buffer.is_empty() {
                self.progress.done(self.bytes);
                return Ok(None);
            }
            self.number = self.number.saturating_add(1);
            let read = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
            self.bytes = self.bytes.saturating_add(read);
            self.progress.at(self.bytes);
            let ended = self.buffer.last() == Some(&b'\n');
            if !ended && self.buffer.len() >= LINE_MAX_BYTES {
                let start = excerpt(&String::from_utf8_lossy(&self.buffer[..200]));
                let reason = format!("is a line of more than {LINE_MAX_BYTES} bytes");
                return Err(ImportError::at(
                    self.number,
                    EventError::new("text", start, reason),
                ));
            }
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        let line = match std::str::from_utf8(&self.buffer) {
            Ok(line) => line,
            Err(error) => {
                let error = not_utf8(&self.buffer, error.valid_up_to());
                return Err(ImportError::at(self.number, error));
            }
        };
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = match self.number {
            1 => line.strip_prefix('\u{feff}').unwrap_or(line),
            _ => line,
        };
        Ok(Some((self.number, line)))
    }
}

/// The whole input as text, without a byte order mark.
pub(super) fn read_text(input: &mut dyn BufRead) -> Result<String, ImportError> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(.."\u{feff}".len());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let start = bytes[..valid]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at.saturating_add(1));
        let end = bytes[valid..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(bytes.len(), |at| valid.saturating_add(at));
        let line = line_ends(&bytes[..start]).saturating_add(1);
        let error = not_utf8(&bytes[start..end], valid.saturating_sub(start));
        ImportError::at(line, error)
    })
}

/// How many line ends there are.
pub(super) fn line_ends(bytes: &[u8]) -> u64 {
    let count = bytes.iter().filter(|b| **b == b'\n').count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn not_utf8(line: &[u8], valid: usize) -> EventError {
    let text = String::from_utf8_lossy(line);
    let reason = format!(
        "is not valid UTF-8 at byte {} of the line",
        valid.saturating_add(1)
    );
    EventError::new("text", excerpt(text.trim_end()), reason)
}
