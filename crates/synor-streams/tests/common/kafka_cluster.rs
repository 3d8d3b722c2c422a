//! A Kafka cluster of its own for a test: librdkafka's mock, which speaks the protocol over real
//! connections.

use std::num::NonZeroUsize;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use synor_streams::StreamConfig;

pub struct Cluster(pub MockCluster<'static, DefaultProducerContext>);

impl Cluster {
    /// Starts one broker with the topic `usage-events`.
    pub fn start(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("usage-events", partitions, 1).unwrap();
        Self(cluster)
    }

    pub fn url(&self) -> String {
        format!("kafka://{}/usage-events", self.0.bootstrap_servers())
    }

    pub fn config(&self) -> StreamConfig {
        config(&self.url())
    }
}

/// Small batches, and a group that notices soon whom it misses.
pub fn config(url: &str) -> StreamConfig {
    let mut config = StreamConfig::new(url.parse().unwrap());
    config.batch_records = NonZeroUsize::new(100).unwrap();
    for (key, value) in [
        // The mock waits a second less than this whenever partitions move, and 3 s at first.
        ("session.timeout.ms", "4000"),
        ("max.poll.interval.ms", "4000"),
        ("heartbeat.interval.ms", "200"),
        ("statistics.interval.ms", "200"),
        ("reconnect.backoff.max.ms", "200"),
    ] {
        config.kafka.insert(key.to_owned(), value.to_owned());
    }
    config
}
