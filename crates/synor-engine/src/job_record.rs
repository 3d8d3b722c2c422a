//! What became of the jobs: when each ran last, and how often it failed. An operator's alarms read
//! it; no decision does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use synor_economics::period::Timestamp;

use crate::engine::Engine;

/// What became of one job since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobRuns {
    /// How often it ran.
    pub runs: u64,
    /// How often it failed.
    pub failures: u64,
    /// When it ended last, well or not.
    pub last_run: Option<Timestamp>,
    /// When it ended well last.
    pub last_success: Option<Timestamp>,
}

/// The record of all jobs, by their names.
#[derive(Debug, Default)]
pub(crate) struct JobRecord(Mutex<BTreeMap<&'static str, JobRuns>>);

impl JobRecord {
    fn note(&self, job: &'static str, at: Timestamp, is_well: bool) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = jobs.entry(job).or_default();
        runs.runs = runs.runs.saturating_add(1);
        runs.last_run = Some(at);
        if is_well {
            runs.last_success = Some(at);
        } else {
            runs.failures = runs.failures.saturating_add(1);
        }
    }
}

impl Engine {
    /// Notes that a job has ended.
    pub(crate) fn note_job(&self, job: &'static str, is_well: bool) {
        self.jobs.note(job, self.now(), is_well);
    }

    /// What became of each job that has run in this process, by name.
    pub fn job_runs(&self) -> BTreeMap<&'static str, JobRuns> {
        let jobs = self.jobs.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_the_last_success_as_it_was() {
        let record = JobRecord::default();
        record.note("closing", Timestamp::from_secs(10), true);
        record.note("closing", Timestamp::from_secs(20), false);
        let runs = record.0.lock().expect("the record")["closing"];
        let expected = JobRuns {
            runs: 2,
            failures: 1,
            last_run: Some(Timestamp::from_secs(20)),
            last_success: Some(Timestamp::from_secs(10)),
        };
        assert_eq!(runs, expected);
    }
}
