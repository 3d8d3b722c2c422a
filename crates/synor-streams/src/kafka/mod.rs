//! Kafka: a consumer group whose positions are kept with the data.
//!
//! A record's value is one CloudEvent, or a batch of them; its key is the account, so that what one
//! account reports stays in order. Where to read on is asked of the sink whenever a partition is
//! assigned. The offsets that are committed to the broker as well serve only those who look there for
//! the lag.

mod client;
mod listener;
mod offsets;
mod producer;
mod source;

pub use producer::KafkaProducer;
pub use source::KafkaSource;
