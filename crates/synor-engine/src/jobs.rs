//! What runs by itself: following the chain, sending refunds, collecting by auto-pay, closing months,
//! dunning, asking what a SYNOR is worth. Of several nodes over one book, each job runs on the one that holds its lease.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::leases::Leases;

const NOTIFY_EVERY: Duration = Duration::from_millis(500);
const FOLLOW_EVERY: Duration = Duration::from_millis(200);
const AUTO_PAY_EVERY: Duration = Duration::from_secs(2);
const TOP_UP_EVERY: Duration = Duration::from_secs(2);
const REFERRALS_EVERY: Duration = Duration::from_secs(5);
const SPOT_EVERY: Duration = Duration::from_secs(1);
const HOLDS_EVERY: Duration = Duration::from_secs(1);
const DUNNING_EVERY: Duration = Duration::from_secs(60);
const CLOSE_EVERY: Duration = Duration::from_secs(60);
const REFUNDS_EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// Runs the jobs until `stop` changes or its sender is gone. A job that fails is logged and tried again.
    pub async fn run_jobs(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let leases = Leases::new(Arc::clone(&self.store), self.job_lease);
        tokio::join!(
            self.run_money_jobs(&leases, stop.clone()),
            self.run_watch_jobs(&leases, stop.clone()),
            self.run_oracle(stop.clone()),
            self.run_notifications(&leases, stop),
        );
        leases.release().await;
    }

    /// Sends what is in the outbox, apart from the rest: a receiver that is slow holds no money up.
    async fn run_notifications(&self, leases: &Leases, mut stop: watch::Receiver<bool>) {
        let mut timer = interval(NOTIFY_EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (job, done) = tokio::select! {
                _ = stop.changed() => return,
                // A receiver that takes its time does not hold the end up: what was under way is
                // sent again.
                done = async {
                    timer.tick().await;
                    on(leases, "notifications", self.send_notifications()).await
                } => done,
            };
            self.note_job(job, done.is_ok());
            if let Err(error) = done {
                tracing::error!(job, error = %chain_of(&error), "a job failed and will run again");
            }
        }
    }

    async fn run_money_jobs(&self, leases: &Leases, mut stop: watch::Receiver<bool>) {
        let mut follow = interval(FOLLOW_EVERY);
        let mut auto_pay = interval(AUTO_PAY_EVERY);
        let mut top_up = interval(TOP_UP_EVERY);
        let mut dunning = interval(DUNNING_EVERY);
        let mut close = interval(CLOSE_EVERY);
        let mut refunds = interval(REFUNDS_EVERY);
        let mut referrals = interval(REFERRALS_EVERY);
        let mut spot = interval(SPOT_EVERY);
        let mut holds = interval(HOLDS_EVERY);
        for timer in [
            &mut follow,
            &mut auto_pay,
            &mut top_up,
            &mut dunning,
            &mut close,
            &mut refunds,
            &mut referrals,
            &mut spot,
            &mut holds,
        ] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let (job, done) = tokio::select! {
                _ = stop.changed() => break,
                _ = follow.tick() => on(leases, "follow chain", self.follow_chain()).await,
                _ = auto_pay.tick() => on(leases, "auto-pay", self.run_auto_pay()).await,
                _ = top_up.tick() => on(leases, "top-up", self.run_top_ups()).await,
                // A deduction may have brought a balance under its threshold.
                () = self.budgets.woken() => on(leases, "top-up", self.run_top_ups()).await,
                _ = referrals.tick() => on(leases, "referrals", self.reward_referrals()).await,
                _ = spot.tick() => on(leases, "spot market", self.clear_spot_due()).await,
                _ = holds.tick() => on(leases, "holds", self.expire_holds()).await,
                _ = refunds.tick() => on(leases, "refunds", self.send_refunds()).await,
                _ = close.tick(), if self.auto_close =>
                    on(leases, "closing", self.close_due()).await,
                _ = dunning.tick() => on(leases, "dunning", self.dun()).await,
            };
            self.note_job(job, done.is_ok());
            if let Err(error) = done {
                tracing::error!(job, error = %chain_of(&error), "a job failed and will run again");
            }
        }
    }
}

/// Runs a job if it is this node's.
pub(crate) async fn on<T>(
    leases: &Leases,
    job: &'static str,
    work: impl Future<Output = Result<T, EngineError>>,
) -> (&'static str, Result<(), EngineError>) {
    (job, leases.run(job, work).await.map(drop))
}

/// An error with its sources, on one line.
pub(crate) fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
