//! Numbering a gathered chunk and committing its invoices, journal entries and credits at once.

use std::collections::BTreeMap;

use synor_economics::billing::settlement::{distributed, finalized};
use synor_economics::billing::{Invoice, InvoiceNumber};
use synor_economics::distribution::FeeSplit;
use synor_economics::period::{Month, Timestamp};
use synor_store::{ChangeSet, Counter, Scope};

use super::gather::{Billable, Chunk, Outcome};
use super::{ClosedInvoice, ClosedPeriod, FailedAccount, INVOICE_NUMBERS, apart};
use crate::engine::Engine;
use crate::error::EngineError;

/// What finalizing needs to know besides the account.
#[derive(Clone)]
struct Terms {
    fee_split: FeeSplit,
    now: Timestamp,
}

/// What some invoices change, and their rows of the answer.
struct Finalized {
    changes: ChangeSet,
    invoices: Vec<ClosedInvoice>,
}

impl Engine {
    /// Commits a chunk; gathers it again as long as something has changed meanwhile.
    pub(super) async fn commit_chunk(
        &self,
        month: Month,
        chunk: Chunk,
    ) -> Result<ClosedPeriod, EngineError> {
        let accounts = chunk.accounts.clone();
        let mut gathered = Some(chunk);
        self.decide(&Scope::InvoiceNumbers, || {
            let (gathered, accounts) = (gathered.take(), &accounts);
            async move {
                // Again: this time nobody spends between what is read and what is committed, so
                // that an account in constant use is billed, too.
                let _turns;
                let chunk = match gathered {
                    Some(chunk) => chunk,
                    None => {
                        _turns = self.turns_of(accounts).await;
                        self.gather_chunk(month, accounts.clone()).await?
                    }
                };
                self.number_and_commit(chunk).await
            }
        })
        .await
    }

    async fn number_and_commit(&self, chunk: Chunk) -> Result<ClosedPeriod, EngineError> {
        let (mut closed, billable) = sorted(chunk);
        if billable.is_empty() {
            return Ok(closed);
        }
        let version = self.store.version(&Scope::InvoiceNumbers).await?;
        let counter: Option<Counter> = self.store.get(INVOICE_NUMBERS).await?;
        let mut last = counter.map_or(0, |c| c.last);
        let mut numbered = Vec::with_capacity(billable.len());
        for billable in billable {
            last += 1;
            numbered.push((InvoiceNumber::new(last), billable));
        }
        let now = self.now();
        let mut changes = ChangeSet::new(Self::fresh_command("close"), now);
        changes.expect(Scope::InvoiceNumbers, version);
        let last = Counter {
            name: INVOICE_NUMBERS.to_owned(),
            last,
        };
        changes.put(&last)?;
        let terms = Terms {
            fee_split: self.fee_split,
            now,
        };
        for invoice in finalize(numbered, terms, &mut changes).await? {
            closed.add_invoice(invoice)?;
        }
        self.store.commit(changes).await?;
        Ok(closed)
    }
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
    mut numbered: Vec<(InvoiceNumber, Billable)>,
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
    fn of(numbered: Vec<(InvoiceNumber, Billable)>, terms: &Terms) -> Result<Self, EngineError> {
        let mut all = Self {
            changes: ChangeSet::new(String::new(), terms.now),
            invoices: Vec::with_capacity(numbered.len()),
        };
        for (number, billable) in numbered {
            let invoice = all.add(number, billable, terms)?;
            all.invoices.push(ClosedInvoice::from(&invoice));
        }
        Ok(all)
    }

    fn add(
        &mut self,
        number: InvoiceNumber,
        billable: Billable,
        terms: &Terms,
    ) -> Result<Invoice, EngineError> {
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
