//! Which node runs a job: the one that holds its lease in the book.
//!
//! A node takes a lease when it first wants to run a job, renews it while it runs the job and long
//! before it ends, and gives it up when it stops. If the node dies, another one takes the lease over
//! once it has ended. Its end is judged by the book's clock; a node judges its own hold from before
//! it asked, so that it gives up early rather than late.
//!
//! A lease keeps nodes from doing the same work twice, nothing more. That nothing is *booked* twice
//! is what the versions in the book are for: a node that was held up beyond its lease and goes on
//! conflicts with what the next one has decided.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use synor_store::Store;
use tokio::time::sleep;
use uuid::Uuid;

use crate::error::EngineError;

/// The leases of one node.
pub(crate) struct Leases {
    store: Arc<dyn Store>,
    holder: String,
    time: Duration,
    jobs: Mutex<HashMap<&'static str, Standing>>,
}

/// How a node stands to a job.
#[derive(Debug, Clone, Copy)]
enum Standing {
    /// It holds the lease for sure until then.
    Held { until: Instant },
    /// Another held it; there is no use in asking before then.
    Elsewhere { until: Instant },
}

impl Leases {
    /// The leases of a node that starts now, each for so long.
    pub(crate) fn new(store: Arc<dyn Store>, time: Duration) -> Self {
        Self {
            store,
            holder: holder_name(),
            time,
            jobs: Mutex::default(),
        }
    }

    /// Runs a job if this node holds its lease or can have it, renewing it meanwhile; `None` if
    /// another node has it, or took it over before the job was done.
    pub(crate) async fn run<T>(
        &self,
        job: &'static str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<Option<T>, EngineError> {
        if !self.is_mine(job).await? {
            return Ok(None);
        }
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done.map(Some),
                () = sleep(self.time / 3) => {
                    if !self.take(job).await? {
                        tracing::warn!(job, "another node has taken the job over");
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether this node holds the lease for at least half of its time to come, after asking for it
    /// if need be.
    async fn is_mine(&self, job: &'static str) -> Result<bool, EngineError> {
        let standing = self.standing().get(job).copied();
        let now = Instant::now();
        match standing {
            Some(Standing::Held { until }) if now + self.time / 2 < until => Ok(true),
            Some(Standing::Elsewhere { until }) if now < until => Ok(false),
            _ => self.take(job).await,
        }
    }

    async fn take(&self, job: &'static str) -> Result<bool, EngineError> {
        let asked = Instant::now();
        let taken = self.store.lease(job, &self.holder, self.time).await?;
        let was_held = if taken {
            let until = asked + self.time;
            self.standing().insert(job, Standing::Held { until })
        } else {
            let until = asked + self.time / 4;
            self.standing().insert(job, Standing::Elsewhere { until })
        };
        if taken && !matches!(was_held, Some(Standing::Held { .. })) {
            tracing::info!(job, holder = self.holder, "this node runs the job now");
        }
        Ok(taken)
    }

    /// Gives up what this node holds, so that another need not wait.
    pub(crate) async fn release(&self) {
        let held: Vec<_> = self.standing().drain().collect();
        for (job, standing) in held {
            if let Standing::Held { .. } = standing
                && let Err(error) = self.store.release(job, &self.holder).await
            {
                tracing::warn!(job, %error, "a lease was not given up; it ends by itself");
            }
        }
    }

    fn standing(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Standing>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name that no other run of any node has.
fn holder_name() -> String {
    format!("{}/{}", std::process::id(), Uuid::now_v7().simple())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use synor_store::MemoryStore;

    use super::*;

    const TIME: Duration = Duration::from_millis(120);

    fn two() -> (Leases, Leases) {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let other = Leases::new(Arc::clone(&store), TIME);
        (Leases::new(store, TIME), other)
    }

    async fn ran(leases: &Leases) -> bool {
        let done = leases.run("job", async { Ok(()) }).await;
        done.unwrap().is_some()
    }

    #[tokio::test]
    async fn a_dead_nodes_job_is_taken_over_after_its_lease() {
        let (one, two) = two();
        assert!(ran(&one).await);
        assert!(!ran(&two).await);
        // One is dead from here on.
        let died = Instant::now();
        while !ran(&two).await {
            assert!(died.elapsed() < TIME * 4, "nobody takes the job over");
            sleep(TIME / 10).await;
        }
        assert!(died.elapsed() > TIME / 2, "{:?}", died.elapsed());
    }

    #[tokio::test]
    async fn a_node_that_stops_hands_its_jobs_on() {
        let (one, two) = two();
        assert!(ran(&one).await);
        assert!(!ran(&two).await);
        one.release().await;
        sleep(TIME / 3).await;
        assert!(ran(&two).await);
        assert!(!ran(&one).await);
    }

    #[tokio::test]
    async fn a_long_job_keeps_its_lease() {
        let (one, two) = two();
        let others = AtomicU64::new(0);
        let long = one.run("job", async {
            sleep(TIME * 4).await;
            Ok(others.load(Ordering::SeqCst))
        });
        let trying = async {
            loop {
                sleep(TIME / 10).await;
                others.fetch_add(u64::from(ran(&two).await), Ordering::SeqCst);
            }
        };
        let done = tokio::select! { done = long => done, () = trying => Ok(None) };
        assert_eq!(done.unwrap(), Some(0));
    }

    #[tokio::test]
    async fn a_job_ends_where_its_lease_was_lost() {
        let (one, two) = two();
        let lost = one.run("job", async {
            // Held up for longer than the lease, without a chance to renew it.
            std::thread::sleep(TIME * 2);
            assert!(ran(&two).await);
            sleep(TIME * 2).await;
            Ok(())
        });
        assert!(lost.await.unwrap().is_none());
    }
}
