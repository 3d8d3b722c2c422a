//! What runs by itself: following the chain, collecting by auto-pay, marking what is overdue, and
//! asking what a SYNOR is worth.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Engine;

const FOLLOW_EVERY: Duration = Duration::from_millis(200);
const AUTO_PAY_EVERY: Duration = Duration::from_secs(2);
const REFERRALS_EVERY: Duration = Duration::from_secs(5);
const SPOT_EVERY: Duration = Duration::from_secs(1);
const OVERDUE_EVERY: Duration = Duration::from_secs(60);

impl Engine {
    /// Runs the jobs until `stop` changes or its sender is gone. A job that fails is logged and tried again.
    pub async fn run_jobs(self: Arc<Self>, stop: watch::Receiver<bool>) {
        tokio::join!(
            Arc::clone(&self).run_oracle(stop.clone()),
            self.run_own_jobs(stop)
        );
    }

    /// Those that ask nobody outside of this system but the chain.
    async fn run_own_jobs(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut follow = interval(FOLLOW_EVERY);
        let mut auto_pay = interval(AUTO_PAY_EVERY);
        let mut overdue = interval(OVERDUE_EVERY);
        let mut referrals = interval(REFERRALS_EVERY);
        let mut spot = interval(SPOT_EVERY);
        for timer in [
            &mut follow,
            &mut auto_pay,
            &mut overdue,
            &mut referrals,
            &mut spot,
        ] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let (job, done) = tokio::select! {
                _ = stop.changed() => return,
                _ = follow.tick() => ("follow chain", self.follow_chain().await),
                _ = auto_pay.tick() => ("auto-pay", self.run_auto_pay().await),
                _ = referrals.tick() => ("referrals", self.reward_referrals().await),
                _ = spot.tick() => ("spot market", self.clear_spot_due().await),
                _ = overdue.tick() => ("overdue", self.mark_overdue().await),
            };
            if let Err(error) = done {
                tracing::error!(job, error = %chain_of(&error), "a job failed and will run again");
            }
        }
    }
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
