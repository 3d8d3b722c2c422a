//! The replies of Redis that hold entries of a stream.

use redis::{FromRedisValue, ParsingError, Value, from_redis_value};

use super::EVENT_FIELD;

/// An entry as it was delivered.
pub(super) struct StreamEntry {
    pub(super) id: String,
    /// What the field `event` holds, or nothing if the entry has no such field.
    /// None at all: the entry is pending and was removed from the stream.
    pub(super) event: Option<Vec<u8>>,
}

impl FromRedisValue for StreamEntry {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, fields): (String, Value) = from_redis_value(value)?;
        if fields == Value::Nil {
            return Ok(Self { id, event: None });
        }
        let fields: Vec<Vec<u8>> = from_redis_value(fields)?;
        let (pairs, _) = fields.as_chunks::<2>();
        let event = pairs
            .iter()
            .find(|[name, _]| name == EVENT_FIELD.as_bytes());
        let event = event.map(|[_, event]| event.clone());
        Ok(Self {
            id,
            event: Some(event.unwrap_or_default()),
        })
    }
}

/// The reply of `XREADGROUP` for one stream: nothing if no entry came in time.
pub(super) struct ReadReply(pub(super) Vec<StreamEntry>);

impl FromRedisValue for ReadReply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        if value == Value::Nil {
            return Ok(Self(Vec::new()));
        }
        let streams: Vec<Value> = from_redis_value(value)?;
        let mut entries = Vec::new();
        for stream in streams {
            let (_, of_stream): (Value, Value) = from_redis_value(stream)?;
            entries.extend(list(of_stream)?);
        }
        Ok(Self(entries))
    }
}

/// The reply of `XAUTOCLAIM`.
pub(super) struct ClaimReply {
    /// Where to go on; `0-0` at the end.
    pub(super) next: String,
    pub(super) entries: Vec<StreamEntry>,
    /// How many were pending and had been removed from the stream. They are pending no more.
    pub(super) missing: usize,
}

impl FromRedisValue for ClaimReply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (next, entries, removed): (String, Value, Vec<String>) = from_redis_value(value)?;
        Ok(Self {
            next,
            entries: list(entries)?,
            missing: removed.len(),
        })
    }
}

fn list(entries: Value) -> Result<Vec<StreamEntry>, ParsingError> {
    let entries: Vec<Value> = from_redis_value(entries)?;
    entries.into_iter().map(from_redis_value).collect()
}
