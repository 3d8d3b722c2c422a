//! Closing a month: one invoice for each account with usage, numbered without gaps, once.
//!
//! Accounts go through in chunks. What a chunk is decided on is gathered (`gather`) while the chunk
//! before it is numbered and committed (`commit`), and only a few chunks are in memory at a time,
//! however many accounts there are. `close_due` closes the same way, by itself.

mod commit;
mod gather;

use std::collections::BTreeMap;
use std::panic;

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::billing::{Invoice, InvoiceNumber, InvoiceStatus};
use synor_economics::id::{AccountId, InvoiceId};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Month, Timestamp};
use synor_store::{Kind, ListQuery, StoreError};
use tokio::sync::mpsc;

use self::gather::Chunk;
use crate::engine::Engine;
use crate::error::EngineError;

/// How many invoices share a transaction.
const CHUNK_ACCOUNTS: usize = 256;
/// How many gathered chunks wait at most for the one that is being committed: enough to go on while
/// the book moves what it wrote ahead into its file.
const CHUNKS_WAITING: usize = 8;
/// The most invoices, and the most failed accounts, that the answer lists one by one.
pub const CLOSED_LISTED_MAX: usize = 100;
/// The sequence that numbers invoices.
pub(crate) const INVOICE_NUMBERS: &str = "invoice_numbers";

/// What closing a month came to: counts and sums of all accounts, and the first of the invoices, so
/// that the answer is small however many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedPeriod {
    /// How many invoices were made now.
    pub invoice_count: u64,
    /// How many accounts had their invoice already.
    pub already_closed: u64,
    /// How many accounts had nothing to bill.
    pub without_usage: u64,
    /// How many accounts could not be billed; the others are not held up by them.
    pub failed_count: u64,
    /// What the new invoices come to, before credits.
    pub subtotal_micro_synor: MicroSynor,
    /// What is due on the new invoices.
    pub total_due_micro_synor: MicroSynor,
    /// The new invoices in order of their numbers, up to [`CLOSED_LISTED_MAX`].
    pub invoices: Vec<ClosedInvoice>,
    /// The accounts that could not be billed, up to [`CLOSED_LISTED_MAX`].
    pub failed: Vec<FailedAccount>,
}

/// An invoice that closing a month made, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedInvoice {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Its number.
    pub number: InvoiceNumber,
    /// Who is billed.
    pub account_id: AccountId,
    /// How many lines it has.
    pub line_count: u64,
    /// The sum of its lines and fees.
    pub subtotal_micro_synor: MicroSynor,
    /// What is due, after discounts and credits.
    pub total_due_micro_synor: MicroSynor,
    /// Its state: paid at once if nothing is due.
    pub status: InvoiceStatus,
}

/// An account that could not be billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAccount {
    /// Which account.
    pub account_id: AccountId,
    /// Why.
    pub reason: String,
}

/// Which accounts a month is closed for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    /// Which month.
    pub(crate) month: Month,
    /// Only where it ended after this instant …
    pub(crate) ended_after: Timestamp,
    /// … and not after this one.
    pub(crate) ended_by: Timestamp,
    /// Whether nobody asked for it, so that months before an account was opened are left alone.
    pub(crate) is_automatic: bool,
}

impl Closing {
    fn takes(&self, account: &Account, end: Timestamp) -> bool {
        let is_its_own = !self.is_automatic || end > account.created_at;
        is_its_own && self.ended_after < end && end <= self.ended_by
    }
}

impl Engine {
    /// Finalizes the month's invoices of all accounts. Doing it again makes no second invoice. A
    /// month that has not ended in an account's time zone is refused before anything is done.
    /// `progress` is told how many accounts are done, and of how many.
    pub async fn close_period(
        &self,
        month: Month,
        progress: &(dyn Fn(usize, usize) + Send + Sync),
    ) -> Result<ClosedPeriod, EngineError> {
        let total = self.refuse_open_month(month).await?;
        let closing = Closing {
            month,
            ended_after: Timestamp::from_secs(i64::MIN),
            ended_by: self.now(),
            is_automatic: false,
        };
        self.close_telling(closing, |done| progress(done.min(total), total))
            .await
    }

    /// Closes a month for some accounts.
    pub(crate) async fn close(&self, closing: Closing) -> Result<ClosedPeriod, EngineError> {
        self.close_telling(closing, |_| {}).await
    }

    async fn close_telling(
        &self,
        closing: Closing,
        progress: impl Fn(usize),
    ) -> Result<ClosedPeriod, EngineError> {
        // What the month's intervals came to must not change after they were billed.
        self.clear_spot_due().await?;
        // What is free again may pay for the month.
        self.expire_holds().await?;
        let (gathered, waiting) = mpsc::channel(CHUNKS_WAITING);
        let ((), closed) = tokio::join!(
            self.gather_all(closing, gathered),
            self.commit_all(closing.month, waiting, progress),
        );
        closed
    }

    /// Refuses a month that has not ended for every account; else the number of accounts.
    async fn refuse_open_month(&self, month: Month) -> Result<usize, EngineError> {
        let mut ends = MonthEnds::of(month);
        let mut total: usize = 0;
        let mut query = account_pages();
        loop {
            let page = self.store.list::<Account>(query.clone()).await?;
            for account in &page.items {
                let end = ends.for_account(account)?;
                if self.now() < end {
                    let zone = account.time_zone.to_string();
                    return Err(EngineError::PeriodOpen { month, end, zone });
                }
            }
            total = total.saturating_add(page.items.len());
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(total),
            }
        }
    }

    /// Gathers chunk after chunk. An error is the last that is sent, so that what was gathered
    /// before it is committed first.
    async fn gather_all(
        &self,
        closing: Closing,
        gathered: mpsc::Sender<Result<Chunk, EngineError>>,
    ) {
        let month = closing.month;
        let mut ends = MonthEnds::of(month);
        let mut query = account_pages();
        loop {
            let chunk = async {
                let page = self.store.list::<Account>(query.clone()).await?;
                let mut accounts = Vec::with_capacity(page.items.len());
                for account in page.items {
                    // One opened since the month was found to have ended may be in another zone.
                    let end = ends.for_account(&account)?;
                    if closing.takes(&account, end) {
                        accounts.push(account.account_id);
                    }
                }
                let chunk = self.gather_chunk(month, accounts).await?;
                Ok((chunk, page.next))
            };
            let (sent, next) = match chunk.await {
                Ok((chunk, next)) => (gathered.send(Ok(chunk)).await, next),
                Err(error) => (gathered.send(Err(error)).await, None),
            };
            // If nobody takes chunks any more, committing has failed.
            if sent.is_err() || next.is_none() {
                return;
            }
            query.after = next;
        }
    }
}

/// Accounts in chunks, by age.
fn account_pages() -> ListQuery {
    ListQuery {
        limit: CHUNK_ACCOUNTS,
        ..ListQuery::all(Kind::Account)
    }
}

/// When a month ends in each time zone, worked out once for each.
struct MonthEnds {
    month: Month,
    by_zone: BTreeMap<String, Timestamp>,
}

impl MonthEnds {
    const fn of(month: Month) -> Self {
        let by_zone = BTreeMap::new();
        Self { month, by_zone }
    }

    fn for_account(&mut self, account: &Account) -> Result<Timestamp, EngineError> {
        let zone = &account.time_zone;
        if let Some(end) = self.by_zone.get(zone.name()) {
            return Ok(*end);
        }
        let end = self.month.period(zone)?.end();
        self.by_zone.insert(zone.name().to_owned(), end);
        Ok(end)
    }
}

impl ClosedPeriod {
    fn add_invoice(&mut self, invoice: ClosedInvoice) -> Result<(), EngineError> {
        self.invoice_count += 1;
        self.subtotal_micro_synor = self
            .subtotal_micro_synor
            .checked_add(invoice.subtotal_micro_synor)?;
        self.total_due_micro_synor = self
            .total_due_micro_synor
            .checked_add(invoice.total_due_micro_synor)?;
        if self.invoices.len() < CLOSED_LISTED_MAX {
            self.invoices.push(invoice);
        }
        Ok(())
    }

    fn add_failed(&mut self, failed: FailedAccount) {
        self.failed_count += 1;
        if self.failed.len() < CLOSED_LISTED_MAX {
            self.failed.push(failed);
        }
    }

    fn take_in(&mut self, part: Self) -> Result<(), EngineError> {
        self.invoice_count += part.invoice_count;
        self.already_closed += part.already_closed;
        self.without_usage += part.without_usage;
        self.failed_count += part.failed_count;
        self.subtotal_micro_synor = self
            .subtotal_micro_synor
            .checked_add(part.subtotal_micro_synor)?;
        self.total_due_micro_synor = self
            .total_due_micro_synor
            .checked_add(part.total_due_micro_synor)?;
        let room = CLOSED_LISTED_MAX - self.invoices.len();
        self.invoices.extend(part.invoices.into_iter().take(room));
        let room = CLOSED_LISTED_MAX - self.failed.len();
        self.failed.extend(part.failed.into_iter().take(room));
        Ok(())
    }
}

impl From<&Invoice> for ClosedInvoice {
    fn from(invoice: &Invoice) -> Self {
        Self {
            invoice_id: invoice.invoice_id,
            number: invoice.number,
            account_id: invoice.account_id.clone(),
            line_count: invoice.line_items.len() as u64,
            subtotal_micro_synor: invoice.subtotal_micro_synor,
            total_due_micro_synor: invoice.total_due_micro_synor,
            status: invoice.status,
        }
    }
}

/// Works something out on a thread where it holds up no other future.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result),
        Err(error) => match error.try_into_panic() {
            Ok(panicked) => panic::resume_unwind(panicked),
            // The runtime is being shut down.
            Err(_) => Err(StoreError::Closed.into()),
        },
    }
}
