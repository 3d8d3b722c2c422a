//! A sink that is nothing but a usage log and a place for dead letters.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use synor_economics::metering::{EventId, UsageEvent};
use synor_economics::period::Timestamp;
use synor_usage::import::{EventReader, ReadEvent};
use synor_usage::{Appended, Batch, StreamPosition, UsageLog, UsageLogError};

use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::record::Record;
use crate::sink::{RecordOutcome, Sink, SinkError};

/// The most events of one record whose reasons a dead letter tells.
const REASONS_MAX: usize = 20;

/// Counts the events of records in a usage log. It knows no accounts: an event of any account
/// counts, if its fields hold.
///
/// The events of a record are taken one by one: those that hold count, and the record is kept as a
/// dead letter for the others. Sent again, mended, under the same ids, the former do not count
/// twice.
pub struct UsageLogSink {
    log: Arc<dyn UsageLog>,
    dead_letters: Arc<dyn DeadLetters>,
    now: fn() -> Timestamp,
}

impl UsageLogSink {
    /// `now` tells the present, against which times in the future are refused.
    pub fn new(
        log: Arc<dyn UsageLog>,
        dead_letters: Arc<dyn DeadLetters>,
        now: fn() -> Timestamp,
    ) -> Self {
        Self {
            log,
            dead_letters,
            now,
        }
    }

    async fn store_letters(
        &self,
        records: &[Record],
        read: &Events,
        now: Timestamp,
    ) -> Result<(), SinkError> {
        let letters = records
            .iter()
            .zip(&read.outcomes)
            .filter_map(|(record, outcome)| {
                let reason = outcome.refused.clone()?;
                let record = record.clone();
                Some(DeadLetter {
                    record,
                    reason,
                    stored: now,
                })
            });
        let letters: Vec<_> = letters.collect();
        if letters.is_empty() {
            return Ok(());
        }
        let stored = self.dead_letters.store(letters).await;
        stored.map_err(|error| SinkError::new("storing dead letters", error))
    }
}

#[async_trait]
impl Sink for UsageLogSink {
    async fn accept(
        &self,
        records: &[Record],
        read: &[StreamPosition],
    ) -> Result<Vec<RecordOutcome>, SinkError> {
        let now = (self.now)();
        // What the log itself refuses, though validation let it through. Each turn adds one or ends.
        let mut unsound: HashMap<EventId, &'static str> = HashMap::new();
        loop {
            let found = Events::of(records, now, &unsound);
            // Before the position moves on: a letter may be stored twice, but none is passed over.
            self.store_letters(records, &found, now).await?;
            let batch = Batch {
                read: read.to_vec(),
                ..Batch::of(found.events)
            };
            match self.log.commit(batch).await {
                Ok(appended) => return Ok(tally(found.outcomes, &found.record_of, &appended)),
                Err(UsageLogError::Refused { event, reason })
                    if unsound.insert((*event).clone(), reason).is_none() => {}
                Err(error) => return Err(SinkError::new("counting events", error)),
            }
        }
    }

    async fn positions(&self, stream: &str) -> Result<Vec<StreamPosition>, SinkError> {
        let positions = self.log.stream_positions(stream).await;
        positions.map_err(|error| SinkError::new("reading the positions of a stream", error))
    }
}

/// The events that hold, and what is wrong with the others.
struct Events {
    events: Vec<UsageEvent>,
    /// The record of each event.
    record_of: Vec<usize>,
    /// One a record, with the reasons of what was refused.
    outcomes: Vec<RecordOutcome>,
}

impl Events {
    fn of(records: &[Record], now: Timestamp, unsound: &HashMap<EventId, &'static str>) -> Self {
        let mut found = Self {
            events: Vec::with_capacity(records.len()),
            record_of: Vec::with_capacity(records.len()),
            outcomes: Vec::with_capacity(records.len()),
        };
        for (index, record) in records.iter().enumerate() {
            let mut refused = Vec::new();
            for event in events_of(&record.bytes, now, unsound) {
                match event {
                    Ok(event) => {
                        found.events.push(event);
                        found.record_of.push(index);
                    }
                    Err(reason) => refused.push(reason),
                }
            }
            found.outcomes.push(RecordOutcome {
                refused: reasons(refused),
                ..RecordOutcome::default()
            });
        }
        found
    }
}

/// The events of one record, each as it is or with what is wrong with it; one error alone if it is
/// no JSON.
fn events_of(
    bytes: &[u8],
    now: Timestamp,
    unsound: &HashMap<EventId, &'static str>,
) -> Vec<Result<UsageEvent, String>> {
    let body = match EventReader::new(now).cloudevents(bytes) {
        Ok(body) => body,
        Err(error) => return vec![Err(error.to_string())],
    };
    let event = |(index, event): (usize, ReadEvent)| {
        let event = match event {
            Ok(event) => match unsound.get(&event.identity) {
                None => Ok(event),
                Some(reason) => Err((*reason).to_owned()),
            },
            Err(refused) => Err(refused.to_string()),
        };
        event.map_err(|reason| match body.is_batch {
            true => format!("event {index}: {reason}"),
            false => reason,
        })
    };
    body.events.into_iter().enumerate().map(event).collect()
}

fn reasons(mut refused: Vec<String>) -> Option<String> {
    if refused.is_empty() {
        return None;
    }
    let more = refused.len().saturating_sub(REASONS_MAX);
    refused.truncate(REASONS_MAX);
    if more > 0 {
        refused.push(format!("and {more} more"));
    }
    Some(refused.join("; "))
}

/// Adds what the log did with each event to the outcome of its record.
fn tally(
    mut outcomes: Vec<RecordOutcome>,
    record_of: &[usize],
    appended: &Appended,
) -> Vec<RecordOutcome> {
    let mut duplicates = appended.duplicates.iter().peekable();
    for (index, record) in record_of.iter().enumerate() {
        let Some(outcome) = outcomes.get_mut(*record) else {
            continue;
        };
        match duplicates.next_if(|duplicate| duplicate.index == index) {
            None => outcome.accepted = outcome.accepted.saturating_add(1),
            Some(duplicate) => {
                outcome.duplicates = outcome.duplicates.saturating_add(1);
                outcome.conflicting = outcome
                    .conflicting
                    .saturating_add(duplicate.is_conflicting.into());
            }
        }
    }
    outcomes
}
