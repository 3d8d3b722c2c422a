//! The audit of the file: every event against its digest, the digests against the chain, the chain
//! against its head, and SQLite's own look at its pages and indexes.

use rusqlite::Connection;

use super::fault::Fault;
use super::row::{Head, StoredEvent};
use super::schema;
use crate::log::{LogCheck, LogPosition};

/// [`UsageLog::check`](crate::UsageLog::check). What cannot be read is a problem found, not a
/// reason to stop.
pub(super) fn check(connection: &Connection, log: &str) -> LogCheck {
    let mut found = Findings::default();
    let mut outcome = LogCheck {
        events: 0,
        head: String::new(),
        problems: Vec::new(),
    };
    let steps: [(&str, Step); 3] = [
        ("the structure", check_structure),
        ("the definitions", check_definitions),
        ("the events", check_events),
    ];
    for (what, step) in steps {
        if let Err(fault) = step(connection, &mut found, &mut outcome) {
            let error = fault.named(log, "being checked");
            let source = std::error::Error::source(&error).map(ToString::to_string);
            found.add(format!(
                "{what} cannot be read: {error}: {}",
                source.unwrap_or_default()
            ));
        }
    }
    outcome.problems = found.into_problems();
    outcome
}

type Step = fn(&Connection, &mut Findings, &mut LogCheck) -> Result<(), Fault>;

fn check_structure(
    connection: &Connection,
    found: &mut Findings,
    _: &mut LogCheck,
) -> Result<(), Fault> {
    let mut statement = connection.prepare("PRAGMA integrity_check(1000)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            found.add(format!("the file: {line}"));
        }
    }
    Ok(())
}

fn check_definitions(
    connection: &Connection,
    found: &mut Findings,
    _: &mut LogCheck,
) -> Result<(), Fault> {
    for difference in schema::differences(connection)? {
        found.add(difference);
    }
    Ok(())
}

fn check_events(
    connection: &Connection,
    found: &mut Findings,
    outcome: &mut LogCheck,
) -> Result<(), Fault> {
    let mut statement = connection.prepare(&format!(
        "{} ORDER BY e.position",
        StoredEvent::select("NOT INDEXED")
    ))?;
    let mut rows = statement.query([])?;
    let mut expected = Head::START;
    while let Some(row) = rows.next()? {
        let position = StoredEvent::position(row)?;
        outcome.events = outcome.events.saturating_add(1);
        found.missing(expected.position.saturating_add(1), position);
        match StoredEvent::read(row) {
            Ok(stored) => {
                // Continue from what is stored: one altered event is one problem, not one for
                // every event after it.
                let before = Head {
                    position: position.saturating_sub(1),
                    chain: expected.chain,
                };
                if before.followed_by(&stored.digest).chain != stored.chain {
                    found.at(position, "the chain does not follow from the event before");
                }
                expected = Head {
                    position,
                    chain: stored.chain,
                };
                if stored.verified(position).is_err() {
                    found.at(position, "the event differs from its digest");
                }
            }
            Err(error) => {
                found.at(position, &format!("the event cannot be read: {error}"));
                expected = Head {
                    position,
                    chain: row.get(8).unwrap_or_default(),
                };
            }
        }
    }
    let head = Head::read(connection)?;
    found.missing(
        expected.position.saturating_add(1),
        head.position.saturating_add(1),
    );
    if head.position < expected.position {
        found.at(
            expected.position,
            &format!(
                "the event lies behind the end of the log, {}",
                head.position
            ),
        );
    } else if head.chain != expected.chain {
        found.at(
            head.position,
            "the chain does not end in the head of the log",
        );
    }
    outcome.head = blake3::Hash::from_bytes(head.chain).to_hex().to_string();
    Ok(())
}

/// Problems, of which the first [`LogCheck::PROBLEMS_MAX`] are kept.
#[derive(Default)]
struct Findings {
    problems: Vec<String>,
    more: u64,
}

impl Findings {
    fn add(&mut self, problem: String) {
        if self.problems.len() < LogCheck::PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn at(&mut self, position: LogPosition, problem: &str) {
        self.add(format!("position {position}: {problem}"));
    }

    /// Notes the positions from `expected` up to, not including, `next` as missing.
    fn missing(&mut self, expected: LogPosition, next: LogPosition) {
        if expected < next {
            let last = next.saturating_sub(1);
            self.add(format!(
                "positions {expected} to {last}: the events are missing"
            ));
        }
    }

    fn into_problems(mut self) -> Vec<String> {
        if self.more > 0 {
            self.problems.push(format!("and {} more", self.more));
        }
        self.problems
    }
}
