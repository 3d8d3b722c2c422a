//! What could not be counted, kept with its reason until a person has looked at it.

use std::error::Error;

use async_trait::async_trait;
use synor_economics::period::Timestamp;
use thiserror::Error;

use crate::record::Record;

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

/// Keeps dead letters.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Stores the letters, durable before it returns. A place holds one letter: the same record
    /// stored again changes nothing but, perhaps, its reason.
    async fn store(&self, letters: Vec<DeadLetter>) -> Result<(), DeadLettersError>;

    /// The letters stored first, in order of their time, at most `limit`.
    async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, DeadLettersError>;
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
