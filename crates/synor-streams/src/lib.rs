//! Usage through Redis Streams and Kafka, counted once.
//!
//! A [`Source`] reads records, each one CloudEvent or a batch of them; a [`Sink`] counts their events,
//! keeps what cannot be counted as dead letters and notes how far the stream was read, all before the
//! broker is told; a [`Worker`] carries from one to the other and waits when either is away. In the
//! other direction, a [`StreamProducer`] returns once the broker holds what it was given.
//!
//! No broker is trusted with counting: an event that comes twice is known by its identity, and Kafka's
//! positions are committed with the events. `docs/streams.md` says what happens on each failure.
#![deny(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss
)]

mod backoff;
pub mod config;
pub mod dead_letters;
pub mod error;
#[cfg(feature = "kafka")]
pub mod kafka;
mod open;
pub mod producer;
pub mod record;
mod record_events;
#[cfg(feature = "redis")]
pub mod redis;
pub mod sink;
pub mod source;
pub mod sqlite_dead_letters;
pub mod status;
pub mod usage_log_sink;
pub mod worker;

pub use backoff::Backoff;
pub use config::{StreamConfig, StreamUrl};
pub use dead_letters::{DeadLetter, DeadLetterPage, DeadLetters, ShownLetter};
pub use error::StreamError;
pub use open::{open_producer, open_source};
pub use producer::StreamProducer;
pub use record::{Entry, Place, Record};
pub use record_events::RecordEvents;
pub use sink::{RecordOutcome, Sink, SinkError};
pub use source::{Delivery, Lag, PartitionLag, Source};
pub use sqlite_dead_letters::SqliteDeadLetters;
pub use status::{WorkerState, WorkerStatus};
pub use usage_log_sink::UsageLogSink;
pub use worker::Worker;
