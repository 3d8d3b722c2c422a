//! Where the database is, how it is called in errors, and the connections to it.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

use super::fault::shared;
use crate::error::UsageLogError;

/// Connections that one log keeps at most; whoever needs one more waits.
const CONNECTIONS_MAX: usize = 12;
/// How long to wait for a connection before giving up.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long to wait for a free connection of the pool: more than any one read takes.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a server may leave sent bytes without an answer before the connection counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// What is acknowledged is durable, even where a database is set up to be faster than that; a setting
/// that asks for more, of replicas, stays.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') = 'off'";
/// The longest name PostgreSQL has.
const NAME_MAX_BYTES: usize = 63;

/// A database, and the schema in it that holds the log.
pub(super) struct Address {
    /// What errors call the log: never with the password.
    pub(super) log: String,
    pub(super) schema: String,
    config: Config,
}

impl Address {
    /// Reads a connection string, as a URL or as `key=value` pairs.
    pub(super) fn new(url: &str, schema: &str) -> Result<Self, UsageLogError> {
        let refuse = |log: String, source| UsageLogError::Backend {
            log,
            doing: "reading its connection string",
            source,
        };
        let mut config: Config = match url.parse() {
            Ok(config) => config,
            // The string may hold a password: the error names the part that is wrong, not the whole.
            Err(error) => {
                return Err(refuse("on PostgreSQL".to_owned(), Arc::new(error)));
            }
        };
        let log = name(&config, schema);
        if config.get_ssl_mode() == SslMode::Require {
            let reason = "it asks for TLS (sslmode=require), which this program does not speak to \
                          PostgreSQL; connect through a local proxy that does, or over a network \
                          that is private, with sslmode=disable";
            return Err(refuse(log, shared(reason)));
        }
        if !is_schema_name(schema) {
            let reason = "a schema is named with a to z, 0 to 9 and _, not beginning with a digit, \
                          in at most 63 bytes";
            return Err(refuse(log, shared(reason)));
        }
        // Set at the start of each connection, so that no statement has to name the schema. What
        // the plans cost is mostly misjudged for arrays, and compiling them is never worth it.
        let ours = format!("-c search_path={schema} -c jit=off");
        let options = match config.get_options() {
            Some(given) => format!("{given} {ours}"),
            None => ours,
        };
        config.options(options);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_MAX);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        if config.get_application_name().is_none() {
            config.application_name("synor usage log");
        }
        Ok(Self {
            log,
            schema: schema.to_owned(),
            config,
        })
    }

    /// The pool of connections, none of which is opened yet.
    pub(super) fn pool(&self) -> Result<Pool, UsageLogError> {
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(self.config.clone(), NoTls, manager);
        Pool::builder(manager)
            .max_size(CONNECTIONS_MAX)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT_MAX))
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async move {
                    let set = client.batch_execute(DURABLE).await;
                    set.map_err(HookError::Backend)
                })
            }))
            .build()
            .map_err(|error| UsageLogError::Backend {
                log: self.log.clone(),
                doing: "being opened",
                source: Arc::new(error),
            })
    }
}

fn is_schema_name(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=NAME_MAX_BYTES).contains(&name.len())
        && name.bytes().all(is_word)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("pg_")
}

/// `host:port/database, schema name`.
fn name(config: &Config, schema: &str) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let user = config.get_user().unwrap_or("postgres");
    let database = config.get_dbname().unwrap_or(user);
    format!("{host}:{port}/{database}, schema {schema}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str, schema: &str) -> String {
        match Address::new(url, schema) {
            Ok(address) => panic!("{} is accepted", address.log),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                format!("{error}: {}", source.unwrap_or_default())
            }
        }
    }

    #[test]
    fn the_name_leaves_the_password_out() {
        let url = "postgres://me:secret@db.example:6000/billing";
        let address = Address::new(url, "synor_usage").unwrap();
        assert_eq!(address.log, "db.example:6000/billing, schema synor_usage");
    }

    #[test]
    fn tls_is_refused_rather_than_left_out() {
        let url = "postgres://me:secret@db.example/billing?sslmode=require";
        let refused = refusal(url, "synor_usage");
        assert!(refused.contains("sslmode=require"), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
        let url = "postgres://me:secret@db.example/billing?sslmode=verify-full";
        let refused = refusal(url, "synor_usage");
        assert!(
            refused.contains("sslmode") || refused.contains("connection string"),
            "{refused}"
        );
        assert!(!refused.contains("secret"), "{refused}");
    }

    #[test]
    fn a_schema_that_would_have_to_be_quoted_is_refused() {
        for schema in ["", "a b", "1a", "A", "a;b", "pg_log", &"x".repeat(64)] {
            let refused = refusal("host=localhost", schema);
            assert!(refused.contains("a schema is named"), "{refused}");
        }
    }
}
