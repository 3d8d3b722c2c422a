//! Verification: every invoice is worked out again from the usage log, every balance from the
//! journal, and what was collected is held against what was distributed and what is kept.

use std::collections::BTreeMap;

use serde::Serialize;
use synor_economics::billing::{
    CreditEntry, Hold, Invoice, LedgerAccount, Payment, PaymentStatus, TaxLine,
};
use synor_economics::distribution::Distribution;
use synor_economics::id::{AccountId, CreditId, HoldId};
use synor_economics::money::MicroSynor;
use synor_store::{BookCheck, Counter, Deduction, Document, ListQuery, StoreError};

use crate::close_period::INVOICE_NUMBERS;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::jobs::chain_of;

/// How often everything is read again because it moved meanwhile.
const ATTEMPTS_MAX: u32 = 5;

/// What verification read and found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verification {
    /// Usage events read.
    pub events: u64,
    /// Invoices worked out again.
    pub invoices: u64,
    /// Journal entries summed.
    pub journal_entries: u64,
    /// Documents read.
    pub documents: u64,
    /// What was collected on chain, less what was refunded.
    pub collected_micro_synor: MicroSynor,
    /// What of it was distributed.
    pub distributed_micro_synor: MicroSynor,
    /// What is on its way to customers as refunds, and not yet confirmed.
    pub refunding_micro_synor: MicroSynor,
    /// What was invoiced for the tax authorities, and not given back.
    pub tax_micro_synor: MicroSynor,
    /// What of it is held: taxes, deposits not used, invoices not fully paid, coins without a reference.
    pub held_micro_synor: MicroSynor,
    /// What does not hold; empty if everything does.
    pub problems: Vec<String>,
}

impl Engine {
    /// Reads everything again. It fails only if it cannot read at all; what is wrong with what it
    /// reads is in the answer.
    ///
    /// What it reads may change while it reads. So what is found beside traffic counts only if the
    /// book stood still meanwhile; else it is read again, a few times.
    pub async fn verify(&self) -> Result<Verification, EngineError> {
        let mut attempts = 0;
        loop {
            let before = self.movement().await?;
            let found = self.verify_once().await?;
            attempts += 1;
            let stood_still = before == self.movement().await?;
            if found.problems.is_empty() || stood_still || attempts == ATTEMPTS_MAX {
                return Ok(found);
            }
        }
    }

    /// What differs whenever something has been counted, posted or numbered.
    async fn movement(&self) -> Result<(u64, u64), EngineError> {
        Ok((self.usage.position().await?, self.store.commits().await?))
    }

    async fn verify_once(&self) -> Result<Verification, EngineError> {
        let mut found = Verification::default();
        let log = self.usage.check().await?;
        found.events = log.events;
        found
            .problems
            .extend(log.problems.iter().map(|p| format!("usage log: {p}")));
        let book = self.store.check().await?;
        found.documents = book.documents;
        found.journal_entries = book.entries;
        found
            .problems
            .extend(book.problems.iter().map(|p| format!("book: {p}")));

        let invoices: Vec<Invoice> = self.all_sound(&mut found).await?;
        let credits: Vec<CreditEntry> = self.all_sound(&mut found).await?;
        let payments: Vec<Payment> = self.all_sound(&mut found).await?;
        let deductions: Vec<Deduction> = self.all_sound(&mut found).await?;
        let distributions: Vec<Distribution> = self.all_sound(&mut found).await?;
        let holds: Vec<Hold> = self.all_sound(&mut found).await?;
        self.check_numbers(&invoices, &mut found).await?;
        self.check_invoices(&invoices, &mut found).await?;
        check_credits(&invoices, &deductions, &holds, &credits, &mut found)?;
        check_holds(&holds, &deductions, &mut found)?;
        check_wallets(&book, &invoices, &credits, &holds, &mut found)?;
        let refunded = self.check_corrections(&book, &invoices, &mut found).await?;
        check_distribution(
            &book,
            &invoices,
            &payments,
            &distributions,
            refunded,
            &mut found,
        )?;
        self.check_limits(&book, &credits, &mut found).await?;
        self.check_spot(&mut found).await?;
        self.check_rates(&invoices, &mut found).await?;
        self.check_chain(&mut found).await;
        Ok(found)
    }

    /// All documents of a kind that can be read; what cannot is a problem.
    pub(crate) async fn all_sound<D: Document>(
        &self,
        found: &mut Verification,
    ) -> Result<Vec<D>, EngineError> {
        match self.store.documents(ListQuery::all(D::KIND)).await {
            Ok(page) => {
                let mut sound = Vec::with_capacity(page.items.len());
                for stored in &page.items {
                    match stored.unpack() {
                        Ok(document) => sound.push(document),
                        Err(error) => found.problems.push(error.to_string()),
                    }
                }
                Ok(sound)
            }
            Err(error @ StoreError::Corrupt { .. }) => {
                found.problems.push(error.to_string());
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn check_numbers(
        &self,
        invoices: &[Invoice],
        found: &mut Verification,
    ) -> Result<(), EngineError> {
        for (expected, invoice) in (1u64..).zip(invoices) {
            if invoice.number.get() != expected {
                let number = invoice.number;
                found
                    .problems
                    .push(format!("invoice {number} stands at place {expected}"));
            }
        }
        let counters: Vec<Counter> = self.all_sound(found).await?;
        let counter = counters.iter().find(|c| c.name == INVOICE_NUMBERS);
        let (last, count) = (counter.map_or(0, |c| c.last), invoices.len() as u64);
        if last != count {
            found
                .problems
                .push(format!("{last} invoices were numbered, {count} are there"));
        }
        Ok(())
    }

    async fn check_invoices(
        &self,
        invoices: &[Invoice],
        found: &mut Verification,
    ) -> Result<(), EngineError> {
        let mut earlier: BTreeMap<&AccountId, Vec<Invoice>> = BTreeMap::new();
        for invoice in invoices {
            found.invoices += 1;
            let before = earlier.entry(&invoice.account_id).or_default();
            match self.account(&invoice.account_id).await {
                Ok(account) => {
                    let through = Some(invoice.usage_log_position);
                    match self
                        .month_draft(&account, invoice.month, through, before)
                        .await
                    {
                        Ok(again) => compare(invoice, &again, found),
                        Err(error) => found.problems.push(format!(
                            "{}: cannot be worked out again: {}",
                            invoice.number,
                            chain_of(&error)
                        )),
                    }
                }
                Err(error) => found.problems.push(format!("{}: {error}", invoice.number)),
            }
            before.push(invoice.clone());
        }
        Ok(())
    }

    async fn check_chain(&self, found: &mut Verification) {
        let balance = match self.chain.balance(self.pay_to()).await {
            Ok(balance) => balance,
            Err(error) => {
                found.problems.push(format!("chain: {error}"));
                return;
            }
        };
        // The chain may hold more: transfers that wait for confirmations. It holds less by refunds that
        // wait for theirs.
        let there = i64::try_from(balance.soma() / 100).unwrap_or(i64::MAX);
        let there = there.saturating_add(found.refunding_micro_synor.micro());
        if MicroSynor::new(there) < found.collected_micro_synor {
            found.problems.push(format!(
                "chain: {} holds {}, but {} were counted",
                self.pay_to(),
                MicroSynor::new(there),
                found.collected_micro_synor
            ));
        }
    }
}

fn compare(invoice: &Invoice, again: &synor_economics::billing::Draft, found: &mut Verification) {
    let number = invoice.number;
    if again.invoice_id != invoice.invoice_id {
        found.problems.push(format!(
            "{number}: its id is not that of its account and month"
        ));
    }
    if again.line_items == invoice.line_items
        && again.subtotal_micro_synor == invoice.subtotal_micro_synor
    {
        if !same_taxes(&invoice.taxes, &again.taxes) {
            found
                .problems
                .push(format!("{number}: its taxes are not those of its account"));
        }
        return;
    }
    found.problems.push(format!(
        "{number} of {} for {}: it says {}, its usage comes to {}",
        invoice.account_id, invoice.month, invoice.subtotal_micro_synor, again.subtotal_micro_synor
    ));
}

/// Whether the taxes are the same, but for what was given back since.
fn same_taxes(invoiced: &[TaxLine], again: &[TaxLine]) -> bool {
    invoiced.len() == again.len()
        && invoiced.iter().zip(again).all(|(tax, again)| {
            tax.tax == again.tax && tax.exact_micro_synor == again.exact_micro_synor
        })
}

/// The uses of a credit never exceed it.
fn check_credits(
    invoices: &[Invoice],
    deductions: &[Deduction],
    holds: &[Hold],
    credits: &[CreditEntry],
    found: &mut Verification,
) -> Result<(), EngineError> {
    let mut used: BTreeMap<CreditId, MicroSynor> = BTreeMap::new();
    let of_invoices = invoices
        .iter()
        .filter(|i| i.voided_at.is_none())
        .flat_map(|i| &i.credits);
    let spent = deductions.iter().flat_map(|d| &d.credits);
    let on_hold = holds.iter().flat_map(|h| &h.credits);
    for part in of_invoices.chain(spent).chain(on_hold) {
        let sum = used.entry(part.credit_id).or_default();
        *sum = sum.checked_add(part.amount_micro_synor)?;
    }
    for credit in credits {
        let used = used.remove(&credit.credit_id).unwrap_or_default();
        if used.checked_add(credit.remaining_micro_synor)? > credit.amount_micro_synor {
            found.problems.push(format!(
                "credit {}: {used} were used of {}, yet {} remain",
                credit.credit_id, credit.amount_micro_synor, credit.remaining_micro_synor
            ));
        }
    }
    for (credit, amount) in used {
        found.problems.push(format!(
            "credit {credit}: {amount} were used of it, but it is missing"
        ));
    }
    Ok(())
}

/// What was captured of a hold is what its captures come to.
fn check_holds(
    holds: &[Hold],
    deductions: &[Deduction],
    found: &mut Verification,
) -> Result<(), EngineError> {
    let mut captured: BTreeMap<HoldId, MicroSynor> = BTreeMap::new();
    for deduction in deductions {
        if let Some(hold) = deduction.hold_id {
            let sum = captured.entry(hold).or_default();
            *sum = sum.checked_add(deduction.amount_micro_synor)?;
        }
    }
    for hold in holds {
        let sum = captured.remove(&hold.hold_id).unwrap_or_default();
        if sum != hold.captured_micro_synor {
            found.problems.push(format!(
                "hold {}: it says {} were captured, its captures come to {sum}",
                hold.hold_id, hold.captured_micro_synor
            ));
        }
    }
    for (hold, sum) in captured {
        let problem = format!("hold {hold}: {sum} were captured of it, but it is missing");
        found.problems.push(problem);
    }
    Ok(())
}

/// Every wallet in the journal is what its credits and invoices say.
fn check_wallets(
    book: &BookCheck,
    invoices: &[Invoice],
    credits: &[CreditEntry],
    holds: &[Hold],
    found: &mut Verification,
) -> Result<(), EngineError> {
    let mut expected: BTreeMap<LedgerAccount, MicroSynor> = BTreeMap::new();
    for credit in credits {
        let account = credit.account_id.clone();
        let wallet = if credit.source.is_prepaid() {
            LedgerAccount::Prepaid(account)
        } else {
            LedgerAccount::Credit(account)
        };
        let sum = expected.entry(wallet).or_default();
        *sum = sum.checked_sub(credit.remaining_micro_synor)?;
    }
    for hold in holds {
        let account = LedgerAccount::Held(hold.account_id.clone());
        let sum = expected.entry(account).or_default();
        *sum = sum.checked_sub(hold.left()?)?;
    }
    for invoice in invoices {
        let account = LedgerAccount::Receivable(invoice.account_id.clone());
        let sum = expected.entry(account).or_default();
        *sum = sum.checked_add(invoice.outstanding()?)?;
    }
    for account in book.balances.keys() {
        let own = matches!(
            account,
            LedgerAccount::Prepaid(_)
                | LedgerAccount::Credit(_)
                | LedgerAccount::Held(_)
                | LedgerAccount::Receivable(_)
        );
        if own {
            expected.entry(account.clone()).or_default();
        }
    }
    for (account, sum) in expected {
        let balance = book.balances.get(&account).copied().unwrap_or_default();
        if balance != sum {
            found.problems.push(format!(
                "{account}: the journal says {balance}, its documents come to {sum}"
            ));
        }
    }
    Ok(())
}

/// What was collected is what was distributed and what is held.
fn check_distribution(
    book: &BookCheck,
    invoices: &[Invoice],
    payments: &[Payment],
    distributions: &[Distribution],
    refunded: MicroSynor,
    found: &mut Verification,
) -> Result<(), EngineError> {
    let counted = payments
        .iter()
        .filter(|p| p.status == PaymentStatus::Confirmed);
    let counted = MicroSynor::sum(counted.map(|p| p.amount_micro_synor))?.checked_sub(refunded)?;
    let clearing = book
        .balances
        .get(&LedgerAccount::ChainClearing)
        .copied()
        .unwrap_or_default();
    if counted != clearing {
        let problem = format!(
            "payments that count, less refunds, come to {counted}, the journal says {clearing}"
        );
        found.problems.push(problem);
    }
    let live: BTreeMap<_, _> = distributions
        .iter()
        .filter(|d| d.reversed_at.is_none())
        .map(|d| (d.invoice_id, d))
        .collect();
    let distributed = MicroSynor::sum(live.values().map(|d| d.collected_micro_synor))?;
    let mut owed = MicroSynor::ZERO;
    for (account, balance) in &book.balances {
        use LedgerAccount::{Burn, Operator, Treasury};
        if matches!(account, Operator(_) | Treasury | Burn) {
            owed = owed.checked_sub(*balance)?;
        }
    }
    if owed != distributed {
        let problem = format!("{distributed} were distributed, but the journal owes {owed}");
        found.problems.push(problem);
    }
    for invoice in invoices {
        let is_paid = invoice.paid_at.is_some();
        let collected = if is_paid {
            invoice.distributable()?
        } else {
            MicroSynor::ZERO
        };
        let shared = live
            .get(&invoice.invoice_id)
            .map(|d| d.collected_micro_synor);
        if shared.unwrap_or_default() != collected {
            found.problems.push(format!(
                "{}: {collected} of it can be distributed, {} were",
                invoice.number,
                shared.unwrap_or_default()
            ));
        }
    }
    found.collected_micro_synor = clearing;
    found.distributed_micro_synor = distributed;
    found.held_micro_synor = clearing.checked_sub(distributed)?;
    Ok(())
}
