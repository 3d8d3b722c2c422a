//! Verification of what happened to invoices after they were finalized: credit notes, refunds, taxes
//! and what was written off.

use std::collections::BTreeMap;

use synor_economics::billing::{
    CreditNote, CreditNoteCause, Invoice, InvoiceStatus, LedgerAccount, tax_total,
};
use synor_economics::id::{AccountId, InvoiceId};
use synor_economics::money::MicroSynor;
use synor_store::{BookCheck, Counter};

use crate::credit_notes::CREDIT_NOTE_NUMBERS;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::refunds::{RefundStatus, RefundTransfer};
use crate::verify::Verification;

/// What was taken back of one invoice.
#[derive(Debug, Default)]
struct TakenBack {
    owed: MicroSynor,
    coins: MicroSynor,
    granted: MicroSynor,
    taxes: MicroSynor,
    carried_taxes: MicroSynor,
}

impl Engine {
    /// Checks credit notes against their invoices and the journal. Returns what was refunded on
    /// chain.
    pub(crate) async fn check_corrections(
        &self,
        book: &BookCheck,
        invoices: &[Invoice],
        found: &mut Verification,
    ) -> Result<MicroSynor, EngineError> {
        let notes: Vec<CreditNote> = self.all_sound(found).await?;
        let refunds: Vec<RefundTransfer> = self.all_sound(found).await?;
        let counters: Vec<Counter> = self.all_sound(found).await?;
        check_numbers(&notes, &counters, found);
        check_carried_over(&notes, invoices, found)?;
        let mut taken_back = by_invoice(&notes)?;
        check_invoices(book, invoices, &mut taken_back, found)?;
        for invoice in taken_back.keys() {
            found
                .problems
                .push(format!("a credit note is on {invoice}, which is missing"));
        }
        check_refunds(book, &notes, &refunds, found)
    }
}

fn check_numbers(notes: &[CreditNote], counters: &[Counter], found: &mut Verification) {
    for (expected, note) in (1u64..).zip(notes) {
        if note.number.get() != expected {
            let number = note.number;
            found
                .problems
                .push(format!("credit note {number} stands at place {expected}"));
        }
    }
    let counter = counters.iter().find(|c| c.name == CREDIT_NOTE_NUMBERS);
    let (last, count) = (counter.map_or(0, |c| c.last), notes.len() as u64);
    if last != count {
        found.problems.push(format!(
            "{last} credit notes were numbered, {count} are there"
        ));
    }
}

/// What an invoice carried over is what its credit note says.
fn check_carried_over(
    notes: &[CreditNote],
    invoices: &[Invoice],
    found: &mut Verification,
) -> Result<(), EngineError> {
    let by_id: BTreeMap<_, _> = invoices.iter().map(|i| (i.invoice_id, i)).collect();
    let carried = notes
        .iter()
        .filter(|n| n.cause == CreditNoteCause::Correction);
    for note in carried {
        let again = match by_id.get(&note.invoice_id) {
            Some(invoice) => CreditNote::carried_over(invoice, note.number)?,
            None => None,
        };
        if again.as_ref() != Some(note) {
            found.problems.push(format!(
                "{}: it is not what {} carried over",
                note.number, note.invoice_number
            ));
        }
    }
    Ok(())
}

fn by_invoice(notes: &[CreditNote]) -> Result<BTreeMap<InvoiceId, TakenBack>, EngineError> {
    let mut all: BTreeMap<InvoiceId, TakenBack> = BTreeMap::new();
    for note in notes {
        let sums = all.entry(note.invoice_id).or_default();
        let add = |sum: &mut MicroSynor, amount| {
            *sum = sum.checked_add(amount)?;
            Ok::<(), EngineError>(())
        };
        if note.cause == CreditNoteCause::Correction {
            add(&mut sums.carried_taxes, note.tax_total()?)?;
            continue;
        }
        add(&mut sums.owed, note.owed_micro_synor)?;
        add(&mut sums.coins, note.prepaid_micro_synor)?;
        add(&mut sums.coins, note.refund_micro_synor)?;
        add(&mut sums.granted, note.credit_micro_synor)?;
        add(&mut sums.taxes, note.tax_total()?)?;
    }
    Ok(all)
}

/// Every invoice says what its credit notes took back, and the journal holds the taxes and losses.
fn check_invoices(
    book: &BookCheck,
    invoices: &[Invoice],
    taken_back: &mut BTreeMap<InvoiceId, TakenBack>,
    found: &mut Verification,
) -> Result<(), EngineError> {
    let (mut taxes, mut given_up) = (MicroSynor::ZERO, MicroSynor::ZERO);
    for invoice in invoices {
        let sums = taken_back.remove(&invoice.invoice_id).unwrap_or_default();
        let said = (
            invoice.credited_micro_synor,
            invoice.returned_micro_synor,
            invoice.returned_credit_micro_synor,
        );
        if said != (sums.owed, sums.coins, sums.granted) {
            found.problems.push(format!(
                "{}: it does not say what its credit notes took back",
                invoice.number
            ));
        }
        let returned = MicroSynor::sum(invoice.taxes.iter().map(|tax| tax.returned_micro_synor))?;
        if returned != sums.taxes {
            found.problems.push(format!(
                "{}: {returned} of its taxes were given back, its credit notes say {}",
                invoice.number, sums.taxes
            ));
        }
        if invoice.status != InvoiceStatus::Voided {
            let kept = tax_total(&invoice.taxes)?.checked_sub(sums.taxes)?;
            taxes = taxes.checked_add(kept)?;
        }
        taxes = taxes.checked_sub(sums.carried_taxes)?;
        if invoice.written_off_at.is_some() {
            given_up = given_up.checked_add(invoice.unsettled()?)?;
        }
    }
    expect(book, &LedgerAccount::Tax, taxes.checked_neg()?, found);
    expect(book, &LedgerAccount::WriteOffs, given_up, found);
    found.tax_micro_synor = taxes;
    Ok(())
}

/// What is on its way to customers is what the journal owes them; returns what has arrived.
fn check_refunds(
    book: &BookCheck,
    notes: &[CreditNote],
    refunds: &[RefundTransfer],
    found: &mut Verification,
) -> Result<MicroSynor, EngineError> {
    let asked = MicroSynor::sum(notes.iter().map(|note| note.refund_micro_synor))?;
    let decided = MicroSynor::sum(refunds.iter().map(|refund| refund.amount_micro_synor))?;
    if asked != decided {
        found.problems.push(format!(
            "credit notes refund {asked}, transfers of {decided} were decided"
        ));
    }
    let mut confirmed = MicroSynor::ZERO;
    let mut waiting: BTreeMap<&AccountId, MicroSynor> = BTreeMap::new();
    for refund in refunds {
        let sum = waiting.entry(&refund.account_id).or_default();
        match refund.status {
            RefundStatus::Pending => {
                *sum = sum.checked_sub(refund.amount_micro_synor)?;
                found.refunding_micro_synor = found
                    .refunding_micro_synor
                    .checked_add(refund.amount_micro_synor)?;
            }
            RefundStatus::Confirmed => {
                confirmed = confirmed.checked_add(refund.amount_micro_synor)?;
            }
            RefundStatus::Refused { .. } => {}
        }
    }
    for account in book.balances.keys() {
        if let LedgerAccount::Refunds(account) = account {
            waiting.entry(account).or_default();
        }
    }
    for (account, sum) in waiting {
        expect(book, &LedgerAccount::Refunds(account.clone()), sum, found);
    }
    Ok(confirmed)
}

fn expect(book: &BookCheck, account: &LedgerAccount, sum: MicroSynor, found: &mut Verification) {
    let balance = book.balances.get(account).copied().unwrap_or_default();
    if balance != sum {
        found.problems.push(format!(
            "{account}: the journal says {balance}, its documents come to {sum}"
        ));
    }
}
