//! The audit of the file: every event against its digest, the digests against the chain, the chain
//! against its head, and SQLite's own look at its pages and indexes.

use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::row::{Head, StoredEvent, position, withdrawal_digest};
use super::schema;
use crate::findings::Findings;
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
    let mut withdrawals = connection.prepare(
        "SELECT w.position, w.event, w.chain, e.account IS w.account AND e.time IS w.time \
         FROM withdrawals AS w LEFT JOIN events AS e ON e.position = w.event ORDER BY w.position",
    )?;
    let mut withdrawals = withdrawals.query([])?;
    let mut withdrawal = withdrawals.next()?.map(Withdrawal::read).transpose()?;
    let mut statement = connection.prepare(&format!(
        "{} ORDER BY e.position",
        StoredEvent::select("NOT INDEXED")
    ))?;
    let mut rows = statement.query([])?;
    let mut audit = Audit {
        head: Head::START,
        found,
    };
    while let Some(row) = rows.next()? {
        let position = StoredEvent::position(row)?;
        while let Some(earlier) = withdrawal.take_if(|w| w.position < position) {
            audit.withdrawal(&earlier);
            withdrawal = withdrawals.next()?.map(Withdrawal::read).transpose()?;
        }
        outcome.events = outcome.events.saturating_add(1);
        audit.event(position, row);
    }
    while let Some(last) = withdrawal {
        audit.withdrawal(&last);
        withdrawal = withdrawals.next()?.map(Withdrawal::read).transpose()?;
    }
    let head = Head::read(connection)?;
    audit.end(head);
    outcome.head = blake3::Hash::from_bytes(head.chain).to_hex().to_string();
    Ok(())
}

/// A withdrawal as it is stored.
struct Withdrawal {
    position: LogPosition,
    event: LogPosition,
    chain: [u8; 32],
    /// Whether account and time are those of its event.
    is_of_event: bool,
}

impl Withdrawal {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            position: position(row, 0)?,
            event: position(row, 1)?,
            chain: row.get(2)?,
            is_of_event: row.get(3)?,
        })
    }
}

/// Follows the chain from record to record.
struct Audit<'f> {
    head: Head,
    found: &'f mut Findings,
}

impl Audit<'_> {
    fn event(&mut self, position: LogPosition, row: &Row<'_>) {
        match StoredEvent::read(row) {
            Ok(stored) => {
                self.follow(position, &stored.digest, stored.chain);
                if stored.verified(position).is_err() {
                    self.found.at(position, "the event differs from its digest");
                }
            }
            Err(error) => {
                self.missing_before(position);
                self.found
                    .at(position, &format!("the event cannot be read: {error}"));
                self.head = Head {
                    position,
                    chain: row.get(8).unwrap_or_default(),
                };
            }
        }
    }

    fn withdrawal(&mut self, withdrawal: &Withdrawal) {
        let digest = withdrawal_digest(withdrawal.event);
        self.follow(withdrawal.position, &digest, withdrawal.chain);
        if !withdrawal.is_of_event {
            let problem = "the withdrawal differs from its event";
            self.found.at(withdrawal.position, problem);
        }
    }

    fn follow(&mut self, position: LogPosition, digest: &[u8; 32], chain: [u8; 32]) {
        self.missing_before(position);
        // Continue from what is stored: one altered record is one problem, not one for every record
        // after it.
        let before = Head {
            position: position.saturating_sub(1),
            chain: self.head.chain,
        };
        if before.followed_by(digest).chain != chain {
            let problem = "the chain does not follow from the record before";
            self.found.at(position, problem);
        }
        self.head = Head { position, chain };
    }

    fn missing_before(&mut self, position: LogPosition) {
        self.found
            .missing(self.head.position.saturating_add(1), position);
    }

    fn end(&mut self, head: Head) {
        self.missing_before(head.position.saturating_add(1));
        if head.position < self.head.position {
            self.found.at(
                self.head.position,
                &format!(
                    "the record lies behind the end of the log, {}",
                    head.position
                ),
            );
        } else if head.chain != self.head.chain {
            let problem = "the chain does not end in the head of the log";
            self.found.at(head.position, problem);
        }
    }
}
