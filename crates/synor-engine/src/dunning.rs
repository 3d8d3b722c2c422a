//! Dunning: each step of the schedule is taken once for each overdue invoice, and recorded as a
//! document that notifications can be made of.

use serde::{Deserialize, Serialize};
use synor_economics::billing::{FinalStep, Invoice, InvoiceStatus, Reminder};
use synor_economics::id::AccountId;
use synor_store::{ChangeSet, Kind, ListQuery, Suspension};

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

/// What a run of dunning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DunningRun {
    /// How many invoices became overdue.
    pub became_overdue: usize,
    /// How many steps were taken.
    pub steps_taken: usize,
    /// How many suspensions ended.
    pub suspensions_lifted: usize,
}

impl Engine {
    /// Marks what is overdue, takes every step of dunning that is due, and lifts the suspension of
    /// accounts of which nothing is overdue any more. Doing it again changes nothing.
    pub async fn dun(&self) -> Result<DunningRun, EngineError> {
        let became_overdue = self.mark_overdue().await?;
        let open: Vec<Invoice> = self
            .store
            .list(ListQuery::all(Kind::Invoice).open())
            .await?
            .items;
        let mut steps_taken = 0;
        for invoice in &open {
            if self.dunning.due(invoice, self.now())?.is_some() {
                steps_taken += usize::from(self.take_step(invoice).await?);
            }
        }
        Ok(DunningRun {
            became_overdue,
            steps_taken,
            suspensions_lifted: self.lift_suspensions().await?,
        })
    }

    /// The steps that were taken for an account's invoices, in order of time.
    pub async fn reminders(&self, account: &AccountId) -> Result<Vec<Reminder>, EngineError> {
        self.account(account).await?;
        let query = ListQuery::of(Kind::Reminder, account);
        Ok(self.store.list(query).await?.items)
    }

    /// The account's suspension, if it is suspended.
    pub async fn suspension(&self, account: &AccountId) -> Result<Option<Suspension>, EngineError> {
        let found: Option<Suspension> = self.store.get(account.as_str()).await?;
        Ok(found.filter(|suspension| suspension.lifted_at.is_none()))
    }

    /// The suspensions in force, by age.
    pub async fn suspensions(&self) -> Result<Vec<Suspension>, EngineError> {
        let query = ListQuery::all(Kind::Suspension).open();
        Ok(self.store.list(query).await?.items)
    }

    async fn take_step(&self, invoice: &Invoice) -> Result<bool, EngineError> {
        let scope = scope_of(&invoice.account_id);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let invoice = self.any_invoice(invoice.invoice_id).await?;
            let now = self.now();
            let Some(reminder) = self.dunning.due(&invoice, now)? else {
                return Ok(false);
            };
            let mut changes = ChangeSet::new(Self::fresh_command("reminder"), now);
            if reminder.action == FinalStep::Suspend
                && self.suspension(&invoice.account_id).await?.is_none()
            {
                changes.put(&Suspension {
                    account_id: invoice.account_id.clone(),
                    invoice_id: invoice.invoice_id,
                    since: now,
                    lifted_at: None,
                })?;
            }
            changes
                .expect(scope.clone(), version)
                .put(&reminder)?
                .put(&invoice.dun(reminder.step, now))?;
            self.commit(changes).await?;
            Ok(true)
        })
        .await
    }

    async fn lift_suspensions(&self) -> Result<usize, EngineError> {
        let mut lifted = 0;
        for suspension in self.suspensions().await? {
            let scope = scope_of(&suspension.account_id);
            lifted += self
                .decide(&scope, || async {
                    let version = self.store.version(&scope).await?;
                    let open = self.open_invoices(&suspension.account_id).await?;
                    if open.iter().any(|i| i.status == InvoiceStatus::Overdue) {
                        return Ok(0);
                    }
                    let now = self.now();
                    let lifted = Suspension {
                        lifted_at: Some(now),
                        ..suspension.clone()
                    };
                    let mut changes = ChangeSet::new(Self::fresh_command("lift"), now);
                    changes.expect(scope.clone(), version).put(&lifted)?;
                    self.commit(changes).await?;
                    Ok(1)
                })
                .await?;
        }
        Ok(lifted)
    }
}
