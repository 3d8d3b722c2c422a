//! The usage log, whose commits crash and lose and repeat their replies.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use synor_economics::id::AccountId;
use synor_economics::metering::{EventId, UsageSummary};
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;
use synor_usage::conformance::ReferenceLog;
use synor_usage::{
    Appended, Batch, Duplicate, EventQuery, LogCheck, LogPosition, LoggedEvent, Page, Series,
    SeriesQuery, StreamPosition, UsageLog, UsageLogError,
};

use crate::bug::Bug;
use crate::faults::{Fault, Faults};

/// What is rounded to where usage is rounded before it is priced, in base units.
const ROUNDED_TO: i128 = 1_000_000;

/// A usage log in memory behind faults.
pub struct SimLog {
    log: Arc<ReferenceLog>,
    faults: Faults,
    bug: Option<Bug>,
    /// Identities that were remembered before their events were written.
    claimed: Mutex<HashSet<EventId>>,
}

impl SimLog {
    /// Faults before a log.
    pub fn new(log: Arc<ReferenceLog>, faults: Faults, bug: Option<Bug>) -> Self {
        Self {
            log,
            faults,
            bug,
            claimed: Mutex::default(),
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    async fn land(&self, mut batch: Batch) -> Result<Appended, UsageLogError> {
        if self.has(Bug::DuplicateCounted) {
            let ids: Vec<_> = batch.events.iter().map(|e| e.identity.clone()).collect();
            let held = self.log.holds(ids).await?;
            for (event, is_held) in batch.events.iter_mut().zip(held) {
                if is_held {
                    let position = self.log.position().await?;
                    event.identity.id = format!("{}/{position}", event.identity.id);
                }
            }
        }
        self.log.commit(batch).await
    }

    /// Takes those out that were claimed, and claims the rest, before anything is written.
    fn claim(&self, batch: &mut Batch) -> Vec<Duplicate> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut duplicates = Vec::new();
        let mut index = 0;
        batch.events.retain(|event| {
            let is_new = claimed.insert(event.identity.clone());
            if !is_new {
                let is_conflicting = false;
                duplicates.push(Duplicate {
                    index,
                    is_conflicting,
                });
            }
            index += 1;
            is_new
        });
        duplicates
    }
}

fn broken() -> UsageLogError {
    UsageLogError::Closed {
        log: "simulated".to_owned(),
    }
}

#[async_trait]
impl UsageLog for SimLog {
    async fn commit(&self, mut batch: Batch) -> Result<Appended, UsageLogError> {
        if self.faults.is_down() {
            return Err(broken());
        }
        let fault = self.faults.draw();
        let claimed = if self.has(Bug::ClaimBeforeWrite) {
            self.claim(&mut batch)
        } else {
            Vec::new()
        };
        if self.has(Bug::ReplyBeforeDurable) && fault == Fault::CrashBefore {
            // It answers, and dies before it has written.
            let accepted = u64::try_from(batch.events.len()).unwrap_or_default();
            return Ok(Appended {
                accepted,
                position: self.log.position().await?,
                ..Appended::default()
            });
        }
        match fault {
            Fault::CrashBefore => Err(broken()),
            Fault::CrashAfter | Fault::LostReply => {
                let _ = self.land(batch).await;
                Err(broken())
            }
            Fault::Repeated => {
                let first = self.land(batch.clone()).await?;
                let _ = self.land(batch).await;
                Ok(first)
            }
            Fault::None | Fault::Conflict => {
                let mut appended = self.land(batch).await?;
                appended.duplicates.extend(claimed);
                Ok(appended)
            }
        }
    }

    async fn stream_positions(&self, stream: &str) -> Result<Vec<StreamPosition>, UsageLogError> {
        self.log.stream_positions(stream).await
    }

    async fn summary(
        &self,
        account: &AccountId,
        period: Period,
        through: Option<LogPosition>,
    ) -> Result<UsageSummary, UsageLogError> {
        let mut summary = self.log.summary(account, period, through).await?;
        if self.has(Bug::RoundedTwice) {
            for row in &mut summary.rows {
                let units = row.quantity.get();
                let rounded = units.saturating_add(ROUNDED_TO / 2) / ROUNDED_TO;
                row.quantity = Quantity::new(rounded.saturating_mul(ROUNDED_TO));
            }
        }
        Ok(summary)
    }

    async fn changed_since(
        &self,
        account: &AccountId,
        position: LogPosition,
        before: Timestamp,
    ) -> Result<bool, UsageLogError> {
        self.log.changed_since(account, position, before).await
    }

    async fn series(&self, query: SeriesQuery) -> Result<Series, UsageLogError> {
        self.log.series(query).await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<LoggedEvent>, UsageLogError> {
        self.log.events(query).await
    }

    async fn accounts(&self) -> Result<Vec<AccountId>, UsageLogError> {
        self.log.accounts().await
    }

    async fn position(&self) -> Result<LogPosition, UsageLogError> {
        self.log.position().await
    }

    async fn check(&self) -> Result<LogCheck, UsageLogError> {
        self.log.check().await
    }
}
