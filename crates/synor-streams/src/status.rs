//! What a worker tells of itself, for metrics and for health checks.

use serde::Serialize;

use crate::sink::RecordOutcome;
use crate::source::Lag;

/// What a worker is doing and has done since it started. Counters only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    /// What it is doing.
    pub state: WorkerState,
    /// Batches committed.
    pub batches: u64,
    /// Records committed.
    pub records: u64,
    /// Events counted.
    pub accepted: u64,
    /// Events that had been counted before.
    pub duplicates: u64,
    /// Those of the duplicates that said something else than what was counted.
    pub conflicting: u64,
    /// Records that were put among the dead letters, wholly or for a part of their events.
    pub dead_letters: u64,
    /// Failures of the broker.
    pub source_failures: u64,
    /// Failures of the sink.
    pub sink_failures: u64,
    /// What failed last, with its causes. Kept after recovery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// How far the group is behind, as last asked for.
    pub lag: Lag,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It reads, or waits for records.
    #[default]
    Running,
    /// The broker is away; it tries again.
    SourceAway,
    /// The sink is away; it tries again, with the batch that it holds.
    SinkAway,
    /// It has stopped.
    Stopped,
}

impl WorkerStatus {
    pub(crate) fn committed(&mut self, outcomes: &[RecordOutcome]) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        self.state = WorkerState::Running;
        add(&mut self.batches, 1);
        for outcome in outcomes {
            add(&mut self.records, 1);
            add(&mut self.accepted, outcome.accepted);
            add(&mut self.duplicates, outcome.duplicates);
            add(&mut self.conflicting, outcome.conflicting);
            add(&mut self.dead_letters, outcome.refused.is_some().into());
        }
    }
}
