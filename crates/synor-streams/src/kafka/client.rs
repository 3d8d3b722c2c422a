//! What the consumer and the producer have in common.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::config::{StreamConfig, StreamUrl};
use crate::error::StreamError;

/// What a client is made of.
pub(super) struct ClientSettings {
    /// The address.
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) client: ClientConfig,
}

impl ClientSettings {
    /// The settings of people, and over them `fixed`, which exactly-once depends on.
    pub(super) fn new(
        config: &StreamConfig,
        defaults: &[(&str, &str)],
        fixed: &[(&str, &str)],
    ) -> Result<Self, StreamError> {
        let name = config.url.to_string();
        let StreamUrl::Kafka { brokers, topic } = &config.url else {
            let source = "it is not an address of Kafka".into();
            return Err(StreamError::Settings {
                stream: name,
                source,
            });
        };
        let mut client = ClientConfig::new();
        client.set("client.id", "synor");
        let of_people = config.kafka.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        for (key, value) in defaults.iter().copied().chain(of_people) {
            client.set(key, value);
        }
        for (key, value) in fixed {
            if config.kafka.get(*key).is_some_and(|other| other != value) {
                let source = format!("`{key}` must be `{value}`").into();
                return Err(StreamError::Settings {
                    stream: name,
                    source,
                });
            }
            client.set(*key, *value);
        }
        client.set("bootstrap.servers", brokers);
        Ok(Self {
            name,
            topic: topic.clone(),
            client,
        })
    }

    /// What the client says about its settings.
    pub(super) fn refused(&self, error: KafkaError) -> StreamError {
        StreamError::Settings {
            stream: self.name.clone(),
            source: Box::new(error),
        }
    }
}
