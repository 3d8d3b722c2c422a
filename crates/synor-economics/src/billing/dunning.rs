//! Dunning: when an invoice that is overdue is reminded of, and what comes at the end.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::invoice::Invoice;
use super::number::InvoiceNumber;
use super::status::InvoiceStatus;
use crate::id::{AccountId, InvoiceId};
use crate::money::{MicroSynor, MoneyError};
use crate::period::{DAY_SECS, Timestamp};

/// A schedule that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DunningError {
    /// Steps go forward in time.
    #[error("reminder days must be above zero and ascending, and the final step after the last")]
    NotAscending,
}

/// What comes after the last reminder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalStep {
    /// Nothing; a person decides.
    #[default]
    Nothing,
    /// The account is marked as suspended until nothing of it is overdue. Its usage still counts.
    Suspend,
}

/// When overdue invoices are reminded of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DunningSchedule {
    /// So many days after the due date each reminder comes, ascending.
    pub reminder_days: Vec<u16>,
    /// What comes at the end.
    pub final_step: FinalStep,
    /// So many days after the due date the final step comes.
    pub final_days: u16,
}

impl Default for DunningSchedule {
    /// Reminders after 3, 7 and 14 days, and nothing after that.
    fn default() -> Self {
        Self {
            reminder_days: vec![3, 7, 14],
            final_step: FinalStep::Nothing,
            final_days: 30,
        }
    }
}

/// How far an invoice has been dunned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dunned {
    /// The last step, from 1; the one after the reminders is the final one.
    pub step: u16,
    /// When.
    pub at: Timestamp,
}

/// That a step was due and taken, once for each step of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// Of which invoice.
    pub invoice_id: InvoiceId,
    /// Its number.
    pub number: InvoiceNumber,
    /// Who owes.
    pub account_id: AccountId,
    /// Which step, from 1.
    pub step: u16,
    /// What the step does besides being told.
    pub action: FinalStep,
    /// What was owed then.
    pub amount_due_micro_synor: MicroSynor,
    /// How many whole days it was overdue.
    pub days_overdue: i64,
    /// When.
    pub created_at: Timestamp,
}

impl DunningSchedule {
    /// Refuses days that do not ascend.
    pub fn check(&self) -> Result<(), DunningError> {
        let mut before = 0;
        let suspends = self.final_step == FinalStep::Suspend;
        let last = suspends.then_some(&self.final_days);
        for day in self.reminder_days.iter().chain(last) {
            if *day <= before {
                return Err(DunningError::NotAscending);
            }
            before = *day;
        }
        Ok(())
    }

    /// The next step that is due for an invoice. Of reminders that were missed only the last is
    /// made up for; the final step comes a day after the last reminder at the earliest.
    pub fn due(&self, invoice: &Invoice, now: Timestamp) -> Result<Option<Reminder>, MoneyError> {
        if invoice.status != InvoiceStatus::Overdue {
            return Ok(None);
        }
        let overdue_secs = now.secs_since(invoice.due_date);
        let is_past = |days: u16| overdue_secs >= i64::from(days).saturating_mul(DAY_SECS);
        let taken = invoice.dunned.map_or(0, |dunned| dunned.step);
        let reminders = self.reminder_days.iter().take_while(|day| is_past(**day));
        let reached = u16::try_from(reminders.count()).unwrap_or(u16::MAX);
        let all = u16::try_from(self.reminder_days.len()).unwrap_or(u16::MAX);
        let rested = invoice
            .dunned
            .is_none_or(|dunned| now.secs_since(dunned.at) >= DAY_SECS);
        let (step, action) = if reached > taken {
            (reached, FinalStep::Nothing)
        } else if self.final_step != FinalStep::Nothing
            && taken == all
            && rested
            && is_past(self.final_days)
        {
            (all.saturating_add(1), self.final_step)
        } else {
            return Ok(None);
        };
        Ok(Some(Reminder {
            invoice_id: invoice.invoice_id,
            number: invoice.number,
            account_id: invoice.account_id.clone(),
            step,
            action,
            amount_due_micro_synor: invoice.outstanding()?,
            days_overdue: overdue_secs.div_euclid(DAY_SECS),
            created_at: now,
        }))
    }
}
