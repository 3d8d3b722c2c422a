//! The settings of a stream, as a configuration file has them.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// The settings of a stream: which one, and how it is read. Only `url` must be given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// Which stream, on which broker.
    pub url: StreamUrl,
    /// Whether a server sends the usage that it is given into the stream instead of counting it
    /// (default no).
    #[serde(default)]
    pub produce: bool,
    /// Whether a server is a worker, too (default no).
    #[serde(default)]
    pub consume: bool,
    /// The group of workers that share the stream out (default `synor`).
    #[serde(default = "default_group", deserialize_with = "named")]
    pub group: String,
    /// This worker's name in the group, for Redis: a worker that comes back under its name takes up
    /// at once what it had not acknowledged. Two that run at once need two names. By default a new
    /// name each time.
    #[serde(default)]
    pub consumer: Option<String>,
    /// The most records in one batch (default 1,000).
    #[serde(default = "default_batch_records")]
    pub batch_records: NonZeroUsize,
    /// The size at which a batch is full (default 8 MiB). The record that reaches it still belongs
    /// to the batch.
    #[serde(default = "default_batch_bytes")]
    pub batch_bytes: NonZeroUsize,
    /// How long a batch that is not full waits for more, from its first record on, in milliseconds
    /// (default 50).
    #[serde(default = "default_batch_wait_ms")]
    pub batch_wait_ms: u64,
    /// After how long without an acknowledgement the records given to another worker are taken
    /// over, in milliseconds, for Redis (default 30,000).
    #[serde(default = "default_claim_idle_ms")]
    pub claim_idle_ms: u64,
    /// Whether records that every group has acknowledged are removed from a Redis stream (default
    /// no). Kafka removes records by the topic's retention.
    #[serde(default)]
    pub trim: bool,
    /// More settings of librdkafka, by their names there: `session.timeout.ms`, `sasl.username` and
    /// so on. What exactly-once depends on cannot be changed here.
    #[serde(default)]
    pub kafka: BTreeMap<String, String>,
}

impl StreamConfig {
    /// The defaults for one stream.
    pub fn new(url: StreamUrl) -> Self {
        Self {
            url,
            produce: false,
            consume: false,
            group: default_group(),
            consumer: None,
            batch_records: default_batch_records(),
            batch_bytes: default_batch_bytes(),
            batch_wait_ms: default_batch_wait_ms(),
            claim_idle_ms: default_claim_idle_ms(),
            trim: false,
            kafka: BTreeMap::new(),
        }
    }
}

fn default_group() -> String {
    "synor".to_owned()
}

fn default_batch_records() -> NonZeroUsize {
    const { NonZeroUsize::new(1_000).expect("it is not zero") }
}

fn default_batch_bytes() -> NonZeroUsize {
    const { NonZeroUsize::new(8 << 20).expect("it is not zero") }
}

fn default_batch_wait_ms() -> u64 {
    50
}

fn default_claim_idle_ms() -> u64 {
    30_000
}

fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    match name.trim().is_empty() {
        true => Err(serde::de::Error::custom("a group needs a name")),
        false => Ok(name),
    }
}

/// A stream and its broker: `kafka://host:9092,host:9092/topic` or
/// `redis://user:password@host:6379/stream`. Shown without the user and the password.
///
/// ```
/// use synor_streams::StreamUrl;
/// let url: StreamUrl = "redis://:secret@cache:6379/usage-events".parse()?;
/// assert_eq!(url.to_string(), "redis://cache:6379/usage-events");
/// # Ok::<(), synor_streams::config::StreamUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum StreamUrl {
    /// A topic.
    Kafka {
        /// Brokers to ask first, separated by commas.
        brokers: String,
        /// The topic.
        topic: String,
    },
    /// A Redis stream.
    Redis {
        /// Host and port, and before them user and password, if any.
        server: String,
        /// The stream's key.
        stream: String,
    },
}

impl fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka { brokers, topic } => write!(f, "kafka://{brokers}/{topic}"),
            Self::Redis { server, stream } => {
                let host = server.rsplit_once('@').map_or(&**server, |(_, host)| host);
                write!(f, "redis://{host}/{stream}")
            }
        }
    }
}

impl fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for StreamUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text is no address of a stream. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StreamUrlError {
    /// Another scheme, or none.
    #[error(
        "a stream's address starts with `kafka://` or `redis://`, \
         as in kafka://localhost:9092/usage-events"
    )]
    Scheme,
    /// Nothing between the scheme and the name.
    #[error("the stream's address names no host; write one, as in {example}")]
    Host {
        /// An address that is whole.
        example: &'static str,
    },
    /// No stream, or a name that not every broker takes.
    #[error(
        "the stream's address must end with the name of the stream, made of letters, digits, \
         `.`, `_`, `-` and, in Redis, `:`, as in {example}"
    )]
    Name {
        /// An address that is whole.
        example: &'static str,
    },
    /// A user in a Kafka address.
    #[error(
        "a Kafka address holds no user; set `sasl.username` and `sasl.password` under `kafka` instead"
    )]
    KafkaUser,
}

const KAFKA_EXAMPLE: &str = "kafka://localhost:9092/usage-events";
const REDIS_EXAMPLE: &str = "redis://localhost:6379/usage-events";
/// What Kafka allows of a topic's name.
const NAME_LEN_MAX: usize = 249;

impl FromStr for StreamUrl {
    type Err = StreamUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(StreamUrlError::Scheme)?;
        let (is_kafka, example) = match scheme {
            "kafka" => (true, KAFKA_EXAMPLE),
            "redis" => (false, REDIS_EXAMPLE),
            _ => return Err(StreamUrlError::Scheme),
        };
        // From the right: a password may hold a slash.
        let (host, name) = rest
            .rsplit_once('/')
            .ok_or(StreamUrlError::Name { example })?;
        if host.is_empty() || host.ends_with('@') {
            return Err(StreamUrlError::Host { example });
        }
        let allowed = |c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') || (c == ':' && !is_kafka)
        };
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.chars().all(allowed) {
            return Err(StreamUrlError::Name { example });
        }
        let (host, name) = (host.to_owned(), name.to_owned());
        match is_kafka {
            true if host.contains('@') => Err(StreamUrlError::KafkaUser),
            true => Ok(Self::Kafka {
                brokers: host,
                topic: name,
            }),
            false => Ok(Self::Redis {
                server: host,
                stream: name,
            }),
        }
    }
}
