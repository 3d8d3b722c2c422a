//! What could not be counted, kept with its reason until a person has looked at it.

use std::error::Error;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use synor_economics::period::Timestamp;
use thiserror::Error;

use crate::record::Record;
use crate::sink::RecordOutcome;

/// How much of a record a list shows.
const EXCERPT_CHARS: usize = 200;

/// A record that was not counted, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record as it was read.
    pub record: Record,
    /// Why it was not counted. Events of a batch are numbered from 0.
    pub reason: String,
    /// When it was first stored.
    pub stored: Timestamp,
}

impl DeadLetter {
    /// The letters of the records that were refused, wholly or in part; one outcome a record.
    pub fn of(records: &[Record], outcomes: &[RecordOutcome], now: Timestamp) -> Vec<Self> {
        let letter = |(record, outcome): (&Record, &RecordOutcome)| {
            Some(Self {
                reason: outcome.refused.clone()?,
                record: record.clone(),
                stored: now,
            })
        };
        records.iter().zip(outcomes).filter_map(letter).collect()
    }

    /// The letter as a list shows it.
    pub fn shown(&self) -> ShownLetter {
        let place = &self.record.place;
        let text = String::from_utf8_lossy(&self.record.bytes);
        let excerpt = match text.char_indices().nth(EXCERPT_CHARS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.into_owned(),
        };
        ShownLetter {
            stream: place.stream.to_string(),
            partition: place.partition,
            entry: place.entry.to_string(),
            stored_at: self.stored,
            reason: self.reason.clone(),
            bytes: self.record.bytes.len(),
            excerpt,
        }
    }
}

/// A dead letter as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownLetter {
    /// The stream's name.
    pub stream: String,
    /// Which of its partitions; 0 in Redis.
    pub partition: u32,
    /// The offset in Kafka, or the entry's id in Redis.
    pub entry: String,
    /// When it was first stored.
    pub stored_at: Timestamp,
    /// Why it was not counted.
    pub reason: String,
    /// How long the record is.
    pub bytes: usize,
    /// How it begins, as far as it is text.
    pub excerpt: String,
}

/// A part of the dead letters, those stored first before the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterPage {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// What to pass as `after` for the next part; none if this was the last.
    pub next_after: Option<u64>,
}

/// Keeps dead letters.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Stores the letters, durable before it returns. A place holds one letter: the same record
    /// stored again changes nothing but, perhaps, its reason.
    async fn store(&self, letters: Vec<DeadLetter>) -> Result<(), DeadLettersError>;

    /// The letters in the order in which they were first stored, from the one after `after` (0 for
    /// the first) on, at most `limit`.
    async fn list(&self, after: u64, limit: usize) -> Result<DeadLetterPage, DeadLettersError>;
}

/// Why dead letters could not be stored or listed.
#[derive(Debug, Error)]
#[error("the dead letters in {place} failed while {doing}")]
pub struct DeadLettersError {
    /// The file or address.
    pub place: String,
    /// What was being done.
    pub doing: &'static str,
    /// What failed.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}
