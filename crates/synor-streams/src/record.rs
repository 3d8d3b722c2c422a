//! What a stream carries, and the name of each record within it.

use std::fmt;
use std::sync::Arc;

/// One record of a stream: a CloudEvent in JSON, or an array of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it lies.
    pub place: Place,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Where a record lies. A place holds one record for ever, which makes it the record's identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The stream's name: a Kafka topic, or the key of a Redis stream.
    pub stream: Arc<str>,
    /// Which of its partitions; 0 in Redis.
    pub partition: u32,
    /// Which record of the partition.
    pub entry: Entry,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.stream, self.partition, self.entry)
    }
}

/// The name of a record within its partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Entry {
    /// An offset in Kafka.
    Offset(u64),
    /// An entry's id in Redis: milliseconds and a number, as in `1700000000000-0`.
    Id(String),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(offset) => write!(f, "{offset}"),
            Self::Id(id) => f.write_str(id),
        }
    }
}
