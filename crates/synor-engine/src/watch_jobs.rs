//! Jobs beside the ones that move money: budgets are watched, expired credit is posted, and
//! incidents are settled.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Engine;
use crate::jobs::{chain_of, on};
use crate::leases::Leases;

/// How long what happens to accounts is gathered before their budgets are looked at.
const TOUCHED_EVERY: Duration = Duration::from_secs(1);
const BUDGETS_EVERY: Duration = Duration::from_secs(60);
const EXPIRIES_EVERY: Duration = Duration::from_secs(10);
const INCIDENTS_EVERY: Duration = Duration::from_secs(5);

impl Engine {
    /// Runs these jobs until `stop` changes or its sender is gone. A job that fails is logged and
    /// tried again.
    pub(crate) async fn run_watch_jobs(&self, leases: &Leases, mut stop: watch::Receiver<bool>) {
        let mut touched = interval(TOUCHED_EVERY);
        let mut budgets = interval(BUDGETS_EVERY);
        let mut expiries = interval(EXPIRIES_EVERY);
        let mut incidents = interval(INCIDENTS_EVERY);
        for timer in [&mut touched, &mut budgets, &mut expiries, &mut incidents] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let (job, done) = tokio::select! {
                _ = stop.changed() => break,
                // Each node knows only what happened here.
                _ = touched.tick() => {
                    ("touched budgets", self.watch_touched_budgets().await.map(drop))
                }
                _ = budgets.tick() => on(leases, "budgets", self.watch_budgets()).await,
                _ = expiries.tick() => on(leases, "credit expiry", self.expire_credits()).await,
                _ = incidents.tick() => on(leases, "incidents", self.settle_incidents()).await,
            };
            self.note_job(job, done.is_ok());
            if let Err(error) = done {
                tracing::error!(job, error = %chain_of(&error), "a job failed and will run again");
            }
        }
    }
}
