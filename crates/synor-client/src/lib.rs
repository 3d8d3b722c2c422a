//! A client for services that report usage: it queues what they record, sends it in batches, and
//! sends it again until the server has said what became of it.
//!
//! Each event gets its id once, when it is recorded, and keeps it through every retry, so that
//! however often it is sent, it is counted once. With a spool, a file that every event is written
//! to before [`Client::record`] returns, that holds across the death of the process, too: what the
//! server has not decided is sent by the next client on the same spool.
//!
//! It speaks plain HTTP, like the server; where they do not share a private network, a proxy on each
//! side adds TLS.
//!
//! ```no_run
//! use synor_client::{Client, Usage};
//! # async fn run() -> Result<(), synor_client::ClientError> {
//! let client = Client::builder("http://billing.internal:8080", "synor_admin_…", "node-fra-1")
//!     .spool("/var/lib/node/usage.spool")
//!     .on_rejected(|rejection| eprintln!("not counted: {rejection}"))
//!     .start()
//!     .await?;
//! client
//!     .record(Usage::new("acme", "network.egress", 1_500, "MB").dimension("region", "eu"))
//!     .await?;
//! client.flush().await?; // everything recorded so far is decided
//! client.close().await?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod builder;
mod client;
mod error;
mod queue;
mod sender;
mod spool;
mod usage;

pub use answer::Rejection;
pub use builder::Builder;
pub use client::{Client, Closed, Progress};
pub use error::ClientError;
pub use usage::Usage;
