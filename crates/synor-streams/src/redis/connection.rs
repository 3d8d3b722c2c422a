//! A connection to Redis that is made when it is needed, and made again after a failure.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError};

use crate::config::StreamUrl;
use crate::error::StreamError;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Longer than any command that waits for records, and than a sync of a slow disk.
const REPLY_WITHIN: Duration = Duration::from_secs(10);

/// A connection, or none yet.
pub(super) struct Connection {
    /// The address without a password.
    pub(super) name: String,
    client: Client,
    open: Option<MultiplexedConnection>,
}

impl Connection {
    /// To the server of this address, which is not reached yet.
    pub(super) fn new(url: &StreamUrl) -> Result<(Self, String), StreamError> {
        let name = url.to_string();
        let StreamUrl::Redis { server, stream } = url else {
            let source = "it is not an address of Redis".into();
            return Err(StreamError::Settings {
                stream: name,
                source,
            });
        };
        match Client::open(format!("redis://{server}/")) {
            Ok(client) => {
                let connection = Self {
                    name,
                    client,
                    open: None,
                };
                Ok((connection, stream.clone()))
            }
            Err(error) => Err(StreamError::Settings {
                stream: name,
                source: Box::new(error),
            }),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Forgets the connection.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    pub(super) fn failed(&self, doing: &'static str, error: RedisError) -> StreamError {
        StreamError::Broker {
            stream: self.name.clone(),
            doing,
            source: Box::new(error),
        }
    }

    /// Connects if there is no connection.
    pub(super) async fn ensure(&mut self) -> Result<&mut MultiplexedConnection, RedisError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_WITHIN))
                    .set_response_timeout(Some(REPLY_WITHIN));
                self.client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?
            }
        };
        Ok(self.open.insert(open))
    }

    /// Runs a command.
    pub(super) async fn run<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        let reply = command.query_async(self.ensure().await?).await;
        self.keep_if_sound(&reply);
        reply
    }

    /// Runs commands that are sent at once.
    pub(super) async fn run_all<T: FromRedisValue>(
        &mut self,
        commands: &Pipeline,
    ) -> Result<T, RedisError> {
        let reply = commands.query_async(self.ensure().await?).await;
        self.keep_if_sound(&reply);
        reply
    }

    /// Forgets a connection whose next reply might belong to the command that failed.
    fn keep_if_sound<T>(&mut self, reply: &Result<T, RedisError>) {
        // What the server itself refused leaves the connection as it was.
        if reply.as_ref().is_err_and(|error| error.code().is_none()) {
            self.open = None;
        }
    }
}
