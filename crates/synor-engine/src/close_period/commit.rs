//! Numbering a gathered chunk and committing its invoices, journal entries and credits at once.

use std::collections::BTreeMap;
use std::ops::Range;

use synor_economics::billing::settlement::{distributed, finalized};
use synor_economics::billing::{CreditNote, CreditNoteNumber, Invoice, InvoiceNumber};
use synor_economics::distribution::FeeSplit;
use synor_economics::id::AccountId;
use synor_economics::period::{Month, Timestamp};
use synor_store::{ChangeSet, Counter, Scope};
use tokio::sync::mpsc;

use super::gather::{Billable, Chunk, Outcome};
use super::{ClosedInvoice, ClosedPeriod, FailedAccount, INVOICE_NUMBERS, apart};
use crate::engine::{Engine, decide_again};
use crate::error::EngineError;

/// What finalizing needs to know besides the account.
#[derive(Clone)]
struct Terms {
    fee_split: FeeSplit,
    now: Timestamp,
}

/// An account with the numbers that its invoice, and a credit note beside it, will have.
struct NumberedAccount {
    number: InvoiceNumber,
    note: Option<CreditNoteNumber>,
    billable: Billable,
}

/// What some invoices change, and their rows of the answer.
struct Finalized {
    changes: ChangeSet,
    invoices: Vec<ClosedInvoice>,
}

/// Where numbering goes on: the version of the sequence, and the last number given out.
#[derive(Clone, Copy)]
struct Numbers {
    version: u64,
    last: u64,
}

/// A chunk whose invoices are numbered, on its way into the book.
struct Numbered {
    accounts: Vec<AccountId>,
    closed: ClosedPeriod,
    /// None if there is nothing to bill.
    changes: Option<ChangeSet>,
    /// Where the next chunk goes on.
    next: Numbers,
}

impl Engine {
    /// Commits chunk after chunk. The next one is numbered while the one before it lands, on the
    /// numbers that will follow; if that one does not land as it was decided, both are decided again.
    pub(super) async fn commit_all(
        &self,
        month: Month,
        mut waiting: mpsc::Receiver<Result<Chunk, EngineError>>,
        progress: impl Fn(usize),
    ) -> Result<ClosedPeriod, EngineError> {
        let _mine = self.turn(&Scope::InvoiceNumbers).await;
        let mut closed = ClosedPeriod::default();
        let mut done: usize = 0;
        progress(done);
        let mut numbers = self.numbers().await?;
        let mut landing: Option<Numbered> = None;
        loop {
            let next = async {
                match waiting.recv().await {
                    Some(chunk) => self.number(chunk?, numbers).await.map(Some),
                    None => Ok(None),
                }
            };
            let (landed, next) = tokio::join!(self.land(landing), next);
            let next = match landed? {
                Landed::AsDecided(part, accounts) => {
                    closed.take_in(part)?;
                    done = done.saturating_add(accounts);
                    next?
                }
                Landed::Not(accounts) => {
                    let next = next?.map(|numbered| numbered.accounts);
                    for accounts in [accounts].into_iter().chain(next) {
                        done = done.saturating_add(accounts.len());
                        closed.take_in(self.commit_again(month, accounts).await?)?;
                    }
                    numbers = self.numbers().await?;
                    progress(done);
                    landing = None;
                    continue;
                }
            };
            progress(done);
            match next {
                Some(numbered) => {
                    numbers = numbered.next;
                    landing = Some(numbered);
                }
                None => return Ok(closed),
            }
        }
    }

    /// Gathers a chunk that something has come between again, and commits it.
    async fn commit_again(
        &self,
        month: Month,
        accounts: Vec<AccountId>,
    ) -> Result<ClosedPeriod, EngineError> {
        // Nobody spends between what is read now and what is committed, so that accounts in constant
        // use are billed, too.
        let _turns = self.turns_of(&accounts).await;
        decide_again(|| async {
            let chunk = self.gather_chunk(month, accounts.clone()).await?;
            let numbered = self.number(chunk, self.numbers().await?).await?;
            if let Some(changes) = numbered.changes {
                self.commit(changes).await?;
            }
            Ok(numbered.closed)
        })
        .await
    }

    async fn land(&self, numbered: Option<Numbered>) -> Result<Landed, EngineError> {
        let Some(numbered) = numbered else {
            return Ok(Landed::AsDecided(ClosedPeriod::default(), 0));
        };
        if let Some(changes) = numbered.changes {
            match self.commit(changes).await {
                Err(error) if error.is_conflict() => return Ok(Landed::Not(numbered.accounts)),
                landed => landed?,
            };
        }
        Ok(Landed::AsDecided(numbered.closed, numbered.accounts.len()))
    }

    async fn numbers(&self) -> Result<Numbers, EngineError> {
        let version = self.store.version(&Scope::InvoiceNumbers).await?;
        let counter: Option<Counter> = self.store.get(INVOICE_NUMBERS).await?;
        let last = counter.map_or(0, |c| c.last);
        Ok(Numbers { version, last })
    }

    async fn number(&self, chunk: Chunk, numbers: Numbers) -> Result<Numbered, EngineError> {
        let accounts = chunk.accounts.clone();
        let (mut closed, billable) = sorted(chunk);
        if billable.is_empty() {
            return Ok(Numbered {
                accounts,
                closed,
                changes: None,
                next: numbers,
            });
        }
        let now = self.now();
        let mut changes = ChangeSet::new(Self::fresh_command("close"), now);
        changes.expect(Scope::InvoiceNumbers, numbers.version);
        let mut notes = self.note_numbers(&billable, &mut changes).await?;
        let mut last = numbers.last;
        let mut numbered = Vec::with_capacity(billable.len());
        for billable in billable {
            last += 1;
            let note = if billable.draft.carried_over()?.is_positive() {
                notes.next().map(CreditNoteNumber::new)
            } else {
                None
            };
            numbered.push(NumberedAccount {
                number: InvoiceNumber::new(last),
                note,
                billable,
            });
        }
        changes.put(&Counter {
            name: INVOICE_NUMBERS.to_owned(),
            last,
        })?;
        let terms = Terms {
            fee_split: self.fee_split,
            now,
        };
        for invoice in finalize(numbered, terms, &mut changes).await? {
            closed.add_invoice(invoice)?;
        }
        Ok(Numbered {
            accounts,
            closed,
            changes: Some(changes),
            next: Numbers {
                version: numbers.version + 1,
                last,
            },
        })
    }

    /// Numbers for the credit notes of those that carry something over; of most chunks nobody does,
    /// and then nothing is read. Where two chunks in a row do, the second is decided again.
    async fn note_numbers(
        &self,
        billable: &[Billable],
        changes: &mut ChangeSet,
    ) -> Result<Range<u64>, EngineError> {
        let mut wanted = 0;
        for billable in billable {
            wanted += u64::from(billable.draft.carried_over()?.is_positive());
        }
        if wanted == 0 {
            return Ok(0..0);
        }
        let (version, mut counter) = self.credit_note_numbers().await?;
        let first = counter.last + 1;
        counter.last += wanted;
        let numbers = first..counter.last + 1;
        changes
            .expect(Scope::CreditNoteNumbers, version)
            .put(&counter)?;
        Ok(numbers)
    }
}

/// What became of a numbered chunk.
enum Landed {
    /// It is in the book: what it came to, and of how many accounts.
    AsDecided(ClosedPeriod, usize),
    /// Something has changed since it was decided; nothing of these accounts landed.
    Not(Vec<AccountId>),
}

/// Counts the accounts that have no invoice, and keeps those that will.
fn sorted(chunk: Chunk) -> (ClosedPeriod, Vec<Billable>) {
    let mut closed = ClosedPeriod::default();
    let mut billable = Vec::new();
    for (account_id, outcome) in chunk.accounts.into_iter().zip(chunk.outcomes) {
        match outcome {
            Outcome::Billable(account) => billable.push(*account),
            Outcome::AlreadyClosed => closed.already_closed += 1,
            Outcome::WithoutUsage => closed.without_usage += 1,
            Outcome::Failed(reason) => closed.add_failed(FailedAccount { account_id, reason }),
        }
    }
    (closed, billable)
}

/// Finalizes invoices, the two halves of them beside each other.
async fn finalize(
    mut numbered: Vec<NumberedAccount>,
    terms: Terms,
    changes: &mut ChangeSet,
) -> Result<Vec<ClosedInvoice>, EngineError> {
    let second = numbered.split_off(numbered.len().div_ceil(2));
    let of_second = terms.clone();
    let halves = tokio::try_join!(
        apart(move || Finalized::of(numbered, &terms)),
        apart(move || Finalized::of(second, &of_second))
    )?;
    let mut invoices = Vec::new();
    for half in [halves.0?, halves.1?] {
        changes.expects.extend(half.changes.expects);
        changes.documents.extend(half.changes.documents);
        changes.entries.extend(half.changes.entries);
        invoices.extend(half.invoices);
    }
    Ok(invoices)
}

impl Finalized {
    fn of(numbered: Vec<NumberedAccount>, terms: &Terms) -> Result<Self, EngineError> {
        let mut all = Self {
            changes: ChangeSet::new(String::new(), terms.now),
            invoices: Vec::with_capacity(numbered.len()),
        };
        for numbered in numbered {
            let invoice = all.add(numbered, terms)?;
            all.invoices.push(ClosedInvoice::from(&invoice));
        }
        Ok(all)
    }

    fn add(&mut self, numbered: NumberedAccount, terms: &Terms) -> Result<Invoice, EngineError> {
        let NumberedAccount {
            number,
            note,
            billable,
        } = numbered;
        let Billable {
            version,
            draft,
            mut credits,
        } = billable;
        let before: BTreeMap<_, _> = credits
            .credits()
            .iter()
            .map(|c| (c.credit_id, c.remaining_micro_synor))
            .collect();
        let invoice = draft.finalize(number, &mut credits, terms.now)?;
        let (entries, carried) = finalized(&invoice)?;
        let changes = &mut self.changes;
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
        if let Some(number) = note
            && let Some(note) = CreditNote::carried_over(&invoice, number)?
        {
            changes.put(&note)?;
        }
        if invoice.outstanding()?.is_zero()
            && let Some((distribution, entry)) =
                distributed(&invoice, &terms.fee_split, None, terms.now)?
        {
            changes.put(&distribution)?;
            changes.entries.push(entry);
        }
        Ok(invoice)
    }
}
