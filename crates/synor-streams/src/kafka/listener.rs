//! What the client tells while it is polled: partitions that come and go, statistics, errors.
//!
//! A partition that is revoked is given up at once. One that is assigned waits until the position to
//! read on from is known, which may take a while: the client allows the answer to come later.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::Notify;

/// What the client has told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What has changed and was not looked at.
    pub(super) changes: Changes,
    /// All brokers are away, until one of them is seen again.
    pub(super) away: Option<KafkaError>,
    /// Whatever is assigned from now on is given back.
    pub(super) closing: bool,
}

/// Partitions that came, went, or grew.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Partitions whose assignment waits for an answer. None of them is an assignment, too, and
    /// waits as well.
    pub(super) assigned: Option<BTreeSet<i32>>,
    /// Partitions that are given up.
    pub(super) revoked: BTreeSet<i32>,
    /// Where partitions end.
    pub(super) ends: Vec<(i32, i64)>,
}

/// Takes down what the client tells.
pub(super) struct Listener {
    topic: String,
    told: Mutex<Told>,
    /// Woken by whatever wants an answer.
    pub(super) news: Notify,
}

impl Listener {
    pub(super) fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            told: Mutex::default(),
            news: Notify::new(),
        }
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let mut told = self.told();
        if told.closing {
            drop(told);
            give_up(consumer, partitions);
            return;
        }
        let numbers = numbers(partitions);
        tracing::info!(topic = self.topic, partitions = ?numbers, "partitions are assigned");
        // An assignment comes only after the one before it was answered or has become void.
        told.changes.assigned = Some(numbers);
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let numbers = numbers(partitions);
        tracing::info!(topic = self.topic, partitions = ?numbers, "partitions are revoked");
        let mut told = self.told();
        if let Some(assigned) = &mut told.changes.assigned {
            assigned.retain(|partition| !numbers.contains(partition));
        }
        told.changes.revoked.extend(numbers);
        drop(told);
        give_up(consumer, partitions);
    }
}

fn numbers(partitions: &TopicPartitionList) -> BTreeSet<i32> {
    let elements = partitions.elements();
    elements.iter().map(|element| element.partition()).collect()
}

fn give_up(consumer: &BaseConsumer<Listener>, partitions: &TopicPartitionList) {
    let given_up = match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        _ => consumer.unassign(),
    };
    if let Err(error) = given_up {
        tracing::error!(%error, "partitions could not be given up");
    }
}

impl ClientContext for Listener {
    fn stats(&self, statistics: Statistics) {
        let mut told = self.told();
        if statistics.brokers.values().any(|b| b.state == "UP") {
            told.away = None;
        }
        if let Some(topic) = statistics.topics.get(&self.topic) {
            let partitions = topic.partitions.values();
            told.changes.ends = partitions.map(|p| (p.partition, p.hi_offset)).collect();
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The client tries again by itself; that all brokers are away is told to the worker.
        tracing::warn!(topic = self.topic, %error, reason, "the Kafka client complains");
        if error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::AllBrokersDown) {
            self.told().away = Some(error);
            self.news.notify_one();
        }
    }
}

impl ConsumerContext for Listener {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assigned(consumer, partitions);
            }
            _ => self.revoked(consumer, partitions),
        }
        self.news.notify_one();
    }
}
