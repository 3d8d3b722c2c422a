//! Writing to a stream: what an API node does with usage that workers will count.

use async_trait::async_trait;
use synor_economics::id::AccountId;

use crate::error::StreamError;

/// Writes records to a stream.
#[async_trait]
pub trait StreamProducer: Send + Sync {
    /// Writes the records, each one CloudEvent or a batch of them, of one account. Those of one
    /// account stay in their order. Returns once the broker has all of them for good.
    ///
    /// After an error some may have been written and some not: send all of them again. What was
    /// written twice counts once.
    async fn send(&self, records: Vec<(AccountId, Vec<u8>)>) -> Result<(), StreamError>;
}
