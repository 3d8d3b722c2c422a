//! The shortest usage log that keeps the promises: lists in memory, read from the start for every
//! answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use synor_economics::id::AccountId;
use synor_economics::metering::level::{Sample, integrate};
use synor_economics::metering::summary::Tally;
use synor_economics::metering::{EventId, UsageEvent, UsageKey, UsageSummary};
use synor_economics::money::MoneyError;
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;

use crate::error::UsageLogError;
use crate::log::{
    Appended, Batch, Duplicate, EventQuery, LogCheck, LogPosition, LoggedEvent, Page,
    StreamPosition, UsageLog, refuse_unsound,
};
use crate::series::{LineTally, Series, SeriesQuery, steps};

/// A usage log in memory, for comparing others with.
#[derive(Debug, Default)]
pub struct ReferenceLog(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    head: LogPosition,
    /// The events of each account in order of position.
    events: BTreeMap<AccountId, Vec<LoggedEvent>>,
    /// Where an event lies in its account's list.
    places: HashMap<EventId, usize>,
    streams: BTreeMap<(String, u32), u64>,
}

impl Held {
    fn next(&mut self) -> LogPosition {
        self.head = self.head.saturating_add(1);
        self.head
    }

    fn event(&mut self, id: &EventId) -> Option<&mut LoggedEvent> {
        let place = *self.places.get(id)?;
        self.events.get_mut(&id.account)?.get_mut(place)
    }

    fn push(&mut self, event: UsageEvent) {
        let position = self.next();
        let events = self
            .events
            .entry(event.identity.account.clone())
            .or_default();
        self.places.insert(event.identity.clone(), events.len());
        events.push(LoggedEvent {
            position,
            withdrawn: None,
            event,
        });
    }
}

impl ReferenceLog {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account's events and the end of the log, of one moment.
    fn of(&self, account: &AccountId) -> (Vec<LoggedEvent>, LogPosition) {
        let held = self.held();
        let events = held.events.get(account).cloned().unwrap_or_default();
        (events, held.head)
    }
}

/// Whether an event counts for someone who has read up to `through`.
fn counts(logged: &LoggedEvent, through: LogPosition) -> bool {
    logged.position <= through && logged.withdrawn.is_none_or(|at| at > through)
}

/// What events of one account come to in a period, kept apart by a key.
fn used<K: Ord>(
    events: &[LoggedEvent],
    period: Period,
    key: impl Fn(&UsageEvent) -> K,
) -> Result<BTreeMap<K, Quantity>, MoneyError> {
    let mut used: BTreeMap<K, Quantity> = BTreeMap::new();
    let mut levels: BTreeMap<_, Vec<&UsageEvent>> = BTreeMap::new();
    let mut add = |key: K, quantity| -> Result<(), MoneyError> {
        let sum = used.entry(key).or_default();
        *sum = sum.checked_add(quantity)?;
        Ok(())
    };
    for LoggedEvent { event, .. } in events {
        if event.is_sample {
            let level = (event.resource, &event.provider, &event.dimensions);
            levels.entry(level).or_default().push(event);
        } else if period.contains(event.time) {
            add(key(event), event.quantity)?;
        }
    }
    for mut level in levels.into_values() {
        level.sort_by_key(|event| (event.time, &event.identity.source, &event.identity.id));
        let samples = level.iter().map(|event| Sample {
            at: event.time,
            level: event.quantity,
        });
        let held = integrate(&samples.collect::<Vec<_>>(), period)?;
        if let Some(event) = level.first() {
            add(key(event), held)?;
        }
    }
    Ok(used)
}

#[async_trait]
impl UsageLog for ReferenceLog {
    async fn commit(&self, batch: Batch) -> Result<Appended, UsageLogError> {
        batch.events.iter().try_for_each(refuse_unsound)?;
        let mut held = self.held();
        if let Some(id) = batch
            .withdrawals
            .iter()
            .find(|id| !held.places.contains_key(id))
        {
            let event = Box::new(id.clone());
            return Err(UsageLogError::UnknownEvent { event });
        }
        let mut appended = Appended::default();
        for id in &batch.withdrawals {
            let next = held.head.saturating_add(1);
            if let Some(logged) = held.event(id)
                && logged.withdrawn.is_none()
            {
                logged.withdrawn = Some(next);
                held.next();
                appended.withdrawn = appended.withdrawn.saturating_add(1);
            }
        }
        for (index, event) in batch.events.into_iter().enumerate() {
            match held.event(&event.identity) {
                Some(logged) => appended.duplicates.push(Duplicate {
                    index,
                    is_conflicting: logged.event != event,
                }),
                None => {
                    held.push(event);
                    appended.accepted = appended.accepted.saturating_add(1);
                }
            }
        }
        for read in batch.read {
            let position = held
                .streams
                .entry((read.stream, read.partition))
                .or_default();
            *position = read.next_offset.max(*position);
        }
        appended.position = held.head;
        Ok(appended)
    }

    async fn stream_positions(&self, stream: &str) -> Result<Vec<StreamPosition>, UsageLogError> {
        let held = self.held();
        let of_stream = held.streams.iter().filter(|((name, _), _)| name == stream);
        let positions = of_stream.map(|((stream, partition), next_offset)| StreamPosition {
            stream: stream.clone(),
            partition: *partition,
            next_offset: *next_offset,
        });
        Ok(positions.collect())
    }

    async fn summary(
        &self,
        account: &AccountId,
        period: Period,
        through: Option<LogPosition>,
    ) -> Result<UsageSummary, UsageLogError> {
        let (mut events, head) = self.of(account);
        let log_position = through.unwrap_or(head).min(head);
        events.retain(|logged| counts(logged, log_position));
        let overflow = |source| UsageLogError::Sum {
            account: account.clone(),
            source,
        };
        let key = |e: &UsageEvent| UsageKey::new(e.resource, &e.dimensions, e.provider.clone());
        let mut tally = Tally::default();
        for (key, quantity) in used(&events, period, key).map_err(overflow)? {
            tally.add(key, quantity).map_err(overflow)?;
        }
        Ok(UsageSummary {
            account: account.clone(),
            period,
            rows: tally.into_rows(),
            log_position,
        })
    }

    async fn changed_since(
        &self,
        account: &AccountId,
        position: LogPosition,
        before: Timestamp,
    ) -> Result<bool, UsageLogError> {
        let (events, _) = self.of(account);
        let late = |logged: &LoggedEvent| {
            let changed =
                logged.position > position || logged.withdrawn.is_some_and(|at| at > position);
            changed && logged.event.time < before
        };
        Ok(events.iter().any(late))
    }

    async fn series(&self, query: SeriesQuery) -> Result<Series, UsageLogError> {
        let (mut events, head) = self.of(&query.account);
        events.retain(|logged| {
            counts(logged, head) && query.resource.is_none_or(|r| r == logged.event.resource)
        });
        let overflow = |source| UsageLogError::Sum {
            account: query.account.clone(),
            source,
        };
        let group = |e: &UsageEvent| {
            let split = query.split.as_ref();
            let group = split.and_then(|s| s.group(e.provider.as_ref(), &e.dimensions));
            (e.resource, group)
        };
        let steps = steps(query.period, query.step, &query.zone)?;
        let mut lines = LineTally::new(steps.clone());
        for (index, &step) in steps.iter().enumerate() {
            for ((resource, group), quantity) in used(&events, step, group).map_err(overflow)? {
                let mut quantities = vec![Quantity::ZERO; steps.len()];
                quantities[index] = quantity;
                lines.add(resource, group, quantities).map_err(overflow)?;
            }
        }
        Ok(lines.into_series(query.account.clone(), head))
    }

    async fn events(&self, query: EventQuery) -> Result<Page<LoggedEvent>, UsageLogError> {
        let (mut items, _) = self.of(&query.account);
        items.retain(
            |LoggedEvent {
                 position, event, ..
             }| {
                *position > query.after
                    && query
                        .period
                        .is_none_or(|period| period.contains(event.time))
                    && query
                        .resource
                        .is_none_or(|resource| resource == event.resource)
            },
        );
        let more = items.len() > query.page_limit();
        items.truncate(query.page_limit());
        let next = items.last().map(|last| last.position).filter(|_| more);
        Ok(Page { items, next })
    }

    async fn accounts(&self) -> Result<Vec<AccountId>, UsageLogError> {
        Ok(self.held().events.keys().cloned().collect())
    }

    async fn position(&self) -> Result<LogPosition, UsageLogError> {
        Ok(self.held().head)
    }

    async fn check(&self) -> Result<LogCheck, UsageLogError> {
        let held = self.held();
        Ok(LogCheck {
            events: held.events.values().fold(0_u64, |sum, events| {
                sum.saturating_add(u64::try_from(events.len()).unwrap_or(u64::MAX))
            }),
            head: String::new(),
            problems: Vec::new(),
        })
    }
}
