//! The events of records: each as it was read, and what became of it, told by record.

use synor_economics::metering::{EventError, UsageEvent};
use synor_usage::UsageLogError;
use synor_usage::import::{EventReader, ReadEvent, RefusedEvent};

use crate::record::Record;
use crate::sink::RecordOutcome;

/// The most events of one record whose reasons a dead letter tells.
const REASONS_MAX: usize = 20;

/// The events of several records, in order.
#[derive(Debug)]
pub struct RecordEvents {
    events: Vec<ReadEvent>,
    /// Where each event comes from.
    places: Vec<EventPlace>,
    /// For each record, why it is no JSON, if so.
    not_json: Vec<Option<String>>,
}

#[derive(Debug)]
struct EventPlace {
    record: usize,
    /// Its place in the record's array, if it is one.
    in_array: Option<usize>,
}

/// What became of an event.
enum Fate {
    Accepted,
    Known { is_conflicting: bool },
    Refused(String),
}

impl RecordEvents {
    /// Reads the events of the records.
    pub fn read(records: &[Record], reader: &EventReader<'_>) -> Self {
        let mut found = Self {
            events: Vec::with_capacity(records.len()),
            places: Vec::with_capacity(records.len()),
            not_json: Vec::with_capacity(records.len()),
        };
        for (record, bytes) in records.iter().map(|record| &record.bytes).enumerate() {
            let body = match reader.cloudevents(bytes) {
                Ok(body) => body,
                Err(error) => {
                    found.not_json.push(Some(error.to_string()));
                    continue;
                }
            };
            found.not_json.push(None);
            for (index, event) in body.events.into_iter().enumerate() {
                let in_array = body.is_batch.then_some(index);
                found.places.push(EventPlace { record, in_array });
                found.events.push(event);
            }
        }
        found
    }

    /// The events of all records that are JSON, those that do not hold among them.
    pub fn events(&self) -> &[ReadEvent] {
        &self.events
    }

    /// Whether every record is JSON and every event holds.
    pub fn all_hold(&self) -> bool {
        self.not_json.iter().all(Option::is_none) && self.events.iter().all(Result::is_ok)
    }

    /// Takes out the event that the usage log refuses, if that is what the error says: the others
    /// can be tried again without it. False if it is another error, or names no event that holds.
    pub fn take_out(&mut self, error: &UsageLogError) -> bool {
        let (id, why) = match error {
            UsageLogError::Refused { event, reason } => {
                (event, EventError::new("id", event.id.as_str(), reason))
            }
            UsageLogError::TooOld {
                event,
                time,
                earliest,
            } => {
                let reason = format!("the usage log takes only what happened from {earliest} on");
                (event, EventError::new("time", time.to_string(), reason))
            }
            _ => return false,
        };
        let is_it = |event: &&mut ReadEvent| event.as_ref().is_ok_and(|e| e.identity == **id);
        let mut is_any = false;
        for event in self.events.iter_mut().filter(is_it) {
            *event = Err(RefusedEvent {
                id: Some(id.id.clone()),
                error: why.clone(),
            });
            is_any = true;
        }
        is_any
    }

    /// What became of each record: `known` are the places of events that were known, with whether
    /// they conflict, `rejected` those of events that were refused, with the reason. All other
    /// events that hold were accepted.
    pub fn outcomes(
        &self,
        known: impl IntoIterator<Item = (usize, bool)>,
        rejected: impl IntoIterator<Item = (usize, String)>,
    ) -> Vec<RecordOutcome> {
        let fate = |event: &ReadEvent| match event {
            Ok(_) => Fate::Accepted,
            Err(refused) => Fate::Refused(refused.to_string()),
        };
        let mut fates: Vec<_> = self.events.iter().map(fate).collect();
        let known = known.into_iter();
        let known = known.map(|(place, is_conflicting)| (place, Fate::Known { is_conflicting }));
        let rejected = rejected.into_iter();
        let rejected = rejected.map(|(place, reason)| (place, Fate::Refused(reason)));
        for (place, fate) in known.chain(rejected) {
            if let Some(of_event) = fates.get_mut(place) {
                *of_event = fate;
            }
        }
        self.by_record(fates)
    }

    fn by_record(&self, fates: Vec<Fate>) -> Vec<RecordOutcome> {
        let mut outcomes = vec![RecordOutcome::default(); self.not_json.len()];
        let mut refused: Vec<Vec<String>> = Vec::with_capacity(outcomes.len());
        refused.extend(
            self.not_json
                .iter()
                .map(|why| why.iter().cloned().collect()),
        );
        for (place, fate) in self.places.iter().zip(fates) {
            let (Some(outcome), Some(refused)) = (
                outcomes.get_mut(place.record),
                refused.get_mut(place.record),
            ) else {
                continue;
            };
            match fate {
                Fate::Accepted => outcome.accepted = outcome.accepted.saturating_add(1),
                Fate::Known { is_conflicting } => {
                    outcome.duplicates = outcome.duplicates.saturating_add(1);
                    let more = u64::from(is_conflicting);
                    outcome.conflicting = outcome.conflicting.saturating_add(more);
                }
                Fate::Refused(reason) => refused.push(match place.in_array {
                    Some(index) => format!("event {index}: {reason}"),
                    None => reason,
                }),
            }
        }
        for (outcome, refused) in outcomes.iter_mut().zip(refused) {
            outcome.refused = reasons(refused);
        }
        outcomes
    }

    /// The events that hold, with the place of each.
    pub fn that_hold(&self) -> (Vec<UsageEvent>, Vec<usize>) {
        let events = self.events.iter().enumerate();
        let hold = events.filter_map(|(place, event)| Some((event.as_ref().ok()?.clone(), place)));
        hold.unzip()
    }
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
