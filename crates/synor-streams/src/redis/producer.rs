//! Writing to a Redis stream.

use std::collections::HashMap;

use async_trait::async_trait;
use redis::{RedisError, cmd, pipe};
use synor_economics::id::AccountId;
use tokio::sync::Mutex;

use super::EVENT_FIELD;
use super::connection::Connection;
use crate::config::StreamConfig;
use crate::error::StreamError;
use crate::producer::StreamProducer;

/// Writes to a Redis stream. What it acknowledges is as durable as the server is set to be: with
/// `appendonly yes` and `appendfsync always`, on disk. Anything less is told in the log on each
/// connection.
pub struct RedisProducer {
    connection: Mutex<Connection>,
    stream: String,
}

impl RedisProducer {
    /// Writes to the stream of these settings. The server is not reached yet.
    pub fn open(config: &StreamConfig) -> Result<Self, StreamError> {
        let (connection, stream) = Connection::new(&config.url)?;
        Ok(Self {
            connection: Mutex::new(connection),
            stream,
        })
    }

    /// Connects, checks durability, and writes.
    async fn write(
        &self,
        connection: &mut Connection,
        records: &[(AccountId, Vec<u8>)],
    ) -> Result<(), RedisError> {
        if !connection.is_open() {
            connection.ensure().await?;
            warn_unless_durable(connection).await?;
        }
        let mut add = pipe();
        for (_, record) in records {
            add.cmd("XADD").arg(&self.stream).arg("*");
            add.arg(EVENT_FIELD).arg(record).ignore();
        }
        connection.run_all(&add).await
    }
}

#[async_trait]
impl StreamProducer for RedisProducer {
    async fn send(&self, records: Vec<(AccountId, Vec<u8>)>) -> Result<(), StreamError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut connection = self.connection.lock().await;
        match self.write(&mut connection, &records).await {
            Ok(()) => Ok(()),
            Err(error) => Err(connection.failed("writing", error)),
        }
    }
}

/// Tells in the log what the server would lose.
async fn warn_unless_durable(connection: &mut Connection) -> Result<(), RedisError> {
    let mut get = cmd("CONFIG");
    get.arg("GET").arg("append*");
    let settings: HashMap<String, String> = match connection.run(&get).await {
        Ok(settings) => settings,
        // A managed server may not tell.
        Err(error) if error.code().is_some() => {
            tracing::warn!(stream = %connection.name, %error, "whether Redis keeps what it acknowledges is not known");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let setting = |name| settings.get(name).map_or("", String::as_str);
    let (appendonly, appendfsync) = (setting("appendonly"), setting("appendfsync"));
    if (appendonly, appendfsync) != ("yes", "always") {
        tracing::warn!(
            stream = %connection.name,
            appendonly,
            appendfsync,
            "Redis may lose acknowledged usage when it stops; set `appendonly yes` and \
             `appendfsync always`"
        );
    }
    Ok(())
}
