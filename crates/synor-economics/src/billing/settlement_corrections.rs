//! What corrections do to the books: credit notes, refunds on their way, and giving up what is owed.

use super::credit::{CreditEntry, CreditSource};
use super::credit_note::CreditNote;
use super::invoice::Invoice;
use super::ledger::{JournalEntry, LedgerAccount as Account};
use super::settlement::{SettlementError, distributed, distribution_sides};
use crate::distribution::{Distribution, FeeSplit};
use crate::id::CreditId;
use crate::money::MoneyError;
use crate::period::Timestamp;

/// What a credit note does to the books.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    /// What of it became credit.
    pub credits: Vec<CreditEntry>,
    /// Who earned from the invoice, as it stands now.
    pub distribution: Option<Distribution>,
    /// The proof.
    pub entries: Vec<JournalEntry>,
}

/// A credit note was made: income and taxes go back, and with them what was owed, coins and credit.
/// What of the invoice was distributed is taken back pro rata; an invoice that the credit note
/// settles is distributed. `after` is the invoice with the credit note on it, `last` what was last
/// distributed of it.
pub fn noted(
    note: &CreditNote,
    after: &Invoice,
    last: Option<Distribution>,
    split: &FeeSplit,
) -> Result<Noted, SettlementError> {
    let account = &note.account_id;
    let taxes = note.tax_total()?;
    let sides = [
        (
            Account::ServiceFees,
            note.amount_micro_synor.checked_sub(taxes)?,
        ),
        (Account::Tax, taxes),
        (
            after.unsettled_account(),
            note.owed_micro_synor.checked_neg()?,
        ),
        (
            Account::Prepaid(account.clone()),
            note.prepaid_micro_synor.checked_neg()?,
        ),
        (
            Account::Credit(account.clone()),
            note.credit_micro_synor.checked_neg()?,
        ),
        (
            Account::Refunds(account.clone()),
            note.refund_micro_synor.checked_neg()?,
        ),
    ];
    let (id, now) = (note.credit_note_id.to_string(), note.created_at);
    let text = format!("{} on {} of {account}", note.number, note.invoice_number);
    let mut noted = Noted {
        credits: credits_of(note)?,
        ..Noted::default()
    };
    noted
        .entries
        .push(JournalEntry::new(&["noted", &id], now, text, sides)?);
    let moved = match last {
        Some(live) if live.reversed_at.is_none() => reduced(note, after, &live)?,
        last if after.paid_at.is_some() => distributed(after, split, last.as_ref(), now)?,
        _ => None,
    };
    if let Some((distribution, entry)) = moved {
        noted.distribution = Some(distribution);
        noted.entries.push(entry);
    }
    Ok(noted)
}

fn credits_of(note: &CreditNote) -> Result<Vec<CreditEntry>, SettlementError> {
    let credit_note_id = note.credit_note_id;
    let parts = [
        (
            note.prepaid_micro_synor,
            CreditSource::Refund { credit_note_id },
        ),
        (
            note.credit_micro_synor,
            CreditSource::CreditNote { credit_note_id },
        ),
    ];
    let mut credits = Vec::new();
    for (amount, source) in parts {
        if amount.is_positive() {
            let kind = if source.is_prepaid() {
                "prepaid"
            } else {
                "granted"
            };
            let id = CreditId::derived(&["credit note", kind, &credit_note_id.to_string()]);
            let account = note.account_id.clone();
            credits.push(CreditEntry::grant(
                id,
                account,
                amount,
                source,
                None,
                note.created_at,
            )?);
        }
    }
    Ok(credits)
}

/// Takes a distribution back to what can be distributed now, from each pro rata.
fn reduced(
    note: &CreditNote,
    after: &Invoice,
    live: &Distribution,
) -> Result<Option<(Distribution, JournalEntry)>, SettlementError> {
    let back = live
        .collected_micro_synor
        .checked_sub(after.distributable()?)?;
    if !back.is_positive() {
        return Ok(None);
    }
    let (left, taken) = live.without(back)?;
    let sides = distribution_sides(&taken)?
        .into_iter()
        .map(|(side, amount)| Ok((side, amount.checked_neg()?)))
        .collect::<Result<Vec<_>, MoneyError>>()?;
    let cause = ["undistributed", &note.credit_note_id.to_string()];
    let text = format!("distribution of {} undone by {}", after.number, note.number);
    let entry = JournalEntry::new(&cause, note.created_at, text, sides)?;
    Ok(Some((left, entry)))
}

/// A refund was transferred and has its confirmations.
pub fn refund_confirmed(
    note: &CreditNote,
    now: Timestamp,
) -> Result<JournalEntry, SettlementError> {
    let amount = note.refund_micro_synor;
    let sides = [
        (Account::Refunds(note.account_id.clone()), amount),
        (Account::ChainClearing, amount.checked_neg()?),
    ];
    let cause = ["refund confirmed", &note.credit_note_id.to_string()];
    let text = format!("refund of {} to {}", note.number, note.account_id);
    Ok(JournalEntry::new(&cause, now, text, sides)?)
}

/// The chain refused a refund for good: it becomes prepaid credit, so that nothing is lost.
pub fn refund_refused(
    note: &CreditNote,
    reason: &str,
    now: Timestamp,
) -> Result<(CreditEntry, JournalEntry), SettlementError> {
    let amount = note.refund_micro_synor;
    let account = note.account_id.clone();
    let id = note.credit_note_id.to_string();
    let source = CreditSource::Refund {
        credit_note_id: note.credit_note_id,
    };
    let credit_id = CreditId::derived(&["refused refund", &id]);
    let credit = CreditEntry::grant(credit_id, account.clone(), amount, source, None, now)?;
    let sides = [
        (Account::Refunds(account.clone()), amount),
        (Account::Prepaid(account), amount.checked_neg()?),
    ];
    let text = format!("refund of {} became credit: {reason}", note.number);
    let entry = JournalEntry::new(&["refund refused", &id], now, text, sides)?;
    Ok((credit, entry))
}

/// What is owed on an invoice is given up.
pub fn written_off(
    invoice: Invoice,
    reason: &str,
    now: Timestamp,
) -> Result<(Invoice, JournalEntry), SettlementError> {
    let owed = invoice.outstanding()?;
    let invoice = invoice.write_off(now)?;
    let sides = [
        (Account::WriteOffs, owed),
        (
            Account::Receivable(invoice.account_id.clone()),
            owed.checked_neg()?,
        ),
    ];
    let cause = ["written off", &invoice.invoice_id.to_string()];
    let text = format!("{} written off: {reason}", invoice.number);
    let entry = JournalEntry::new(&cause, now, text, sides)?;
    Ok((invoice, entry))
}
