//! What each event does to the books: finalizing, paying, taking back, voiding, granting and
//! deducting, each as new states of the things it touches and the journal entries that prove it.

use thiserror::Error;

use super::credit::{CreditEntry, CreditError, CreditManager, CreditSource, CreditUse};
use super::credit_note::carried_taxes;
use super::invoice::{Invoice, InvoiceError};
use super::ledger::{JournalEntry, LedgerAccount as Account, LedgerError};
use super::payment::{Payment, PaymentStatus, PaymentTarget};
use super::tax::{tax_added, tax_total};
use crate::distribution::{Distribution, DistributionError, FeeSplit};
use crate::id::{AccountId, CreditId, DeductionId, EntryId};
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

/// Why something could not be settled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)]
pub enum SettlementError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    #[error(transparent)]
    Credit(#[from] CreditError),
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What a payment does to the books.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// The invoice it was for, in its new state.
    pub invoice: Option<Invoice>,
    /// The credit that it became, or that was taken back.
    pub credit: Option<CreditEntry>,
    /// Who earned from the invoice, now that it is paid.
    pub distribution: Option<Distribution>,
    /// The proof.
    pub entries: Vec<JournalEntry>,
}

/// A finalized invoice turns into what is owed, less the credits used; lines below zero turn into
/// credit, with their taxes. Nothing for an invoice of nothing.
pub fn finalized(
    invoice: &Invoice,
) -> Result<(Vec<JournalEntry>, Option<CreditEntry>), SettlementError> {
    let account = &invoice.account_id;
    let back = carried_taxes(invoice)?;
    let carried = invoice.carried_over()?.checked_add(tax_added(&back)?)?;
    let fees_back = carried.checked_sub(tax_total(&back)?)?;
    let fees = invoice.fees_total()?.checked_sub(fees_back)?;
    let taxes = tax_total(&invoice.taxes)?.checked_sub(tax_total(&back)?)?;
    let mut sides = credit_sides(account, &invoice.credits)?;
    sides.push((
        Account::Receivable(account.clone()),
        invoice.total_due_micro_synor,
    ));
    sides.push((Account::ServiceFees, fees.checked_neg()?));
    sides.push((Account::Tax, taxes.checked_neg()?));
    sides.push((Account::Credit(account.clone()), carried.checked_neg()?));
    let credit = if carried.is_positive() {
        let source = CreditSource::Correction {
            invoice_id: invoice.invoice_id,
        };
        let id = CreditId::derived(&["correction", &invoice.invoice_id.to_string()]);
        Some(CreditEntry::grant(
            id,
            account.clone(),
            carried,
            source,
            None,
            invoice.created_at,
        )?)
    } else {
        None
    };
    let id = invoice.invoice_id.to_string();
    let text = format!("{} of {account} for {}", invoice.number, invoice.month);
    let entries = entry_unless_empty(&["finalized", &id], invoice.created_at, text, sides)?;
    Ok((entries, credit))
}

/// A paid invoice is distributed: what was collected for it, less its taxes, goes to those who
/// earned it. Nothing if it was paid by granted credit alone. `before` is its last distribution, if one was undone.
pub fn distributed(
    invoice: &Invoice,
    split: &FeeSplit,
    before: Option<&Distribution>,
    now: Timestamp,
) -> Result<Option<(Distribution, JournalEntry)>, SettlementError> {
    let collected = invoice.distributable()?;
    if !collected.is_positive() {
        return Ok(None);
    }
    let round = before.map_or(1, |d| d.round.saturating_add(1));
    let distribution = Distribution::of(invoice, collected, split, round, now)?;
    let cause = [
        "distributed",
        &invoice.invoice_id.to_string(),
        &round.to_string(),
    ];
    let text = format!("distribution of {}", invoice.number);
    let entry = JournalEntry::new(&cause, now, text, distribution_sides(&distribution)?)?;
    Ok(Some((distribution, entry)))
}

pub(super) fn distribution_sides(
    distribution: &Distribution,
) -> Result<Vec<(Account, MicroSynor)>, MoneyError> {
    let mut sides = vec![(Account::ServiceFees, distribution.collected_micro_synor)];
    for share in &distribution.operators {
        let owed = share.amount_micro_synor.checked_neg()?;
        sides.push((Account::Operator(share.provider.clone()), owed));
    }
    sides.push((
        Account::Treasury,
        distribution.treasury_micro_synor.checked_neg()?,
    ));
    sides.push((Account::Burn, distribution.burn_micro_synor.checked_neg()?));
    Ok(sides)
}

/// A payment has its confirmations: it settles its invoice, and what the invoice does not take
/// becomes prepaid credit; a deposit becomes credit; what names nothing known waits in suspense.
pub fn confirmed(
    payment: &mut Payment,
    invoice: Option<Invoice>,
    before: Option<&Distribution>,
    split: &FeeSplit,
    now: Timestamp,
) -> Result<Settled, SettlementError> {
    payment.times_confirmed = payment.times_confirmed.saturating_add(1);
    payment.status = PaymentStatus::Confirmed;
    payment.confirmed_at = Some(now);
    let round = payment.times_confirmed.to_string();
    let tx = payment.tx_id.as_str().to_owned();
    let amount = payment.amount_micro_synor;
    let mut sides = vec![(Account::ChainClearing, amount)];
    let mut settled = Settled::default();
    let Some(account) = payment.account_id.clone() else {
        sides.push((Account::Suspense, amount.checked_neg()?));
        let text = format!("unmatched transfer {tx}");
        settled.entries.push(JournalEntry::new(
            &["confirmed", &tx, &round],
            now,
            text,
            sides,
        )?);
        return Ok(settled);
    };
    let mut rest = amount;
    if let Some(invoice) = invoice {
        let was_owed = invoice.unsettled()?.is_positive();
        let (invoice, taken) = invoice.settle(amount, &payment.tx_id, now)?;
        rest = rest.checked_sub(taken)?;
        payment.settled_micro_synor = taken;
        sides.push((invoice.unsettled_account(), taken.checked_neg()?));
        let completed = was_owed && invoice.unsettled()?.is_zero();
        let earned = if completed {
            distributed(&invoice, split, before, now)?
        } else {
            None
        };
        if let Some((distribution, entry)) = earned {
            settled.distribution = Some(distribution);
            settled.entries.push(entry);
        }
        settled.invoice = Some(invoice);
    }
    let owed_back = payment.clawback_micro_synor.min(rest);
    rest = rest.checked_sub(owed_back)?;
    payment.clawback_micro_synor = payment.clawback_micro_synor.checked_sub(owed_back)?;
    sides.push((Account::Clawback(account.clone()), owed_back.checked_neg()?));
    payment.credited_micro_synor = rest;
    if rest.is_positive() {
        let source = CreditSource::Prepaid {
            tx_id: payment.tx_id.clone(),
        };
        let id = CreditId::derived(&["prepaid", &tx, &round]);
        settled.credit = Some(CreditEntry::grant(
            id,
            account.clone(),
            rest,
            source,
            None,
            now,
        )?);
        sides.push((Account::Prepaid(account.clone()), rest.checked_neg()?));
    }
    let text = match payment.target {
        PaymentTarget::Deposit(_) => format!("deposit of {account}"),
        _ => format!("payment of {account}"),
    };
    let received = JournalEntry::new(&["confirmed", &tx, &round], now, text, sides)?;
    settled.entries.insert(0, received);
    Ok(settled)
}

/// The chain took a counted payment back: everything it did is undone. What of its credit had been
/// spent already is owed by the account until the transfer is mined again.
pub fn taken_back(
    payment: &mut Payment,
    invoice: Option<Invoice>,
    credit: Option<CreditEntry>,
    distribution: Option<Distribution>,
    reason: &str,
    now: Timestamp,
) -> Result<Settled, SettlementError> {
    let round = payment.times_confirmed.to_string();
    let tx = payment.tx_id.as_str().to_owned();
    let mut settled = Settled::default();
    let mut sides = vec![(
        Account::ChainClearing,
        payment.amount_micro_synor.checked_neg()?,
    )];
    match payment.account_id.clone() {
        None => sides.push((Account::Suspense, payment.amount_micro_synor)),
        Some(account) => {
            let unspent = credit
                .as_ref()
                .map_or(MicroSynor::ZERO, |c| c.remaining_micro_synor);
            let clawback = payment
                .amount_micro_synor
                .checked_sub(payment.settled_micro_synor)?
                .checked_sub(unspent)?;
            let owed = match &invoice {
                Some(invoice) => invoice.unsettled_account(),
                None => Account::Receivable(account.clone()),
            };
            sides.push((owed, payment.settled_micro_synor));
            sides.push((Account::Prepaid(account.clone()), unspent));
            sides.push((Account::Clawback(account), clawback));
            // Something may still be owed from the time before.
            payment.clawback_micro_synor = payment.clawback_micro_synor.checked_add(clawback)?;
            settled.credit = credit.map(|c| CreditEntry {
                remaining_micro_synor: MicroSynor::ZERO,
                ..c
            });
        }
    }
    let text = format!("{tx} was taken back: {reason}");
    settled.entries.push(JournalEntry::new(
        &["taken back", &tx, &round],
        now,
        text,
        sides,
    )?);
    // A payment that settled nothing of its invoice leaves it paid, and distributed.
    let undone = payment.settled_micro_synor.is_positive();
    if let Some(distribution) = distribution.filter(|d| undone && d.reversed_at.is_none()) {
        let cause = [
            "undistributed",
            &distribution.invoice_id.to_string(),
            &distribution.round.to_string(),
        ];
        let sides = distribution_sides(&distribution)?
            .into_iter()
            .map(|(side, amount)| Ok((side, amount.checked_neg()?)))
            .collect::<Result<Vec<_>, MoneyError>>()?;
        let text = format!("distribution undone: {reason}");
        // Credit notes may have left nothing of it.
        settled
            .entries
            .extend(entry_unless_empty(&cause, now, text, sides)?);
        settled.distribution = Some(distribution.reversed(now));
    }
    if let Some(invoice) = invoice {
        settled.invoice = Some(invoice.unsettle(payment.settled_micro_synor, now)?);
    }
    payment.status = PaymentStatus::Failed {
        reason: reason.to_owned(),
    };
    payment.settled_micro_synor = MicroSynor::ZERO;
    payment.credited_micro_synor = MicroSynor::ZERO;
    Ok(settled)
}

/// An invoice is cancelled: nothing is owed on it, and its credits are given back.
pub fn voided(
    invoice: Invoice,
    credits: &mut CreditManager,
    now: Timestamp,
) -> Result<(Invoice, Vec<JournalEntry>), SettlementError> {
    let invoice = invoice.void(now)?;
    credits.give_back(&invoice.credits)?;
    let account = &invoice.account_id;
    let mut sides = vec![
        (Account::ServiceFees, invoice.fees_total()?),
        (Account::Tax, tax_total(&invoice.taxes)?),
        (
            Account::Receivable(account.clone()),
            invoice.total_due_micro_synor.checked_neg()?,
        ),
    ];
    for (side, amount) in credit_sides(account, &invoice.credits)? {
        sides.push((side, amount.checked_neg()?));
    }
    let id = invoice.invoice_id.to_string();
    let text = format!("{} of {account} voided", invoice.number);
    let entries = entry_unless_empty(&["voided", &id], now, text, sides)?;
    Ok((invoice, entries))
}

/// A credit is given to an account without coins.
pub fn granted(credit: &CreditEntry) -> Result<JournalEntry, SettlementError> {
    let id = credit.credit_id.to_string();
    let amount = credit.amount_micro_synor;
    let text = format!(
        "credit for {}: {}",
        credit.account_id,
        credit.source.describe()
    );
    let sides = [
        (Account::CreditsGranted, amount),
        (
            Account::Credit(credit.account_id.clone()),
            amount.checked_neg()?,
        ),
    ];
    Ok(JournalEntry::new(
        &["granted", &id],
        credit.created_at,
        text,
        sides,
    )?)
}

/// Credits are spent in real time.
pub fn deducted(
    id: DeductionId,
    account: &AccountId,
    uses: &[CreditUse],
    reason: &str,
    now: Timestamp,
) -> Result<JournalEntry, SettlementError> {
    let mut sides = credit_sides(account, uses)?;
    let total = MicroSynor::sum(uses.iter().map(|u| u.amount_micro_synor))?;
    sides.push((Account::ServiceFees, total.checked_neg()?));
    let text = format!("deduction from {account}: {reason}");
    let entry_id = EntryId::from_uuid(id.uuid());
    Ok(JournalEntry::with_id(entry_id, now, text, sides)?)
}

/// The debits that use credits: deposits and granted credit lie in different accounts.
pub(super) fn credit_sides(
    account: &AccountId,
    uses: &[CreditUse],
) -> Result<Vec<(Account, MicroSynor)>, MoneyError> {
    let of = |prepaid: bool| {
        let same = uses.iter().filter(|u| u.is_prepaid == prepaid);
        MicroSynor::sum(same.map(|u| u.amount_micro_synor))
    };
    Ok(vec![
        (Account::Prepaid(account.clone()), of(true)?),
        (Account::Credit(account.clone()), of(false)?),
    ])
}

fn entry_unless_empty(
    cause: &[&str],
    at: Timestamp,
    text: String,
    sides: Vec<(Account, MicroSynor)>,
) -> Result<Vec<JournalEntry>, LedgerError> {
    if sides.iter().all(|(_, amount)| amount.is_zero()) {
        return Ok(Vec::new());
    }
    Ok(vec![JournalEntry::new(cause, at, text, sides)?])
}
