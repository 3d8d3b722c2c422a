//! From an address to what reads or writes the stream there.

use std::sync::Arc;

use crate::config::{StreamConfig, StreamUrl};
use crate::error::StreamError;
use crate::producer::StreamProducer;
use crate::sink::Sink;
use crate::source::Source;

/// Opens the stream for reading. A broker that is away is no error: the source connects when it is
/// read. `sink` tells where to read on.
pub fn open_source(
    config: &StreamConfig,
    sink: Arc<dyn Sink>,
) -> Result<Box<dyn Source>, StreamError> {
    // Redis keeps the positions itself.
    #[cfg(not(feature = "kafka"))]
    drop(sink);
    match &config.url {
        #[cfg(feature = "kafka")]
        StreamUrl::Kafka { .. } => Ok(Box::new(crate::kafka::KafkaSource::open(config, sink)?)),
        #[cfg(feature = "redis")]
        StreamUrl::Redis { .. } => Ok(Box::new(crate::redis::RedisSource::open(config)?)),
        #[allow(unreachable_patterns, reason = "reachable without one of the features")]
        url => Err(not_built(url)),
    }
}

/// Opens the stream for writing. A broker that is away is no error: it is reached when something is
/// sent.
pub fn open_producer(config: &StreamConfig) -> Result<Arc<dyn StreamProducer>, StreamError> {
    match &config.url {
        #[cfg(feature = "kafka")]
        StreamUrl::Kafka { .. } => Ok(Arc::new(crate::kafka::KafkaProducer::open(config)?)),
        #[cfg(feature = "redis")]
        StreamUrl::Redis { .. } => Ok(Arc::new(crate::redis::RedisProducer::open(config)?)),
        #[allow(unreachable_patterns, reason = "reachable without one of the features")]
        url => Err(not_built(url)),
    }
}

#[allow(dead_code, reason = "not used if both features are on")]
fn not_built(url: &StreamUrl) -> StreamError {
    let feature = match url {
        StreamUrl::Kafka { .. } => "kafka",
        StreamUrl::Redis { .. } => "redis",
    };
    StreamError::NotBuilt {
        stream: url.to_string(),
        feature,
    }
}
