//! Writing to a Kafka topic.

use std::time::Duration;

use async_trait::async_trait;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};
use synor_economics::id::AccountId;

use super::client::ClientSettings;
use crate::config::StreamConfig;
use crate::error::StreamError;
use crate::producer::StreamProducer;

/// How long to wait for room in the client's queue.
const QUEUE_WAIT: Duration = Duration::from_secs(5);
/// After how long without an acknowledgement of the brokers a record has failed.
const DELIVERY_MS: &str = "30000";

/// Writes to a Kafka topic. What it acknowledges, all in-sync replicas have (`acks=all`); how many
/// those must be is the topic's `min.insync.replicas`. A record that the client sends again because
/// an answer was lost is written once.
pub struct KafkaProducer {
    name: String,
    topic: String,
    producer: FutureProducer,
}

impl KafkaProducer {
    /// Writes to the topic of these settings. The brokers are not reached yet.
    pub fn open(config: &StreamConfig) -> Result<Self, StreamError> {
        let defaults = [
            ("message.timeout.ms", DELIVERY_MS),
            ("linger.ms", "5"),
            ("compression.type", "lz4"),
            // The hash that Kafka's own clients use, so that others find an account where this does.
            ("partitioner", "murmur2_random"),
        ];
        let fixed = [("acks", "all"), ("enable.idempotence", "true")];
        let settings = ClientSettings::new(config, &defaults, &fixed)?;
        let producer = settings.client.create();
        let producer = producer.map_err(|error| settings.refused(error))?;
        Ok(Self {
            name: settings.name,
            topic: settings.topic,
            producer,
        })
    }

    fn failed(&self, error: KafkaError) -> StreamError {
        StreamError::Broker {
            stream: self.name.clone(),
            doing: "writing",
            source: Box::new(error),
        }
    }
}

#[async_trait]
impl StreamProducer for KafkaProducer {
    async fn send(&self, records: Vec<(AccountId, Vec<u8>)>) -> Result<(), StreamError> {
        let mut on_the_way = Vec::with_capacity(records.len());
        for (account, bytes) in &records {
            let record = || {
                FutureRecord::to(&self.topic)
                    .key(account.as_str())
                    .payload(bytes)
            };
            let delivery = match self.producer.send_result(record()) {
                Ok(delivery) => delivery,
                Err((error, _)) if is_queue_full(&error) => {
                    // Those on the way make room; the order of an account stays.
                    let sent = self.producer.send(record(), QUEUE_WAIT).await;
                    sent.map_err(|(error, _)| self.failed(error))?;
                    continue;
                }
                Err((error, _)) => return Err(self.failed(error)),
            };
            on_the_way.push(delivery);
        }
        for delivery in on_the_way {
            match delivery.await {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => return Err(self.failed(error)),
                Err(_) => return Err(self.failed(KafkaError::Canceled)),
            }
        }
        Ok(())
    }
}

fn is_queue_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::QueueFull)
}
