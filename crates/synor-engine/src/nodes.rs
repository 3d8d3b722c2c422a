//! Several nodes over one book: who runs which job, and that all of them collect at one address.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use synor_economics::id::Address;
use synor_store::ChangeSet;

use crate::credits::invalid_reply;
use crate::engine::Engine;
use crate::error::EngineError;

/// The command by which a book learns where its payments go.
const COLLECTS_AT: &str = "collects at";

/// A job and the node that runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLease {
    /// The job.
    pub job: String,
    /// The run of a node that holds its lease.
    pub holder: String,
    /// For how many milliseconds more, unless it renews it.
    pub left_ms: u64,
}

impl Engine {
    /// Makes sure that this node collects where the book does. The first node that serves a book
    /// settles the address for ever; one with another billing wallet would send customers to an
    /// address that nobody watches.
    pub async fn settle_address(&self) -> Result<(), EngineError> {
        let mut changes = ChangeSet::new(COLLECTS_AT, self.now());
        changes.reply = serde_json::to_value(self.pay_to()).map_err(invalid_reply)?;
        let committed = self.store.commit(changes).await?;
        let book: Address = serde_json::from_value(committed.reply).map_err(invalid_reply)?;
        if book == *self.pay_to() {
            return Ok(());
        }
        Err(EngineError::AnotherAddress {
            book,
            node: self.pay_to().clone(),
        })
    }

    /// The jobs that a node runs now.
    pub async fn job_leases(&self) -> Result<Vec<JobLease>, EngineError> {
        let leases = self.store.leases().await?.into_iter();
        let shown = leases.map(|lease| JobLease {
            job: lease.job,
            holder: lease.holder,
            left_ms: in_millis(lease.left),
        });
        Ok(shown.collect())
    }
}

fn in_millis(left: Duration) -> u64 {
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}
