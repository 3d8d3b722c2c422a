//! Redis Streams: a consumer group whose pending entries are claimed after a crash.
//!
//! An entry holds one CloudEvent, or a batch of them, in the field `event`. The group in Redis
//! remembers which entries were delivered and not acknowledged; that, and the identity of each event,
//! is enough to count once, so that no position is kept with the data.

mod connection;
mod entries;
mod producer;
mod source;
mod trim;

pub use producer::RedisProducer;
pub use source::RedisSource;

/// The field of an entry that holds the event.
pub const EVENT_FIELD: &str = "event";
