//! The usage log: where acknowledged events live, each exactly once, and from which every bill and
//! chart is read.

use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use synor_economics::id::AccountId;
use synor_economics::metering::{EventId, Measure, ResourceType, UsageEvent, UsageSummary};
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;

use crate::aggregate::{self, Aggregate};
use crate::error::UsageLogError;
use crate::series::{Series, SeriesQuery};

/// The position of an event, or of a withdrawal, in order of acknowledgement, from 1 and without
/// gaps; 0 is before the first.
pub type LogPosition = u64;

/// The most events that one page of [`UsageLog::events`] holds.
pub const PAGE_EVENTS_MAX: usize = 10_000;

/// Where usage events are kept.
///
/// An event is the same event if account, source and id are the same, whatever else it says. It is
/// counted if and only if a batch that held it was acknowledged, and once, until it is withdrawn.
/// Every read sees everything acknowledged before the read began.
#[async_trait]
pub trait UsageLog: Send + Sync {
    /// Withdraws and appends, all of the batch or none, durable before it returns. After an error,
    /// or no answer at all, the same batch may be given again: what is done already is not done
    /// twice. A withdrawal of an event that the log does not hold is
    /// [`UsageLogError::UnknownEvent`], and nothing of its batch is done.
    async fn commit(&self, batch: Batch) -> Result<Appended, UsageLogError>;

    /// Appends the events that the log does not hold yet; [`commit`](Self::commit) of nothing else.
    async fn append(&self, events: Vec<UsageEvent>) -> Result<Appended, UsageLogError> {
        self.commit(Batch::of(events)).await
    }

    /// How far each partition of a stream had been read when its last batch was committed, in order
    /// of partition.
    async fn stream_positions(&self, stream: &str) -> Result<Vec<StreamPosition>, UsageLogError>;

    /// What the account used in the period, from everything acknowledged up to `through` (default:
    /// now). Amounts count at their time; levels are integrated over the period and carry over its
    /// ends. A past position gives the answer that was right then.
    async fn summary(
        &self,
        account: &AccountId,
        period: Period,
        through: Option<LogPosition>,
    ) -> Result<UsageSummary, UsageLogError>;

    /// Whether an event or a withdrawal acknowledged after `position` changes what happened before
    /// `before`.
    async fn changed_since(
        &self,
        account: &AccountId,
        position: LogPosition,
        before: Timestamp,
    ) -> Result<bool, UsageLogError>;

    /// Many summaries at once, in the order of the queries; those without `through` are all of one
    /// position. If one cannot be summed, the error names its account and none is given.
    async fn summaries(
        &self,
        queries: Vec<SummaryQuery>,
    ) -> Result<Vec<UsageSummary>, UsageLogError> {
        let now = self.position().await?;
        let mut answers = Vec::with_capacity(queries.len());
        for query in queries {
            let through = Some(query.through.unwrap_or(now));
            let answer = self.summary(&query.account, query.period, through);
            answers.push(answer.await?);
        }
        Ok(answers)
    }

    /// Many answers of [`UsageLog::changed_since`] at once, in the order of the queries.
    async fn changes_since(&self, queries: Vec<ChangeQuery>) -> Result<Vec<bool>, UsageLogError> {
        let mut answers = Vec::with_capacity(queries.len());
        for query in queries {
            let answer = self.changed_since(&query.account, query.position, query.before);
            answers.push(answer.await?);
        }
        Ok(answers)
    }

    /// Usage in steps of time; the steps add up to the summary of the period.
    async fn series(&self, query: SeriesQuery) -> Result<Series, UsageLogError>;

    /// A series of something else than sums, of everything acknowledged when it began. It reads the
    /// account's events, for levels also those before the period.
    async fn aggregate(
        &self,
        query: SeriesQuery,
        aggregate: Aggregate,
    ) -> Result<Series, UsageLogError> {
        match aggregate {
            Aggregate::Sum => self.series(query).await,
            other => aggregate::read(self, query, &other).await,
        }
    }

    /// Events as they were acknowledged, in order of position, those that were withdrawn marked so.
    /// Paging by `next` gives each event once, those appended meanwhile at the end.
    async fn events(&self, query: EventQuery) -> Result<Page<LoggedEvent>, UsageLogError>;

    /// Whether the log holds an event under each of these identities, withdrawn or not, in the
    /// order of the identities. What a backend does not find by an index is looked for in all
    /// events of the accounts.
    async fn holds(&self, ids: Vec<EventId>) -> Result<Vec<bool>, UsageLogError> {
        let accounts: BTreeSet<_> = ids.iter().map(|id| &id.account).collect();
        let asked: HashSet<_> = ids.iter().collect();
        let mut held = HashSet::new();
        for account in accounts {
            let mut query = EventQuery::all(account.clone());
            loop {
                let page = self.events(query.clone()).await?;
                let identities = page.items.into_iter().map(|logged| logged.event.identity);
                held.extend(identities.filter(|id| asked.contains(id)));
                match page.next {
                    Some(next) => query.after = next,
                    None => break,
                }
            }
        }
        Ok(ids.iter().map(|id| held.contains(id)).collect())
    }

    /// The accounts that have any event, in order.
    async fn accounts(&self) -> Result<Vec<AccountId>, UsageLogError>;

    /// The earliest time that an event may have now; an earlier one makes the log refuse its whole
    /// batch. None: any.
    fn takes_from(&self) -> Option<Timestamp> {
        None
    }

    /// The position of the last acknowledged event.
    async fn position(&self) -> Result<LogPosition, UsageLogError>;

    /// Reads everything again and compares each record with its digest, the digests with the chain
    /// over them, and the file with the structure it should have.
    async fn check(&self) -> Result<LogCheck, UsageLogError>;
}

/// What is written together: withdrawals first, then events, and how far the streams they came
/// from had been read with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Events to count.
    pub events: Vec<UsageEvent>,
    /// Events of earlier batches that shall not count any more. Their identities stay known: sent
    /// again, a withdrawn event is a duplicate. What replaces it carries another id.
    pub withdrawals: Vec<EventId>,
    /// Where to go on reading once this batch is committed. A position only moves forward: one that
    /// lies before the position held changes nothing, so that a reader whose partition went to
    /// another one meanwhile cannot set that one back.
    pub read: Vec<StreamPosition>,
}

impl Batch {
    /// Only events.
    pub fn of(events: Vec<UsageEvent>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

/// How far one partition of a stream has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPosition {
    /// The stream's name: a Kafka topic, for instance.
    pub stream: String,
    /// Which of its partitions.
    pub partition: u32,
    /// The offset of the first record that is not committed yet.
    pub next_offset: u64,
}

/// What became of a batch: every event of it is either accepted or a duplicate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Events counted by this batch.
    pub accepted: u64,
    /// Events that the log, or an earlier place in the batch, already held; not counted again. In
    /// order of index.
    pub duplicates: Vec<Duplicate>,
    /// Events that count no more because of this batch; those withdrawn before are not among them.
    pub withdrawn: u64,
    /// A position up to which the log holds everything of the batch.
    pub position: LogPosition,
}

impl Appended {
    /// The indexes of the duplicates that say something else than the event held under their
    /// identity. What is held stays.
    pub fn conflicting(&self) -> impl Iterator<Item = usize> {
        self.duplicates
            .iter()
            .filter(|d| d.is_conflicting)
            .map(|d| d.index)
    }
}

/// An event of a batch that was held already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate {
    /// Its place in the batch's events, from 0.
    pub index: usize,
    /// Whether it says something else than the event that is held.
    pub is_conflicting: bool,
}

/// One of many summaries; the fields are the arguments of [`UsageLog::summary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryQuery {
    /// Whose usage.
    pub account: AccountId,
    /// Of which time.
    pub period: Period,
    /// From everything acknowledged up to here (default: now).
    pub through: Option<LogPosition>,
}

/// One of many questions for late events; the fields are the arguments of
/// [`UsageLog::changed_since`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeQuery {
    /// Whose events.
    pub account: AccountId,
    /// Only those acknowledged after this position.
    pub position: LogPosition,
    /// Only those that change what happened before this.
    pub before: Timestamp,
}

/// An event and where the log holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// Its place in order of acknowledgement.
    pub position: LogPosition,
    /// The position of its withdrawal, from which on it does not count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub withdrawn: Option<LogPosition>,
    /// The event as it was appended.
    #[serde(flatten)]
    pub event: UsageEvent,
}

/// Which events to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Whose events.
    pub account: AccountId,
    /// Only those whose time lies in this period.
    pub period: Option<Period>,
    /// Only those of this resource.
    pub resource: Option<ResourceType>,
    /// Only those after this position; 0 for the first page, then `next` of the page before.
    pub after: LogPosition,
    /// The most to return, held to 1 to [`PAGE_EVENTS_MAX`].
    pub limit: usize,
}

impl EventQuery {
    /// The first page of everything an account reported.
    pub fn all(account: AccountId) -> Self {
        Self {
            account,
            period: None,
            resource: None,
            after: 0,
            limit: PAGE_EVENTS_MAX,
        }
    }

    /// The limit that holds.
    pub fn page_limit(&self) -> usize {
        self.limit.clamp(1, PAGE_EVENTS_MAX)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What it holds, in order.
    pub items: Vec<T>,
    /// What to pass as `after` for the next page; none if this was the last when it was read.
    pub next: Option<LogPosition>,
}

/// What [`UsageLog::check`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogCheck {
    /// How many events were read.
    pub events: u64,
    /// The head of the chain in hexadecimal. Noted elsewhere, it later proves that the log up to
    /// here is still the same: someone who can rewrite the whole log can rewrite its chain, too.
    pub head: String,
    /// What is wrong, naming the position and what differs; empty if all is well.
    pub problems: Vec<String>,
}

impl LogCheck {
    /// The most problems that one check lists.
    pub const PROBLEMS_MAX: usize = 1_000;

    /// Whether everything is as it was appended.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Refuses an event that validation would not have let through and that would spoil every sum it is
/// in. With amounts held to [`Quantity::EVENT_MAX`], 10^27, the sum of an account cannot leave 128
/// bits (1.7 × 10^38) before it has 10^11 events of that size, more than a log holds. A level of
/// that size would have to be held in thousands of places for a year; a summary that came to that
/// is refused with [`UsageLogError::Sum`], never wrapped.
pub(crate) fn refuse_unsound(event: &UsageEvent) -> Result<(), UsageLogError> {
    let refuse = |reason| {
        Err(UsageLogError::Refused {
            event: Box::new(event.identity.clone()),
            reason,
        })
    };
    let size = event.quantity.get().unsigned_abs();
    if size > Quantity::EVENT_MAX.get().unsigned_abs() {
        return refuse("the quantity is too large for one event");
    }
    if event.quantity.is_negative() && !event.correction {
        return refuse("the quantity is negative, and the event is not marked `correction`");
    }
    let is_level = matches!(event.resource.spec().measure, Measure::Level { .. });
    match (event.is_sample, is_level) {
        (true, false) => refuse("it is a sample of a resource that is not measured as a level"),
        (true, true) if event.correction => refuse("a sample of a level cannot be a correction"),
        _ => Ok(()),
    }
}
