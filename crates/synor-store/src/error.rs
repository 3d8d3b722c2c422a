//! What can go wrong with the book of record.

use thiserror::Error;

/// Why a read or commit failed. Nothing of a failed commit remains.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Something that the decision was made on has changed since: read again and decide again.
    #[error("{scope} has changed meanwhile")]
    Conflict {
        /// What changed.
        scope: String,
    },
    /// The command was committed before, for another request.
    #[error("the idempotency key `{command}` was used before for another request")]
    CommandReused {
        /// The command.
        command: String,
    },
    /// The change would break a rule of the book.
    #[error("refused to commit: {0}")]
    Invariant(String),
    /// A unique key is taken.
    #[error("{kind} {id} exists already")]
    Exists {
        /// What kind of document.
        kind: &'static str,
        /// Which one.
        id: String,
    },
    /// What was read is not what was written.
    #[error("{kind} {id} is corrupt: {problem}")]
    Corrupt {
        /// What kind of document.
        kind: &'static str,
        /// Which one.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The book was written by a newer program.
    #[error("{database} has schema {found}, this program knows up to {known}; use a newer program")]
    NewerSchema {
        /// The file or address.
        database: String,
        /// Its schema version.
        found: i64,
        /// The newest schema version known here.
        known: i64,
    },
    /// The database failed.
    #[error("database {database}")]
    Database {
        /// The file or address.
        database: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}
