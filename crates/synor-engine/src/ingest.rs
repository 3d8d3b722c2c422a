//! Taking in usage: each event of a batch is counted, known already, or rejected with its reason.
//! What holds is durable when the batch is answered.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::PoisonError;

use serde::Serialize;
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_economics::metering::{EventError, UsageEvent};
use synor_economics::period::Timestamp;
use synor_usage::import::{ReadEvent, RefusedEvent};
use synor_usage::{Appended, Batch, LogPosition, StreamPosition};

use crate::budgets::BudgetTurn;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::quotas::QuotaTurn;

/// The most rejections that are told of a batch that is refused whole.
const REJECTIONS_MAX: usize = 100;

/// Events as they were read, and what is committed with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestBatch {
    /// The events in order, among them those that could not be read or do not hold.
    pub events: Vec<ReadEvent>,
    /// How far the streams that they came from have been read with them; committed even if every
    /// event is rejected.
    pub read: Vec<StreamPosition>,
    /// Whether one rejection refuses the whole batch.
    pub is_atomic: bool,
}

impl IngestBatch {
    /// Events that do not come from a stream, each for itself.
    pub fn of(events: Vec<ReadEvent>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

/// An event that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Its id, if that much could be read; the field, its value and the reason.
    #[serde(flatten)]
    pub event: RefusedEvent,
}

/// An event that was known before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Its name at its source.
    pub id: String,
    /// Whether it says something else than what was counted.
    pub is_conflicting: bool,
}

/// What became of a batch: every event that is not listed was counted now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Events counted now.
    pub accepted: u64,
    /// Events known before, or from an earlier place in the batch, which are not counted again; in
    /// order of index.
    pub duplicates: Vec<KnownEvent>,
    /// Events that do not hold, in order of index.
    pub rejected: Vec<Rejection>,
    /// A position up to which the usage log holds every accepted event of the batch.
    pub position: LogPosition,
}

/// What of a batch may go into a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Events that hold, in their order.
    pub events: Vec<UsageEvent>,
    /// Events that do not, in order of index.
    pub rejected: Vec<Rejection>,
}

impl Ingested {
    /// One event that never got so far as to be read.
    pub fn of_rejected(event: RefusedEvent, position: LogPosition) -> Self {
        Self {
            rejected: vec![Rejection { index: 0, event }],
            position,
            ..Self::default()
        }
    }
}

impl Engine {
    /// Counts each event that holds once, and notes how far the streams were read, all in one
    /// commit. If the batch is atomic and any event does not hold, nothing is stored.
    pub async fn ingest(&self, batch: IngestBatch) -> Result<Ingested, EngineError> {
        // Held until the events are counted, so that no other batch uses the same room.
        let (mut sorted, turns) = self.sort(batch.events, batch.is_atomic).await?;
        let events = std::mem::take(&mut sorted.accepted);
        if events.is_empty() && batch.read.is_empty() {
            let position = self.usage.position().await?;
            return Ok(sorted.answer(Appended {
                position,
                ..Appended::default()
            }));
        }
        let appended = self.usage.commit(Batch {
            events,
            read: batch.read,
            ..Batch::default()
        });
        let appended = appended.await?;
        let (quotas, mut budgets) = turns;
        for account in std::mem::take(&mut budgets.watched) {
            self.budgets.touch(&account);
        }
        drop((quotas, budgets));
        Ok(sorted.answer(appended))
    }

    /// Which events [`Engine::ingest`] would take now, for a stream whose worker counts them later. It
    /// decides again then: what waits in the stream has used up no quota yet.
    pub async fn admit(&self, batch: IngestBatch) -> Result<Admitted, EngineError> {
        let (sorted, _turns) = self.sort(batch.events, batch.is_atomic).await?;
        Ok(Admitted {
            events: sorted.accepted,
            rejected: sorted.rejected,
        })
    }

    /// Parts the events that hold from the others; an error if the batch is atomic and there are
    /// others.
    async fn sort(
        &self,
        events: Vec<ReadEvent>,
        is_atomic: bool,
    ) -> Result<(Sorted, (QuotaTurn, BudgetTurn)), EngineError> {
        let mut sorted = Sorted::with_capacity(events.len());
        let unknown = self.unknown_accounts(&events).await?;
        let earliest = self.usage.takes_from();
        for (index, event) in events.into_iter().enumerate() {
            match event {
                Ok(event) if unknown.contains(&event.identity.account) => {
                    sorted.reject(index, no_such_account(event));
                }
                Ok(event) if earliest.is_some_and(|earliest| event.time < earliest) => {
                    sorted.reject(index, too_old(event, earliest));
                }
                Ok(event) => sorted.accept(index, event),
                Err(refused) => sorted.reject(index, refused),
            }
        }
        let turn = self.quota_rejections(&sorted.accepted).await?;
        sorted.stop(&turn.rejections);
        let budgets = self.budget_rejections(&sorted.accepted).await?;
        sorted.stop(&budgets.rejections);
        if is_atomic && !sorted.rejected.is_empty() {
            sorted.rejected.truncate(REJECTIONS_MAX);
            return Err(EngineError::Rejected(sorted.rejected));
        }
        Ok((sorted, (turn, budgets)))
    }

    /// Which of the events' accounts do not exist. The store is asked once for each that is not
    /// known, so that one opened by another process is seen.
    pub(crate) async fn unknown_accounts(
        &self,
        events: &[ReadEvent],
    ) -> Result<HashSet<AccountId>, EngineError> {
        let mut missing = self.not_known_yet(events);
        let mut found = Vec::new();
        for account in &missing {
            if self.store.get::<Account>(account.as_str()).await?.is_some() {
                found.push(account.clone());
            }
        }
        if !found.is_empty() {
            for account in &found {
                missing.remove(account);
            }
            let known = self.known_accounts.write();
            known.unwrap_or_else(PoisonError::into_inner).extend(found);
        }
        Ok(missing)
    }

    fn not_known_yet(&self, events: &[ReadEvent]) -> HashSet<AccountId> {
        let known = self.known_accounts.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        let mut missing = HashSet::new();
        let mut last = None;
        let accounts = events.iter().flatten().map(|e| &e.identity.account);
        for account in accounts {
            // Reports often come in runs of one account.
            if last.replace(account) != Some(account) && !known.contains(account) {
                missing.insert(account.clone());
            }
        }
        missing
    }
}

pub(crate) fn no_such_account(event: UsageEvent) -> RefusedEvent {
    let account = event.identity.account.as_str();
    RefusedEvent {
        error: EventError::new("account", account, "there is no such account"),
        id: Some(event.identity.id),
    }
}

fn too_old(event: UsageEvent, earliest: Option<Timestamp>) -> RefusedEvent {
    let from = earliest.map_or_else(String::new, |earliest| format!(" from {earliest} on"));
    let reason = format!("too old: the usage log takes only what happened{from}");
    RefusedEvent {
        error: EventError::new("time", event.time.to_string(), reason),
        id: Some(event.identity.id),
    }
}

fn over_limit(event: UsageEvent, limit: &impl Display) -> RefusedEvent {
    let quantity = event.quantity.to_string();
    RefusedEvent {
        error: EventError::new("quantity", quantity, limit),
        id: Some(event.identity.id),
    }
}

/// A batch on its way into the log, with what is needed to tell of each event afterwards.
struct Sorted {
    accepted: Vec<UsageEvent>,
    /// The place in the batch of each accepted event.
    places: Vec<usize>,
    /// The ids of the accepted events one after another: an event that is known is told by its id,
    /// and a text of its own for each would cost more than it is worth.
    ids: String,
    /// Where in `ids` each ends.
    ends: Vec<usize>,
    rejected: Vec<Rejection>,
}

impl Sorted {
    fn with_capacity(events: usize) -> Self {
        Self {
            accepted: Vec::with_capacity(events),
            places: Vec::with_capacity(events),
            ids: String::new(),
            ends: Vec::with_capacity(events),
            rejected: Vec::new(),
        }
    }

    fn accept(&mut self, index: usize, event: UsageEvent) {
        self.ids.push_str(&event.identity.id);
        self.ends.push(self.ids.len());
        self.places.push(index);
        self.accepted.push(event);
    }

    /// Takes back the acceptance of events that a limit stops; `stopped` says of each whether.
    fn stop<L: Display>(&mut self, stopped: &[Option<L>]) {
        if stopped.iter().all(Option::is_none) {
            return;
        }
        let mut kept = Self::with_capacity(self.accepted.len());
        kept.rejected = std::mem::take(&mut self.rejected);
        let accepted = std::mem::take(&mut self.accepted).into_iter();
        let reasons = stopped.iter().chain(std::iter::repeat(&None));
        for ((event, &index), reason) in accepted.zip(&self.places).zip(reasons) {
            match reason {
                None => kept.accept(index, event),
                Some(limit) => kept.reject(index, over_limit(event, limit)),
            }
        }
        kept.rejected.sort_by_key(|rejection| rejection.index);
        *self = kept;
    }

    fn reject(&mut self, index: usize, event: RefusedEvent) {
        self.rejected.push(Rejection { index, event });
    }

    fn id(&self, at: usize) -> &str {
        let end_of = |at: usize| self.ends.get(at).copied();
        let start = at.checked_sub(1).and_then(end_of).unwrap_or(0);
        end_of(at)
            .and_then(|end| self.ids.get(start..end))
            .unwrap_or("")
    }

    fn answer(self, appended: Appended) -> Ingested {
        let duplicates = appended.duplicates.iter().filter_map(|known| {
            Some(KnownEvent {
                index: self.places.get(known.index).copied()?,
                id: self.id(known.index).to_owned(),
                is_conflicting: known.is_conflicting,
            })
        });
        Ingested {
            accepted: appended.accepted,
            duplicates: duplicates.collect(),
            position: appended.position,
            rejected: self.rejected,
        }
    }
}
