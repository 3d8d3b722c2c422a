//! What an audit of a log finds wrong.

use crate::log::{LogCheck, LogPosition};

/// Problems, of which the first [`LogCheck::PROBLEMS_MAX`] are kept.
#[derive(Default)]
pub(crate) struct Findings {
    problems: Vec<String>,
    more: u64,
}

impl Findings {
    /// Notes a problem.
    pub(crate) fn add(&mut self, problem: String) {
        if self.problems.len() < LogCheck::PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Notes a problem of one record.
    pub(crate) fn at(&mut self, position: LogPosition, problem: &str) {
        self.add(format!("position {position}: {problem}"));
    }

    /// Notes the positions from `expected` up to, not including, `next` as missing.
    pub(crate) fn missing(&mut self, expected: LogPosition, next: LogPosition) {
        if expected < next {
            let last = next.saturating_sub(1);
            self.add(format!(
                "positions {expected} to {last}: the records are missing"
            ));
        }
    }

    /// The problems, and how many more there were.
    pub(crate) fn into_problems(mut self) -> Vec<String> {
        if self.more > 0 {
            self.problems.push(format!("and {} more", self.more));
        }
        self.problems
    }
}
