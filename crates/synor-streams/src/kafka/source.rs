//! Reading a Kafka topic as a member of its consumer group.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::consumer::{CommitMode, Consumer, RebalanceProtocol, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use synor_usage::StreamPosition;
use tokio::time::{Instant, Sleep};

use super::client::ClientSettings;
use super::listener::{Changes, Listener};
use super::offsets::{Offsets, Step};
use crate::config::StreamConfig;
use crate::error::{StreamError, chain_of};
use crate::record::{Entry, Place, Record};
use crate::sink::Sink;
use crate::source::{Delivery, Lag, Source};

/// How long a read waits for the first record.
const READ_WAIT: Duration = Duration::from_millis(500);

/// One worker's reading of a Kafka topic.
pub struct KafkaSource {
    name: String,
    topic: Arc<str>,
    consumer: Option<StreamConsumer<Listener>>,
    sink: Arc<dyn Sink>,
    config: StreamConfig,
    offsets: Offsets,
    missing: u64,
}

impl KafkaSource {
    /// Reads the topic of these settings from the positions that the sink tells. The brokers are
    /// not reached yet.
    pub fn open(config: &StreamConfig, sink: Arc<dyn Sink>) -> Result<Self, StreamError> {
        let defaults = [
            // A worker that hangs is left behind after this time.
            ("max.poll.interval.ms", "60000"),
            ("session.timeout.ms", "30000"),
            // What is fetched ahead, in all.
            ("queued.max.messages.kbytes", "16384"),
            // When that much was fetched, look again soon; by default it is a second.
            ("fetch.queue.backoff.ms", "20"),
            ("statistics.interval.ms", "1000"),
            ("topic.metadata.refresh.interval.ms", "30000"),
        ];
        let fixed = [
            ("group.id", config.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            // What is read again counts once; what is passed over is lost.
            ("auto.offset.reset", "earliest"),
            ("isolation.level", "read_committed"),
        ];
        let settings = ClientSettings::new(config, &defaults, &fixed)?;
        let listener = Listener::new(&settings.topic);
        let consumer: StreamConsumer<Listener> = settings
            .client
            .create_with_context(listener)
            .map_err(|error| settings.refused(error))?;
        let subscribed = consumer.subscribe(&[&settings.topic]);
        subscribed.map_err(|error| settings.refused(error))?;
        Ok(Self {
            name: settings.name,
            topic: settings.topic.into(),
            consumer: Some(consumer),
            sink,
            config: config.clone(),
            offsets: Offsets::default(),
            missing: 0,
        })
    }

    fn failed(&self, doing: &'static str, error: KafkaError) -> StreamError {
        StreamError::Broker {
            stream: self.name.clone(),
            doing,
            source: Box::new(error),
        }
    }

    fn consumer(&self) -> Result<&StreamConsumer<Listener>, StreamError> {
        let closed = || self.failed("reading", KafkaError::Canceled);
        self.consumer.as_ref().ok_or_else(closed)
    }

    /// Answers what the client has told. Records of revoked partitions that the sink does not have
    /// yet are dropped: whoever has the partition now reads them.
    async fn answer(&mut self, records: &mut Vec<Record>) -> Result<(), StreamError> {
        let Changes {
            assigned,
            revoked,
            ends,
        } = std::mem::take(&mut self.consumer()?.context().told().changes);
        for partition in revoked.into_iter().filter_map(|p| u32::try_from(p).ok()) {
            self.offsets.revoke(partition);
            records.retain(|record| record.place.partition != partition);
        }
        for (partition, end) in ends {
            if let (Ok(partition), Ok(end)) = (u32::try_from(partition), u64::try_from(end)) {
                self.offsets.ends(partition, end);
            }
        }
        let Some(partitions) = assigned else {
            return Ok(());
        };
        let numbers: Vec<_> = partitions.iter().copied().collect();
        let answered = self.assign(&numbers).await;
        if answered.is_err() {
            // Asked again by the next read.
            let mut told = self.consumer()?.context().told();
            told.changes.assigned.get_or_insert(partitions);
        }
        answered
    }

    /// Begins with partitions at the positions that were committed with their events.
    async fn assign(&mut self, partitions: &[i32]) -> Result<(), StreamError> {
        let positions = self.sink.positions(&self.topic).await;
        let positions = positions.map_err(|source| StreamError::Positions {
            stream: self.name.clone(),
            source,
        })?;
        let numbers: Vec<u32> = partitions
            .iter()
            .filter_map(|&p| u32::try_from(p).ok())
            .collect();
        self.offsets.assign(&numbers, &positions);
        let mut starts = TopicPartitionList::new();
        for (&partition, number) in partitions.iter().zip(numbers) {
            let next = self
                .offsets
                .next(number)
                .and_then(|next| i64::try_from(next).ok());
            let offset = next.map_or(Offset::Beginning, Offset::Offset);
            tracing::info!(stream = %self.name, partition, ?offset, "reading on");
            let added = starts.add_partition_offset(&self.topic, partition, offset);
            added.map_err(|error| self.failed("assigning a partition", error))?;
        }
        let consumer = self.consumer()?;
        let assigned = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&starts),
            _ => consumer.assign(&starts),
        };
        assigned.map_err(|error| self.failed("assigning partitions", error))
    }

    async fn wait(&self, end: Pin<&mut Sleep>) -> Result<Event, StreamError> {
        let consumer = self.consumer()?;
        tokio::select! {
            biased;
            () = consumer.context().news.notified() => Ok(Event::News),
            message = consumer.recv() => match message {
                Ok(message) => Ok(Event::Message(Taken::from(&message))),
                Err(error) => Err(self.failed("reading", error)),
            },
            () = end => Ok(Event::Nothing),
        }
    }

    /// Makes a record of a message and notes what should come next.
    fn take(&mut self, message: Taken) -> Record {
        let Taken {
            partition,
            offset,
            bytes,
        } = message;
        match self.offsets.read(partition, offset) {
            Step::Next => {}
            Step::Missing(records) => {
                self.missing = self.missing.saturating_add(records);
                tracing::error!(
                    stream = %self.name, partition, offset, records,
                    "offsets are missing: the broker dropped records before they were read, and \
                     their usage is lost, unless they are the marks of transactions"
                );
            }
            Step::Back(records) => tracing::error!(
                stream = %self.name, partition, offset, records,
                "the partition has begun anew; a topic that is made again needs another name"
            ),
        }
        let place = Place {
            stream: Arc::clone(&self.topic),
            partition,
            entry: Entry::Offset(offset),
        };
        Record { place, bytes }
    }

    /// The positions after these records.
    fn positions_after(&self, records: &[Record]) -> Vec<StreamPosition> {
        let mut positions: Vec<StreamPosition> = Vec::new();
        for record in records {
            let Entry::Offset(offset) = record.place.entry else {
                continue;
            };
            let next_offset = offset.saturating_add(1);
            let partition = record.place.partition;
            match positions.iter_mut().find(|p| p.partition == partition) {
                Some(position) => position.next_offset = next_offset,
                None => positions.push(StreamPosition {
                    stream: self.topic.to_string(),
                    partition,
                    next_offset,
                }),
            }
        }
        positions
    }
}

/// A message without the client's memory behind it.
struct Taken {
    partition: u32,
    offset: u64,
    bytes: Vec<u8>,
}

impl Taken {
    fn from(message: &BorrowedMessage<'_>) -> Option<Self> {
        Some(Self {
            partition: u32::try_from(message.partition()).ok()?,
            offset: u64::try_from(message.offset()).ok()?,
            bytes: message.payload().unwrap_or_default().to_vec(),
        })
    }
}

/// What a moment of waiting brought.
enum Event {
    Message(Option<Taken>),
    News,
    Nothing,
}

#[async_trait]
impl Source for KafkaSource {
    async fn read(&mut self) -> Result<Delivery, StreamError> {
        let (most, full) = (
            self.config.batch_records.get(),
            self.config.batch_bytes.get(),
        );
        let mut records = Vec::new();
        let mut bytes = 0_usize;
        let mut end = pin!(tokio::time::sleep(READ_WAIT));
        self.answer(&mut records).await?;
        while records.len() < most && bytes < full {
            let event = match self.wait(end.as_mut()).await {
                Ok(Event::News) => self.answer(&mut records).await.map(|()| Event::News),
                event => event,
            };
            match event {
                // What was read is not read again while the partition stays: it must not be dropped.
                Err(error) if !records.is_empty() => {
                    tracing::warn!(error = %chain_of(&error), "a batch is cut short");
                    break;
                }
                Err(error) => return Err(error),
                Ok(Event::Nothing) => break,
                Ok(Event::News | Event::Message(None)) => {}
                Ok(Event::Message(Some(message))) => {
                    if records.is_empty() {
                        end.as_mut().reset(
                            Instant::now() + Duration::from_millis(self.config.batch_wait_ms),
                        );
                    }
                    bytes = bytes.saturating_add(message.bytes.len());
                    records.push(self.take(message));
                }
            }
        }
        let mut told = self.consumer()?.context().told();
        if !records.is_empty() {
            told.away = None;
        } else if let Some(error) = told.away.clone() {
            drop(told);
            return Err(self.failed("reading", error));
        }
        drop(told);
        let read = self.positions_after(&records);
        Ok(Delivery { records, read })
    }

    async fn acknowledge(&mut self, delivery: &Delivery) -> Result<(), StreamError> {
        let mut offsets = TopicPartitionList::new();
        for position in &delivery.read {
            if let (Ok(partition), Ok(next)) = (
                i32::try_from(position.partition),
                i64::try_from(position.next_offset),
            ) {
                let added =
                    offsets.add_partition_offset(&self.topic, partition, Offset::Offset(next));
                added.map_err(|error| self.failed("acknowledging", error))?;
            }
        }
        let committed = self.consumer()?.commit(&offsets, CommitMode::Async);
        committed.map_err(|error| self.failed("acknowledging", error))
    }

    async fn lag(&mut self) -> Result<Lag, StreamError> {
        Ok(Lag {
            partitions: self.offsets.lag(&self.topic),
            missing: self.missing,
        })
    }

    async fn close(mut self: Box<Self>) {
        if let Some(consumer) = self.consumer.take() {
            // It waits for the group's answer.
            let closed = tokio::task::spawn_blocking(move || close(consumer)).await;
            if let Err(error) = closed {
                tracing::error!(%error, "the Kafka client could not be closed");
            }
        }
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            close(consumer);
        }
    }
}

/// Leaves the group. An assignment that still waits for its answer would keep the client waiting.
fn close(consumer: StreamConsumer<Listener>) {
    let mut told = consumer.context().told();
    told.closing = true;
    let is_waiting = told.changes.assigned.take().is_some();
    drop(told);
    if is_waiting && let Err(error) = consumer.unassign() {
        tracing::warn!(%error, "an assignment could not be given back");
    }
    drop(consumer);
}
