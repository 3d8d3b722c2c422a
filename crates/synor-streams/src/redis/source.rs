//! Reading a Redis stream as a member of its consumer group.
//!
//! Entries come from three places, in this order: those this worker was given before and has not
//! acknowledged (it was restarted, or a reply was lost), those that another worker was given long ago
//! (it has died), and new ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redis::{RedisError, cmd};
use uuid::Uuid;

use super::connection::Connection;
use super::entries::{ClaimReply, ReadReply, StreamEntry};
use super::trim;
use crate::config::StreamConfig;
use crate::error::StreamError;
use crate::record::{Entry, Place, Record};
use crate::source::{Delivery, Lag, PartitionLag, Source};

/// How long a read waits for the first record.
const READ_WAIT: Duration = Duration::from_millis(500);
/// Entries asked for at once, so that a batch of large ones does not grow far beyond its size.
const CHUNK_ENTRIES: usize = 250;
/// Before the first entry.
const START: &str = "0-0";

/// One worker's reading of a Redis stream.
pub struct RedisSource {
    connection: Connection,
    stream: Arc<str>,
    config: StreamConfig,
    consumer: String,
    /// Whether no later worker will come back under this name.
    is_consumer_ours_alone: bool,
    /// After which id to look for entries that this worker was given before; none once all are
    /// taken up.
    own_after: Option<String>,
    claim_after: String,
    claim_due: Instant,
    missing: u64,
}

impl RedisSource {
    /// Reads the stream of these settings. The server is not reached yet.
    pub fn open(config: &StreamConfig) -> Result<Self, StreamError> {
        let (connection, stream) = Connection::new(&config.url)?;
        let is_consumer_ours_alone = config.consumer.is_none();
        let generated = || format!("worker-{}", Uuid::now_v7());
        let consumer = config.consumer.clone().unwrap_or_else(generated);
        Ok(Self {
            connection,
            stream: stream.into(),
            config: config.clone(),
            consumer,
            is_consumer_ours_alone,
            own_after: Some(START.to_owned()),
            claim_after: START.to_owned(),
            claim_due: Instant::now(),
            missing: 0,
        })
    }

    /// Joins the group, which is made if it is not there, from the stream's first entry on.
    async fn join(&mut self) -> Result<(), StreamError> {
        if self.connection.is_open() {
            return Ok(());
        }
        // What was on its way when the connection broke is pending under this worker's name.
        self.own_after = Some(START.to_owned());
        let mut create = cmd("XGROUP");
        create
            .arg("CREATE")
            .arg(&*self.stream)
            .arg(&self.config.group);
        create.arg("0").arg("MKSTREAM");
        match self.connection.run::<()>(&create).await {
            Ok(()) => Ok(()),
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            Err(error) => Err(self.failed("joining the group", error)),
        }
    }

    /// An error, after which the group is joined again if it is gone: the stream was deleted, or the
    /// server lost it.
    fn failed(&mut self, doing: &'static str, error: RedisError) -> StreamError {
        if error.code() == Some("NOGROUP") {
            self.connection.close();
        }
        self.connection.failed(doing, error)
    }

    /// The next entries, at most `count`; new ones are waited for.
    async fn next(
        &mut self,
        count: usize,
        wait: Duration,
    ) -> Result<Vec<StreamEntry>, StreamError> {
        if let Some(after) = self.own_after.take() {
            // Put back at once: a failure must not pass over what is pending.
            self.own_after = Some(after.clone());
            let entries = self.read_after(&after, count, None).await?;
            self.own_after = entries.last().map(|last| last.id.clone());
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        if self.claim_due <= Instant::now() {
            let entries = self.claim(count).await?;
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        self.read_after(">", count, Some(wait)).await
    }

    async fn read_after(
        &mut self,
        after: &str,
        count: usize,
        wait: Option<Duration>,
    ) -> Result<Vec<StreamEntry>, StreamError> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP")
            .arg(&self.config.group)
            .arg(&self.consumer);
        read.arg("COUNT").arg(count);
        if let Some(wait) = wait {
            // 0 would wait for ever.
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            read.arg("BLOCK").arg(millis);
        }
        read.arg("STREAMS").arg(&*self.stream).arg(after);
        match self.connection.run::<ReadReply>(&read).await {
            Ok(reply) => Ok(reply.0),
            Err(error) => Err(self.failed("reading", error)),
        }
    }

    /// Takes over entries that some worker was given and has not acknowledged for long.
    async fn claim(&mut self, count: usize) -> Result<Vec<StreamEntry>, StreamError> {
        let mut claim = cmd("XAUTOCLAIM");
        claim
            .arg(&*self.stream)
            .arg(&self.config.group)
            .arg(&self.consumer);
        claim.arg(self.config.claim_idle_ms).arg(&self.claim_after);
        claim.arg("COUNT").arg(count);
        let reply: ClaimReply = match self.connection.run(&claim).await {
            Ok(reply) => reply,
            Err(error) => return Err(self.failed("claiming what another worker left", error)),
        };
        if reply.missing > 0 {
            self.miss(reply.missing);
        }
        if !reply.entries.is_empty() {
            let entries = reply.entries.len();
            tracing::info!(stream = %self.connection.name, entries, "claimed what another worker left");
        }
        if reply.next == START {
            let pause = Duration::from_millis(self.config.claim_idle_ms) / 2;
            self.claim_due = Instant::now() + pause;
        }
        self.claim_after = reply.next;
        Ok(reply.entries)
    }

    fn miss(&mut self, entries: usize) {
        tracing::error!(
            stream = %self.connection.name,
            entries,
            "entries were removed from the stream before they were acknowledged; their usage is lost \
             unless another worker counted it"
        );
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.missing = self.missing.saturating_add(entries);
    }

    async fn read_batch(&mut self) -> Result<Vec<Record>, StreamError> {
        let (most, full) = (
            self.config.batch_records.get(),
            self.config.batch_bytes.get(),
        );
        let mut records = Vec::new();
        let mut bytes = 0_usize;
        let mut wait = READ_WAIT;
        let mut until: Option<Instant> = None;
        while records.len() < most && bytes < full {
            if let Some(until) = until {
                wait = until.saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    break;
                }
            }
            let count = most.saturating_sub(records.len()).min(CHUNK_ENTRIES);
            let entries = self.next(count, wait).await?;
            if entries.is_empty() {
                break;
            }
            bytes = bytes.saturating_add(self.take(entries, &mut records).await?);
            until.get_or_insert_with(|| {
                Instant::now() + Duration::from_millis(self.config.batch_wait_ms)
            });
        }
        Ok(records)
    }

    /// Makes records of entries; those that are gone are acknowledged, since nothing is left to do.
    async fn take(
        &mut self,
        entries: Vec<StreamEntry>,
        records: &mut Vec<Record>,
    ) -> Result<usize, StreamError> {
        let mut gone = Vec::new();
        let mut bytes = 0_usize;
        for StreamEntry { id, event } in entries {
            match event {
                None => gone.push(id),
                Some(event) => {
                    bytes = bytes.saturating_add(event.len());
                    let place = Place {
                        stream: Arc::clone(&self.stream),
                        partition: 0,
                        entry: Entry::Id(id),
                    };
                    records.push(Record {
                        place,
                        bytes: event,
                    });
                }
            }
        }
        if !gone.is_empty() {
            self.miss(gone.len());
            self.acknowledge_ids(&gone).await?;
        }
        Ok(bytes)
    }

    async fn acknowledge_ids(&mut self, ids: &[String]) -> Result<(), StreamError> {
        let mut acknowledge = cmd("XACK");
        acknowledge
            .arg(&*self.stream)
            .arg(&self.config.group)
            .arg(ids);
        match self.connection.run::<()>(&acknowledge).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed("acknowledging", error)),
        }
    }

    /// Removes this worker's name from the group, if nothing is pending under it: with the name,
    /// Redis forgets what is pending.
    async fn leave(&mut self) -> Result<(), RedisError> {
        let mut pending = cmd("XPENDING");
        pending.arg(&*self.stream).arg(&self.config.group);
        pending.arg("-").arg("+").arg(1).arg(&self.consumer);
        let pending: Vec<redis::Value> = self.connection.run(&pending).await?;
        if pending.is_empty() {
            let mut delete = cmd("XGROUP");
            delete.arg("DELCONSUMER").arg(&*self.stream);
            delete.arg(&self.config.group).arg(&self.consumer);
            self.connection.run::<()>(&delete).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Source for RedisSource {
    async fn read(&mut self) -> Result<Delivery, StreamError> {
        self.join().await?;
        let records = self.read_batch().await;
        if records.is_err() {
            // What was delivered before the failure is pending under this worker's name.
            self.own_after = Some(START.to_owned());
        }
        Ok(Delivery {
            records: records?,
            read: Vec::new(),
        })
    }

    async fn acknowledge(&mut self, delivery: &Delivery) -> Result<(), StreamError> {
        let ids: Vec<_> = delivery
            .records
            .iter()
            .map(|record| record.place.entry.to_string())
            .collect();
        self.acknowledge_ids(&ids).await
    }

    async fn lag(&mut self) -> Result<Lag, StreamError> {
        let groups = match trim::groups(&mut self.connection, &self.stream).await {
            Ok(groups) => groups,
            Err(error) => return Err(self.failed("asking for the lag", error)),
        };
        if self.config.trim {
            match trim::acknowledged(&mut self.connection, &self.stream, &groups).await {
                Ok(removed) => tracing::debug!(removed, "removed what every group acknowledged"),
                Err(error) => return Err(self.failed("removing what is acknowledged", error)),
            }
        }
        let ours = groups
            .iter()
            .filter(|group| group.name == self.config.group);
        let partitions = ours.map(|group| PartitionLag {
            stream: self.stream.to_string(),
            partition: 0,
            waiting: group.lag,
            pending: group.pending,
        });
        Ok(Lag {
            partitions: partitions.collect(),
            missing: self.missing,
        })
    }

    async fn close(mut self: Box<Self>) {
        if !self.is_consumer_ours_alone || !self.connection.is_open() {
            return;
        }
        if let Err(error) = self.leave().await {
            tracing::warn!(%error, consumer = self.consumer, "the worker's name stays in its group");
        }
    }
}
