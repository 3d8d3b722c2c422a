//! What a report of usage is answered with: the totals, and each event that was not simply counted.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use synor_economics::metering::EventError;
use synor_engine::{EngineError, Ingested, Rejection};
use synor_usage::LogPosition;
use synor_usage::import::RefusedEvent;

use crate::problem::Problem;
use crate::state::AppState;

/// The most events that one answer tells of.
pub const RESULTS_MAX: usize = 1_000;
/// The most rejections that one problem lists.
const ERRORS_MAX: usize = 100;

/// What became of an event that was not simply counted. If there is too little room for all, the
/// later ones here come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Known, and not counted again.
    Duplicate,
    /// Known with other content, which stays.
    Conflicting,
    /// Not counted.
    Rejected,
}

/// One event that was not simply counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventResult {
    /// Its place in the body, from 0; blank lines are not counted.
    pub index: u64,
    /// Its line, from 1, if the body is lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What became of it.
    pub status: EventStatus,
    /// Its id, if that much could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it was rejected.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub error: Option<EventError>,
}

/// The answer to a report of usage.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    /// Events counted now.
    pub accepted: u64,
    /// Events known before, the conflicting ones among them.
    pub duplicate: u64,
    /// Those of the duplicates that say something else than what was counted.
    pub conflicting: u64,
    /// Events that do not hold.
    pub rejected: u64,
    /// A position up to which the usage log holds every accepted event.
    pub position: LogPosition,
    /// The events that were not simply counted, in order of index, at most [`RESULTS_MAX`].
    pub results: Vec<EventResult>,
    /// How many more such events there are.
    pub omitted: u64,
    /// Whether the accepted events are in a stream, and not counted yet.
    #[serde(skip)]
    is_queued: bool,
}

/// The answer where accepted events went into a stream. Which of them are known already, only the
/// worker will see.
#[derive(Debug, Serialize)]
struct Queued {
    /// Events that the stream holds for good.
    queued: u64,
    rejected: u64,
    results: Vec<EventResult>,
    omitted: u64,
}

impl Totals {
    /// Nothing yet, on this server.
    pub fn of(state: &AppState) -> Self {
        Self {
            is_queued: state.stream.producer.is_some(),
            ..Self::default()
        }
    }

    /// What the events that hold are now.
    pub const fn held_is(&self) -> &'static str {
        match self.is_queued {
            true => "in the stream",
            false => "counted",
        }
    }

    /// Adds what became of a part of the body: `first` is the place of its first event, `lines` the
    /// line of each, from 1.
    pub fn add(&mut self, part: Ingested, first: u64, lines: &[u64]) {
        let conflicting = part.duplicates.iter().filter(|k| k.is_conflicting).count();
        self.accepted = self.accepted.saturating_add(part.accepted);
        self.duplicate = self.duplicate.saturating_add(count(part.duplicates.len()));
        self.conflicting = self.conflicting.saturating_add(count(conflicting));
        self.rejected = self.rejected.saturating_add(count(part.rejected.len()));
        self.position = self.position.max(part.position);
        let known = part.duplicates.into_iter().map(|known| {
            let status = match known.is_conflicting {
                true => EventStatus::Conflicting,
                false => EventStatus::Duplicate,
            };
            (known.index, status, Some(known.id), None)
        });
        let rejected = part.rejected.into_iter().map(|rejection| {
            let RefusedEvent { id, error } = rejection.event;
            (rejection.index, EventStatus::Rejected, id, Some(error))
        });
        let results = known.chain(rejected);
        let results = results.map(|(index, status, id, error)| EventResult {
            index: first.saturating_add(count(index)),
            line: lines.get(index).copied(),
            status,
            id,
            error,
        });
        self.results.extend(results);
        self.keep_what_fits();
    }

    fn keep_what_fits(&mut self) {
        let excess = self.results.len().saturating_sub(RESULTS_MAX);
        if excess > 0 {
            self.results
                .sort_by(|a, b| b.status.cmp(&a.status).then(a.index.cmp(&b.index)));
            self.results.truncate(RESULTS_MAX);
            self.omitted = self.omitted.saturating_add(count(excess));
        }
        self.results.sort_by_key(|result| result.index);
    }

    /// Whether something was rejected, and nothing else was there.
    fn is_refusal(&self) -> bool {
        self.rejected > 0 && self.accepted == 0 && self.duplicate == 0
    }

    /// The answer: a problem if every event was rejected; nothing but its status, if the client
    /// asks for no more, and nothing was rejected.
    pub fn answer(self, is_minimal: bool) -> Response {
        if self.is_refusal() || (is_minimal && self.rejected > 0) {
            return self.into_problem().into_response();
        }
        match is_minimal {
            true => StatusCode::NO_CONTENT.into_response(),
            false if self.is_queued => (StatusCode::ACCEPTED, Json(self.queued())).into_response(),
            false => Json(self).into_response(),
        }
    }

    fn queued(self) -> Queued {
        Queued {
            queued: self.accepted,
            rejected: self.rejected,
            results: self.results,
            omitted: self.omitted,
        }
    }

    fn into_problem(self) -> Problem {
        let are = self.held_is();
        let rejected = self.results.into_iter();
        let rejected: Vec<_> = rejected
            .filter(|result| result.status == EventStatus::Rejected)
            .take(ERRORS_MAX)
            .collect();
        let mut detail = match rejected.first() {
            Some(EventResult {
                error: Some(error),
                index,
                ..
            }) => format!("event {index}: {error}"),
            _ => "no event was accepted".to_owned(),
        };
        if self.rejected > 1 {
            detail.push_str(&format!(" (and {} more)", self.rejected.saturating_sub(1)));
        }
        let held = self.accepted.saturating_add(self.duplicate);
        if held > 0 {
            detail.push_str(&format!("; the other {held} are {are}"));
        }
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, KIND, detail);
        problem.errors = rejected
            .iter()
            .filter_map(|result| serde_json::to_value(result).ok())
            .collect();
        problem
    }
}

const KIND: &str = "events-rejected";

/// The problem of a body that is refused whole because of some of its events.
pub fn refused_whole(rejected: Vec<Rejection>, lines: &[u64]) -> Problem {
    let errors = errors_of(&rejected, lines);
    let mut problem = Problem::from(EngineError::Rejected(rejected));
    problem.errors = errors;
    problem
}

/// What a problem says of each event that does not hold; `lines` has the line of each, if the body
/// is lines.
pub fn errors_of(rejected: &[Rejection], lines: &[u64]) -> Vec<serde_json::Value> {
    let results = rejected.iter().map(|rejection| EventResult {
        index: count(rejection.index),
        line: lines.get(rejection.index).copied(),
        status: EventStatus::Rejected,
        id: rejection.event.id.clone(),
        error: Some(rejection.event.error.clone()),
    });
    results
        .filter_map(|result| serde_json::to_value(result).ok())
        .collect()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
