//! The shortest usage log that keeps the promises: a list in memory, read from the start for every
//! answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use synor_economics::id::AccountId;
use synor_economics::metering::level::{Sample, integrate};
use synor_economics::metering::summary::Tally;
use synor_economics::metering::{UsageEvent, UsageKey, UsageSummary};
use synor_economics::money::MoneyError;
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;

use crate::error::UsageLogError;
use crate::log::{
    Appended, EventQuery, LogCheck, LogPosition, LoggedEvent, Page, UsageLog, refuse_unsound,
};
use crate::series::{LineTally, Series, SeriesQuery, steps};

/// A usage log in memory, for comparing others with.
#[derive(Debug, Default)]
pub struct ReferenceLog(Mutex<Vec<LoggedEvent>>);

impl ReferenceLog {
    fn held(&self) -> Vec<LoggedEvent> {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.clone()
    }

    fn of(&self, account: &AccountId) -> Vec<LoggedEvent> {
        let mut held = self.held();
        held.retain(|logged| logged.event.identity.account == *account);
        held
    }
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
    async fn append(&self, events: Vec<UsageEvent>) -> Result<Appended, UsageLogError> {
        events.iter().try_for_each(refuse_unsound)?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut appended = Appended {
            accepted: 0,
            duplicate: 0,
            conflicting: Vec::new(),
            position: 0,
        };
        for event in events {
            let same = |logged: &&LoggedEvent| logged.event.identity == event.identity;
            match held.iter().find(same) {
                None => {
                    appended.accepted = appended.accepted.saturating_add(1);
                    let position = last_position(&held).saturating_add(1);
                    held.push(LoggedEvent { position, event });
                }
                Some(logged) => {
                    appended.duplicate = appended.duplicate.saturating_add(1);
                    if logged.event != event {
                        appended.conflicting.push(event.identity);
                    }
                }
            }
        }
        appended.position = last_position(&held);
        Ok(appended)
    }

    async fn summary(
        &self,
        account: &AccountId,
        period: Period,
        through: Option<LogPosition>,
    ) -> Result<UsageSummary, UsageLogError> {
        let head = last_position(&self.held());
        let log_position = through.unwrap_or(head).min(head);
        let mut events = self.of(account);
        events.retain(|logged| logged.position <= log_position);
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
        let events = self.of(account);
        let late = |logged: &LoggedEvent| logged.position > position && logged.event.time < before;
        Ok(events.iter().any(late))
    }

    async fn series(&self, query: SeriesQuery) -> Result<Series, UsageLogError> {
        let head = last_position(&self.held());
        let mut events = self.of(&query.account);
        events.retain(|logged| query.resource.is_none_or(|r| r == logged.event.resource));
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
        let mut items = self.of(&query.account);
        items.retain(|LoggedEvent { position, event }| {
            *position > query.after
                && query
                    .period
                    .is_none_or(|period| period.contains(event.time))
                && query
                    .resource
                    .is_none_or(|resource| resource == event.resource)
        });
        let more = items.len() > query.page_limit();
        items.truncate(query.page_limit());
        let next = items.last().map(|last| last.position).filter(|_| more);
        Ok(Page { items, next })
    }

    async fn accounts(&self) -> Result<Vec<AccountId>, UsageLogError> {
        let held = self.held();
        let accounts = held.into_iter().map(|logged| logged.event.identity.account);
        Ok(accounts.collect::<BTreeSet<_>>().into_iter().collect())
    }

    async fn position(&self) -> Result<LogPosition, UsageLogError> {
        Ok(last_position(&self.held()))
    }

    async fn check(&self) -> Result<LogCheck, UsageLogError> {
        Ok(LogCheck {
            events: last_position(&self.held()),
            head: String::new(),
            problems: Vec::new(),
        })
    }
}

fn last_position(held: &[LoggedEvent]) -> LogPosition {
    held.last().map_or(0, |logged| logged.position)
}
