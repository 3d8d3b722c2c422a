//! Rounds: ask every source, decide, and write down what came of it in one commit.

use std::time::Duration;

use synor_economics::oracle::{HistoryPoint, Outcome};
use synor_economics::period::Timestamp;
use synor_feeds::ask_all;
use synor_store::{ChangeSet, OracleHour, OracleState, Scope};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::OracleConfig;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::jobs::chain_of;

/// How often it is looked whether a round is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// Runs rounds until `stop` changes or its sender is gone; apart from the other jobs, since a
    /// source may take its time.
    pub(crate) async fn run_oracle(&self, mut stop: watch::Receiver<bool>) {
        if self.oracle.is_none() {
            return;
        }
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = stop.changed() => return,
                _ = look.tick() => self.oracle_round_due(),
            };
            let round = tokio::select! {
                _ = stop.changed() => return,
                round = done => round,
            };
            if let Err(error) = round {
                let error = chain_of(&error);
                tracing::error!(job = "oracle", %error, "a job failed and will run again");
            }
        }
    }

    /// A round, if the last one, by whichever node, is an interval ago.
    async fn oracle_round_due(&self) -> Result<(), EngineError> {
        let oracle = self.oracle()?;
        let state = self.oracle_state().await?;
        let last = state.last_round.map(|round| round.at);
        let is_due = |last: Timestamp| self.now().secs_since(last) >= oracle.interval_secs;
        if last.is_none_or(is_due) {
            self.oracle_round().await?;
        }
        Ok(())
    }

    /// Asks every source now and takes in what they say.
    pub async fn oracle_round(&self) -> Result<OracleState, EngineError> {
        let oracle = self.oracle()?;
        let now = self.now();
        let answers = ask_all(&oracle.feeds, now, oracle.timeout).await;
        let outcome = oracle.aggregator().aggregate(&answers, now);
        self.decide(&Scope::Oracle, || self.take_round(oracle, outcome.clone()))
            .await
    }

    async fn take_round(
        &self,
        oracle: &OracleConfig,
        outcome: Outcome,
    ) -> Result<OracleState, EngineError> {
        let version = self.store.version(&Scope::Oracle).await?;
        let mut state = self.oracle_state().await?;
        // Two nodes may have asked at the same time; one of them is enough.
        if state
            .last_round
            .as_ref()
            .is_some_and(|last| last.at >= outcome.at)
        {
            return Ok(state);
        }
        let from = outcome.at.plus_secs(-oracle.breaker.jump_window_secs);
        let recent = self.oracle_points(from, outcome.at).await?;
        let was_tripped = state.breaker.tripped.is_some();
        let is_good = state.breaker.take(&outcome, &recent, &oracle.breaker);
        let mut changes = ChangeSet::new(Self::fresh_command("oracle round"), outcome.at);
        if let (true, Some(price)) = (is_good, outcome.price) {
            let mut hour = self.oracle_hour(outcome.at).await?;
            hour.points.push(HistoryPoint {
                at: outcome.at,
                price,
                confidence: outcome.confidence,
                volume_24h: outcome.volume_24h,
                sources: outcome.used(),
            });
            changes.put(&hour)?;
        }
        state.last_round = Some(outcome);
        changes.expect(Scope::Oracle, version).put(&state)?;
        self.store.commit(changes).await?;
        match &state.breaker.tripped {
            Some(tripped) if !was_tripped => {
                tracing::warn!(why = %tripped.trip, "the price oracle tripped; its last good price holds for a while");
            }
            None if was_tripped => tracing::info!("the price oracle has a good price again"),
            _ => {}
        }
        Ok(state)
    }

    /// Lets the next round be good wherever its price is; asks at once.
    pub async fn reset_oracle(&self, reason: &str) -> Result<OracleState, EngineError> {
        self.oracle()?;
        super::rates::check_reason(reason)?;
        self.decide(&Scope::Oracle, || async {
            let version = self.store.version(&Scope::Oracle).await?;
            let mut state = self.oracle_state().await?;
            let now = self.now();
            state.breaker.reset(now);
            state.reset_reason = Some(reason.to_owned());
            let mut changes = ChangeSet::new(Self::fresh_command("oracle reset"), now);
            changes.expect(Scope::Oracle, version).put(&state)?;
            self.store.commit(changes).await?;
            tracing::info!(reason, "the price oracle's breaker was reset");
            Ok(state)
        })
        .await
    }

    /// What the oracle knows.
    pub(crate) async fn oracle_state(&self) -> Result<OracleState, EngineError> {
        let state: Option<OracleState> = self.store.get("oracle").await?;
        Ok(state.unwrap_or_default())
    }

    /// The hour that an instant is in, as far as it is written.
    async fn oracle_hour(&self, at: Timestamp) -> Result<OracleHour, EngineError> {
        let empty = OracleHour::containing(at);
        let written: Option<OracleHour> = self.store.get(&empty.id()).await?;
        // An hour of a hundred days ago makes room.
        let same = written.filter(|hour| hour.start == empty.start);
        Ok(same.unwrap_or(empty))
    }
}
