//! Closing a month: one invoice for each account with usage, numbered without gaps, once.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::billing::settlement::{distributed, finalized};
use synor_economics::billing::{CreditEntry, CreditManager, Draft, Invoice, InvoiceNumber};
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;
use synor_economics::period::Month;
use synor_store::{ChangeSet, Counter, Kind, ListQuery, Scope};
use synor_usage::{LogPosition, UsageLogError};

use crate::engine::Engine;
use crate::error::EngineError;

/// How many accounts are read at once.
const READ_TOGETHER: usize = 8;
/// How many invoices share a transaction.
const CHUNK_ACCOUNTS: usize = 256;
/// The sequence that numbers invoices.
pub(crate) const INVOICE_NUMBERS: &str = "invoice_numbers";

/// What closing a month came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ClosedPeriod {
    /// The invoices that were made now.
    pub invoices: Vec<Invoice>,
    /// How many accounts had their invoice already.
    pub already_closed: u64,
    /// How many accounts had nothing to bill.
    pub without_usage: u64,
    /// What the new invoices come to, before credits.
    pub subtotal_micro_synor: MicroSynor,
    /// What is due on the new invoices.
    pub total_due_micro_synor: MicroSynor,
    /// Accounts that could not be billed; the others are not held up by them.
    pub failed: Vec<FailedAccount>,
}

/// An account that could not be billed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailedAccount {
    /// Which account.
    pub account_id: AccountId,
    /// Why.
    pub reason: String,
}

/// What is known of an account when its invoice is decided.
struct Gathered {
    version: u64,
    draft: Draft,
    credits: CreditManager,
}

enum Billable {
    Yes(Box<Gathered>),
    AlreadyClosed,
    WithoutUsage,
}

impl Engine {
    /// Finalizes the month's invoices of all accounts. Doing it again makes no second invoice. A
    /// month that has not ended in an account's time zone is refused before anything is done.
    pub async fn close_period(
        &self,
        month: Month,
        progress: &(dyn Fn(usize, usize) + Send + Sync),
    ) -> Result<ClosedPeriod, EngineError> {
        let accounts = self.accounts().await?;
        for account in &accounts {
            let end = month.period(&account.time_zone)?.end();
            if self.now() < end {
                let zone = account.time_zone.to_string();
                return Err(EngineError::PeriodOpen { month, end, zone });
            }
        }
        // What the month's intervals came to must not change after they were billed.
        self.clear_spot_due().await?;
        let mut closed = ClosedPeriod::default();
        for (done, chunk) in accounts.chunks(CHUNK_ACCOUNTS).enumerate() {
            progress(done * CHUNK_ACCOUNTS, accounts.len());
            let part = self
                .decide(&Scope::InvoiceNumbers, || self.close_chunk(month, chunk))
                .await?;
            closed.take_in(part)?;
        }
        progress(accounts.len(), accounts.len());
        Ok(closed)
    }

    async fn close_chunk(
        &self,
        month: Month,
        accounts: &[Account],
    ) -> Result<ClosedPeriod, EngineError> {
        let mut closed = ClosedPeriod::default();
        let numbers = self.store.version(&Scope::InvoiceNumbers).await?;
        let counter: Option<Counter> = self.store.get(INVOICE_NUMBERS).await?;
        let mut last = counter.map_or(0, |c| c.last);
        let mut changes = ChangeSet::new(Self::fresh_command("close"), self.now());
        changes.expect(Scope::InvoiceNumbers, numbers);
        // One position for all of the chunk; what is acknowledged after it is late usage.
        let through = self.usage.position().await?;
        let gathering = accounts.iter().map(|a| self.gather(month, a, through));
        for (account, gathered) in accounts.iter().zip(together(gathering).await) {
            match gathered {
                Ok(Billable::AlreadyClosed) => closed.already_closed += 1,
                Ok(Billable::WithoutUsage) => closed.without_usage += 1,
                Ok(Billable::Yes(gathered)) => {
                    last += 1;
                    let number = InvoiceNumber::new(last);
                    closed
                        .invoices
                        .push(self.finalize(*gathered, number, &mut changes)?);
                }
                // What the account used cannot be summed, priced or billed.
                Err(
                    error @ (EngineError::Bill(_)
                    | EngineError::Pricing(_)
                    | EngineError::Settlement(_)
                    | EngineError::Usage(UsageLogError::Sum { .. })),
                ) => {
                    let (account_id, reason) = (account.account_id.clone(), error.to_string());
                    closed.failed.push(FailedAccount { account_id, reason });
                }
                Err(error) => return Err(error),
            }
        }
        if !closed.invoices.is_empty() {
            changes.put(&Counter {
                name: INVOICE_NUMBERS.to_owned(),
                last,
            })?;
            self.store.commit(changes).await?;
        }
        Ok(closed)
    }

    async fn gather(
        &self,
        month: Month,
        account: &Account,
        through: LogPosition,
    ) -> Result<Billable, EngineError> {
        let id = &account.account_id;
        let version = self.store.version(&Scope::Account(id.clone())).await?;
        let billed = self.invoices_of(id).await?;
        if billed.iter().any(|invoice| invoice.month == month) {
            return Ok(Billable::AlreadyClosed);
        }
        let draft = self
            .month_draft(account, month, Some(through), &billed)
            .await?;
        if draft.is_empty() {
            return Ok(Billable::WithoutUsage);
        }
        let open: Vec<CreditEntry> = self
            .store
            .list(ListQuery::of(Kind::Credit, id).open())
            .await?
            .items;
        let credits = CreditManager::new(open);
        Ok(Billable::Yes(Box::new(Gathered {
            version,
            draft,
            credits,
        })))
    }

    fn finalize(
        &self,
        gathered: Gathered,
        number: InvoiceNumber,
        changes: &mut ChangeSet,
    ) -> Result<Invoice, EngineError> {
        let Gathered {
            version,
            draft,
            mut credits,
        } = gathered;
        let now = self.now();
        let before: BTreeMap<_, _> = credits
            .credits()
            .iter()
            .map(|c| (c.credit_id, c.remaining_micro_synor))
            .collect();
        let invoice = draft.finalize(number, &mut credits, now)?;
        let (entries, carried) = finalized(&invoice)?;
        changes
            .expect(Scope::Account(invoice.account_id.clone()), version)
            .put(&invoice)?;
        changes.entries.extend(entries);
        for credit in credits.into_credits() {
            if before.get(&credit.credit_id) != Some(&credit.remaining_micro_synor) {
                changes.put(&credit)?;
            }
        }
        if let Some(credit) = carried {
            changes.put(&credit)?;
        }
        if invoice.outstanding()?.is_zero()
            && let Some((distribution, entry)) = distributed(&invoice, &self.fee_split, None, now)?
        {
            changes.put(&distribution)?;
            changes.entries.push(entry);
        }
        Ok(invoice)
    }
}

impl ClosedPeriod {
    fn take_in(&mut self, part: Self) -> Result<(), EngineError> {
        for invoice in &part.invoices {
            self.subtotal_micro_synor = self
                .subtotal_micro_synor
                .checked_add(invoice.subtotal_micro_synor)?;
            self.total_due_micro_synor = self
                .total_due_micro_synor
                .checked_add(invoice.total_due_micro_synor)?;
        }
        self.invoices.extend(part.invoices);
        self.already_closed += part.already_closed;
        self.without_usage += part.without_usage;
        self.failed.extend(part.failed);
        Ok(())
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
