//! What the invoices of a chunk of accounts follow from, in a few reads for all of them, and the
//! draft of each.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use serde::Deserialize;
use synor_economics::account::Account;
use synor_economics::billing::{BillFacts, CreditEntry, CreditManager, Draft, bill};
use synor_economics::id::AccountId;
use synor_economics::metering::UsageRow;
use synor_economics::metering::summary::is_spot;
use synor_economics::period::{Month, Period, Timestamp};
use synor_economics::pricing::promotion::Redemption;
use synor_economics::pricing::reserved::Commitment;
use synor_economics::pricing::{PriceList, Segment};
use synor_store::{AccountRecords, Kind, RecordsQuery, StoreError, StoredDocument};
use synor_usage::{ChangeQuery, LogPosition, SummaryQuery, UsageLogError};

use super::apart;
use crate::draft::parts_of;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::oracle::PricedLists;

/// How many accounts that need reads of their own are read at once.
const READ_TOGETHER: usize = 8;

/// A chunk of accounts and what closing the month is for each.
pub(super) struct Chunk {
    pub(super) accounts: Vec<AccountId>,
    pub(super) outcomes: Vec<Outcome>,
}

/// What closing the month is for an account.
pub(super) enum Outcome {
    Billable(Box<Billable>),
    AlreadyClosed,
    WithoutUsage,
    /// What it used cannot be summed, priced or billed.
    Failed(String),
}

/// An account that will have an invoice.
pub(super) struct Billable {
    pub(super) version: u64,
    pub(super) draft: Draft,
    pub(super) credits: CreditManager,
}

/// What is known of an account that has no invoice for the month yet.
struct Facts {
    version: u64,
    account: Account,
    period: Period,
    /// How far the usage log was read for its last invoice, and until when it is billed.
    billed: Option<(LogPosition, Timestamp)>,
    commitments: Vec<Commitment>,
    redemptions: Vec<Redemption>,
    credits: Vec<CreditEntry>,
    /// Of each part of the month, in their order.
    rows: Vec<Vec<UsageRow>>,
}

/// What is read of an invoice that was made before: whether it was changed was seen by its digest,
/// and its lines, which are most of it, do not matter here.
#[derive(Deserialize)]
struct Billed {
    month: Month,
    period_end: Timestamp,
    usage_log_position: LogPosition,
}

/// An account on its way to its outcome.
enum Step {
    Open(Box<Facts>),
    /// It needs reads of its own: spot usage, or usage that came late.
    Alone(Box<Facts>),
    Done(Outcome),
}

impl Engine {
    /// Gathers a chunk. Its two halves are read and decided beside each other.
    pub(super) async fn gather_chunk(
        &self,
        month: Month,
        accounts: Vec<AccountId>,
    ) -> Result<Chunk, EngineError> {
        // One position for all of the chunk; what is acknowledged after it is late usage.
        let through = self.usage.position().await?;
        let (first, second) = accounts.split_at(accounts.len().div_ceil(2));
        let (mut outcomes, rest) = tokio::try_join!(
            self.gather(month, first, through),
            self.gather(month, second, through)
        )?;
        outcomes.extend(rest);
        Ok(Chunk { accounts, outcomes })
    }

    async fn gather(
        &self,
        month: Month,
        accounts: &[AccountId],
        through: LogPosition,
    ) -> Result<Vec<Outcome>, EngineError> {
        let accounts = accounts.to_vec();
        let query = RecordsQuery {
            accounts: accounts.clone(),
            kinds: vec![
                Kind::Account,
                Kind::Invoice,
                Kind::Commitment,
                Kind::Redemption,
            ],
            open_kinds: vec![Kind::Credit],
        };
        let records = self.store.records(query).await?;
        let unpack = move || {
            let records = accounts.iter().zip(&records);
            let steps = records.map(|(id, records)| unpacked(id, records, month));
            steps.collect::<Result<Vec<_>, EngineError>>()
        };
        let mut steps = apart(unpack).await??;
        self.find_late(&mut steps).await?;
        let lists = self.price_lists();
        self.read_usage(&mut steps, &lists, through).await?;
        let priced = self.priced_by_end(month, &steps).await?;
        let decide = move || {
            let decided = steps.into_iter().map(|step| match step {
                Step::Open(facts) => match priced.get(&facts.period.end()) {
                    Some(priced) => decided(facts, month, priced, through),
                    None => Ok(Step::Alone(facts)),
                },
                other => Ok(other),
            });
            decided.collect::<Result<Vec<_>, EngineError>>()
        };
        let steps = apart(decide).await??;
        let outcomes = steps.into_iter().map(|step| async move {
            match step {
                Step::Done(outcome) => Ok(outcome),
                Step::Open(facts) | Step::Alone(facts) => {
                    self.gather_alone(*facts, month, through).await
                }
            }
        });
        together(outcomes).await.into_iter().collect()
    }

    /// The prices by when the month ends, which is not the same in all time zones.
    async fn priced_by_end(
        &self,
        month: Month,
        steps: &[Step],
    ) -> Result<BTreeMap<Timestamp, PricedLists>, EngineError> {
        let mut priced = BTreeMap::new();
        for step in steps {
            if let Step::Open(facts) = step
                && !priced.contains_key(&facts.period.end())
            {
                let lists = self.priced_lists(month, facts.period).await?;
                priced.insert(facts.period.end(), lists);
            }
        }
        Ok(priced)
    }

    /// Sets accounts apart whose billed months have changed since.
    async fn find_late(&self, steps: &mut [Step]) -> Result<(), EngineError> {
        let mut asked = Vec::new();
        let mut queries = Vec::new();
        for step in steps {
            if let Step::Open(facts) = step
                && let Some((position, before)) = facts.billed
            {
                let account = facts.account.account_id.clone();
                queries.push(ChangeQuery {
                    account,
                    position,
                    before,
                });
                asked.push(step);
            }
        }
        if queries.is_empty() {
            return Ok(());
        }
        let changed = self.usage.changes_since(queries).await?;
        for (step, _) in asked.into_iter().zip(changed).filter(|(_, late)| *late) {
            if let Step::Open(facts) = std::mem::replace(step, Step::Done(Outcome::WithoutUsage)) {
                *step = Step::Alone(facts);
            }
        }
        Ok(())
    }

    /// Reads the usage of all open accounts. One whose usage cannot be summed has failed, and the
    /// others are read again without it.
    async fn read_usage(
        &self,
        steps: &mut [Step],
        lists: &[PriceList],
        through: LogPosition,
    ) -> Result<(), EngineError> {
        loop {
            let mut queries = Vec::new();
            for step in &*steps {
                let Step::Open(facts) = step else { continue };
                for (period, _, _) in parts_of(&facts.account, facts.period, lists)? {
                    let account = facts.account.account_id.clone();
                    let through = Some(through);
                    queries.push(SummaryQuery {
                        account,
                        period,
                        through,
                    });
                }
            }
            if queries.is_empty() {
                return Ok(());
            }
            let summaries = match self.usage.summaries(queries).await {
                Err(error @ UsageLogError::Sum { .. }) => {
                    fail(steps, error)?;
                    continue;
                }
                summaries => summaries?,
            };
            let mut summaries = summaries.into_iter().peekable();
            for step in steps {
                let Step::Open(facts) = step else { continue };
                let account = &facts.account.account_id;
                while let Some(summary) = summaries.next_if(|s| s.account == *account) {
                    facts.rows.push(summary.rows);
                }
            }
            return Ok(());
        }
    }

    /// The outcome of an account by reads of its own, after the version that it will be committed
    /// on.
    async fn gather_alone(
        &self,
        facts: Facts,
        month: Month,
        through: LogPosition,
    ) -> Result<Outcome, EngineError> {
        let billed = self.invoices_of(&facts.account.account_id).await?;
        let draft = self
            .month_draft(&facts.account, month, Some(through), &billed)
            .await;
        outcome(draft, facts.version, facts.credits)
    }
}

fn unpacked(id: &AccountId, records: &AccountRecords, month: Month) -> Result<Step, EngineError> {
    let mut billed = None;
    for document in records.documents.iter().filter(|d| d.kind == Kind::Invoice) {
        let invoice = Billed::read(document)?;
        if invoice.month == month {
            return Ok(Step::Done(Outcome::AlreadyClosed));
        }
        let (position, end) = billed.unwrap_or_default();
        let position = invoice.usage_log_position.max(position);
        billed = Some((position, invoice.period_end.max(end)));
    }
    let account = records.of::<Account>()?.pop();
    let account = account.ok_or_else(|| EngineError::UnknownAccount(id.clone()))?;
    Ok(Step::Open(Box::new(Facts {
        version: records.version,
        period: month.period(&account.time_zone)?,
        account,
        billed,
        commitments: records.of()?,
        redemptions: records.of()?,
        credits: records.of()?,
        rows: Vec::new(),
    })))
}

impl Billed {
    fn read(document: &StoredDocument) -> Result<Self, StoreError> {
        serde_json::from_str(&document.body).map_err(|error| StoreError::Corrupt {
            kind: document.kind.name(),
            id: document.keys.id.clone(),
            problem: error.to_string(),
        })
    }
}

/// Marks the account that the error names as failed.
fn fail(steps: &mut [Step], error: UsageLogError) -> Result<(), EngineError> {
    let failed = steps.iter_mut().find(|step| match (step, &error) {
        (Step::Open(facts), UsageLogError::Sum { account, .. }) => {
            facts.account.account_id == *account
        }
        _ => false,
    });
    match failed {
        Some(step) => *step = Step::Done(Outcome::Failed(error.to_string())),
        // It names none of those that were asked for.
        None => return Err(error.into()),
    }
    Ok(())
}

/// Decides on an account of which everything is known.
fn decided(
    facts: Box<Facts>,
    month: Month,
    priced: &PricedLists,
    through: LogPosition,
) -> Result<Step, EngineError> {
    let mut rows = facts.rows.iter().flatten();
    if rows.any(|row| is_spot(&row.key.dimensions)) {
        return Ok(Step::Alone(facts));
    }
    let Facts {
        version,
        account,
        period,
        commitments,
        redemptions,
        credits,
        rows,
        ..
    } = *facts;
    let parts = parts_of(&account, period, &priced.lists)?;
    let segments: Vec<_> = parts
        .into_iter()
        .zip(rows)
        .map(|((period, list, plan), rows)| Segment {
            period,
            list,
            plan,
            rows,
        })
        .collect();
    let draft = bill(BillFacts {
        account: &account,
        month,
        period,
        segments: &segments,
        spot: Vec::new(),
        late: Vec::new(),
        commitments: &commitments,
        redemptions: &redemptions,
        usage_log_position: through,
    });
    let draft = match draft {
        Ok(draft) => Ok(draft.with_usd_rate(priced.rate.clone())),
        Err(error) => Err(priced.explain(error.into())),
    };
    Ok(Step::Done(outcome(draft, version, credits)?))
}

fn outcome(
    draft: Result<Draft, EngineError>,
    version: u64,
    credits: Vec<CreditEntry>,
) -> Result<Outcome, EngineError> {
    match draft {
        Ok(draft) if draft.is_empty() => Ok(Outcome::WithoutUsage),
        Ok(draft) => Ok(Outcome::Billable(Box::new(Billable {
            version,
            draft,
            credits: CreditManager::new(credits),
        }))),
        Err(
            error @ (EngineError::Bill(_)
            | EngineError::Pricing(_)
            | EngineError::NoRate { .. }
            | EngineError::Settlement(_)
            | EngineError::Usage(UsageLogError::Sum { .. })),
        ) => Ok(Outcome::Failed(error.to_string())),
        Err(error) => Err(error),
    }
}

/// The results of futures in their order, some of them running at once.
async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting = futures.map(Box::pin);
    let mut running: Vec<(usize, Pin<Box<F>>)> = Vec::with_capacity(READ_TOGETHER);
    let mut results: Vec<Option<F::Output>> = Vec::new();
    poll_fn(|context| {
        loop {
            while running.len() < READ_TOGETHER
                && let Some(next) = waiting.next()
            {
                running.push((results.len(), next));
                results.push(None);
            }
            if running.is_empty() {
                return Poll::Ready(());
            }
            let before = running.len();
            running.retain_mut(|(place, future)| match future.as_mut().poll(context) {
                Poll::Ready(result) => {
                    results[*place] = Some(result);
                    false
                }
                Poll::Pending => true,
            });
            if running.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    results.into_iter().flatten().collect()
}
