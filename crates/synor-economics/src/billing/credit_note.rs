//! Credit notes: the only way to correct an invoice that is finalized.
//!
//! A credit note takes an amount, taxes and all, off what is still owed on its invoice, and gives
//! back the rest of it: what had been paid in coins first, as prepaid credit or as a refund, then
//! granted credit that the invoice had used.

use serde::{Deserialize, Serialize};

use super::invoice::{Invoice, InvoiceError};
use super::number::{CreditNoteNumber, InvoiceNumber};
use super::status::InvoiceStatus;
use super::tax::{TaxLine, tax_added, tax_lines, tax_total};
use crate::id::{AccountId, Address, CreditNoteId, InvoiceId};
use crate::money::{Exact, MicroSynor, MoneyError, settle, split};
use crate::period::Timestamp;

/// Why there is a credit note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditNoteCause {
    /// Corrections outweighed usage when the invoice was finalized.
    Correction,
    /// A person corrected the invoice.
    Manual,
    /// A payment is given back.
    Refund,
}

/// Where a refund goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "address")]
pub enum RefundTo {
    /// Into the account's prepaid balance.
    Prepaid,
    /// To an address on chain.
    Address(Address),
}

/// A line of a credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditNoteLine {
    /// What people read.
    pub description: String,
    /// How much, with its taxes.
    pub amount_micro_synor: MicroSynor,
}

/// The part of a tax in a credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNoteTax {
    /// Which tax.
    pub name: String,
    /// How much of the credit note's amount it is.
    pub amount_micro_synor: MicroSynor,
}

/// A credit note. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNote {
    /// Which credit note.
    pub credit_note_id: CreditNoteId,
    /// Its place in the gapless sequence.
    pub number: CreditNoteNumber,
    /// The invoice that it corrects, or that could not take the correction in.
    pub invoice_id: InvoiceId,
    /// The invoice's number.
    pub invoice_number: InvoiceNumber,
    /// Whose.
    pub account_id: AccountId,
    /// Why there is one.
    pub cause: CreditNoteCause,
    /// Why, for people.
    pub reason: String,
    /// What for.
    pub lines: Vec<CreditNoteLine>,
    /// The taxes in it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub taxes: Vec<CreditNoteTax>,
    /// The sum of the lines.
    pub amount_micro_synor: MicroSynor,
    /// What of it was taken off what was owed.
    pub owed_micro_synor: MicroSynor,
    /// What of it became prepaid credit.
    pub prepaid_micro_synor: MicroSynor,
    /// What of it became granted credit.
    pub credit_micro_synor: MicroSynor,
    /// What of it is transferred.
    pub refund_micro_synor: MicroSynor,
    /// Where it is transferred to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refund_to: Option<Address>,
    /// When.
    pub created_at: Timestamp,
}

/// A credit note to be made.
#[derive(Debug, Clone)]
pub struct NewCreditNote {
    /// Which it will be.
    pub credit_note_id: CreditNoteId,
    /// Its number.
    pub number: CreditNoteNumber,
    /// Why, for people.
    pub reason: String,
    /// What for.
    pub lines: Vec<CreditNoteLine>,
    /// A refund of what was paid; none corrects the invoice as it stands.
    pub refund_to: Option<RefundTo>,
    /// When.
    pub now: Timestamp,
}

impl CreditNote {
    /// Makes a credit note on an invoice; returns it with the invoice as it stands then. Refuses
    /// more than is left of the invoice, and to refund more than was paid on it in coins.
    pub fn on(mut invoice: Invoice, new: NewCreditNote) -> Result<(Self, Invoice), InvoiceError> {
        let amount = amount_of(&new.lines)?;
        let (owed, coins, granted) = match &new.refund_to {
            Some(_) => invoice.refundable(amount)?,
            None => invoice.creditable(amount)?,
        };
        let taxes = invoice.take_back(owed, coins, granted)?;
        invoice.paid_if_settled(new.now)?;
        invoice.check()?;
        let address = match &new.refund_to {
            Some(RefundTo::Address(address)) => Some(address.clone()),
            Some(RefundTo::Prepaid) | None => None,
        };
        let (prepaid, refund) = match &address {
            Some(_) => (MicroSynor::ZERO, coins),
            None => (coins, MicroSynor::ZERO),
        };
        let note = Self {
            credit_note_id: new.credit_note_id,
            number: new.number,
            invoice_id: invoice.invoice_id,
            invoice_number: invoice.number,
            account_id: invoice.account_id.clone(),
            cause: match new.refund_to {
                Some(_) => CreditNoteCause::Refund,
                None => CreditNoteCause::Manual,
            },
            reason: new.reason,
            lines: new.lines,
            taxes,
            amount_micro_synor: amount,
            owed_micro_synor: owed,
            prepaid_micro_synor: prepaid,
            credit_micro_synor: granted,
            refund_micro_synor: refund,
            refund_to: address,
            created_at: new.now,
        };
        Ok((note, invoice))
    }

    /// The credit note for what corrections left below zero on an invoice that was just finalized;
    /// none if nothing is carried over.
    pub fn carried_over(
        invoice: &Invoice,
        number: CreditNoteNumber,
    ) -> Result<Option<Self>, MoneyError> {
        let net = invoice.carried_over()?;
        if !net.is_positive() {
            return Ok(None);
        }
        let taxes = carried_taxes(invoice)?;
        let amount = net.checked_add(tax_added(&taxes)?)?;
        let id = invoice.invoice_id.to_string();
        Ok(Some(Self {
            credit_note_id: CreditNoteId::derived(&["carried over", &id]),
            number,
            invoice_id: invoice.invoice_id,
            invoice_number: invoice.number,
            account_id: invoice.account_id.clone(),
            cause: CreditNoteCause::Correction,
            reason: format!("more than {} could take in", invoice.number),
            lines: vec![CreditNoteLine {
                description: format!("Corrections carried over from {}", invoice.month),
                amount_micro_synor: amount,
            }],
            taxes: parts_of(&taxes, taxes.iter().map(|tax| tax.amount_micro_synor)),
            amount_micro_synor: amount,
            owed_micro_synor: MicroSynor::ZERO,
            prepaid_micro_synor: MicroSynor::ZERO,
            credit_micro_synor: amount,
            refund_micro_synor: MicroSynor::ZERO,
            refund_to: None,
            created_at: invoice.created_at,
        }))
    }

    /// The taxes in it, in µSYNOR.
    pub fn tax_total(&self) -> Result<MicroSynor, MoneyError> {
        MicroSynor::sum(self.taxes.iter().map(|tax| tax.amount_micro_synor))
    }

    /// The invariants: its lines sum to its amount, and so does what became of it.
    pub fn check(&self) -> Result<(), String> {
        let lines = MicroSynor::sum(self.lines.iter().map(|l| l.amount_micro_synor));
        let parts = [
            self.owed_micro_synor,
            self.prepaid_micro_synor,
            self.credit_micro_synor,
            self.refund_micro_synor,
        ];
        let amount = Ok(self.amount_micro_synor);
        if lines != amount || MicroSynor::sum(parts) != amount {
            return Err("its parts are not the whole".to_owned());
        }
        if parts.iter().any(|part| part.is_negative()) {
            return Err("a part of it is below zero".to_owned());
        }
        if self.tax_total().is_ok_and(|t| t <= self.amount_micro_synor) {
            Ok(())
        } else {
            Err("its taxes are more than its amount".to_owned())
        }
    }
}

/// The taxes on what an invoice carries over.
pub(super) fn carried_taxes(invoice: &Invoice) -> Result<Vec<TaxLine>, MoneyError> {
    let rates: Vec<_> = invoice.taxes.iter().map(|line| line.tax.clone()).collect();
    tax_lines(invoice.carried_over()?, &rates)
}

fn amount_of(lines: &[CreditNoteLine]) -> Result<MicroSynor, InvoiceError> {
    for line in lines {
        if !line.amount_micro_synor.is_positive() {
            return Err(InvoiceError::NotPositive(line.amount_micro_synor));
        }
    }
    let amount = MicroSynor::sum(lines.iter().map(|line| line.amount_micro_synor))?;
    if amount.is_positive() {
        Ok(amount)
    } else {
        Err(InvoiceError::NotPositive(amount))
    }
}

fn parts_of(taxes: &[TaxLine], amounts: impl Iterator<Item = MicroSynor>) -> Vec<CreditNoteTax> {
    let parts = taxes.iter().zip(amounts);
    let parts = parts.map(|(line, amount_micro_synor)| CreditNoteTax {
        name: line.tax.name.clone(),
        amount_micro_synor,
    });
    parts
        .filter(|part| !part.amount_micro_synor.is_zero())
        .collect()
}

/// What is taken off what is owed, given back in coins, and given back as granted credit.
type Parts = (MicroSynor, MicroSynor, MicroSynor);

impl Invoice {
    /// How a credit note of this amount is made up.
    fn creditable(&self, asked: MicroSynor) -> Result<Parts, InvoiceError> {
        let number = self.number;
        let left = match self.status {
            InvoiceStatus::Voided | InvoiceStatus::Draft => MicroSynor::ZERO,
            _ => self.gross()?.checked_sub(self.noted()?)?,
        };
        if asked > left {
            return Err(InvoiceError::MoreThanRemains {
                number,
                asked,
                left,
            });
        }
        let owed = asked.min(self.unsettled()?);
        let rest = asked.checked_sub(owed)?;
        let coins = rest.min(self.collected()?.max(MicroSynor::ZERO));
        Ok((owed, coins, rest.checked_sub(coins)?))
    }

    /// How a refund of this amount is made up: of coins alone.
    fn refundable(&self, asked: MicroSynor) -> Result<Parts, InvoiceError> {
        let (number, status) = (self.number, self.status);
        if status != InvoiceStatus::Paid {
            return Err(InvoiceError::NotPaid { number, status });
        }
        let left = self.collected()?.max(MicroSynor::ZERO);
        if asked > left {
            return Err(InvoiceError::MoreThanPaid {
                number,
                asked,
                left,
            });
        }
        Ok((MicroSynor::ZERO, asked, MicroSynor::ZERO))
    }

    /// Notes what is taken back, and returns the part of each tax in it. Over all credit notes
    /// together a tax is given back as the invoice is, and all of it with the last one.
    fn take_back(
        &mut self,
        owed: MicroSynor,
        coins: MicroSynor,
        granted: MicroSynor,
    ) -> Result<Vec<CreditNoteTax>, InvoiceError> {
        let before = self.tax_in(self.noted()?)?;
        self.credited_micro_synor = self.credited_micro_synor.checked_add(owed)?;
        self.returned_micro_synor = self.returned_micro_synor.checked_add(coins)?;
        self.returned_credit_micro_synor = self.returned_credit_micro_synor.checked_add(granted)?;
        let back = self.tax_in(self.noted()?)?.checked_sub(before)?;
        if back.is_zero() {
            return Ok(Vec::new());
        }
        let mut left = Vec::with_capacity(self.taxes.len());
        for tax in &self.taxes {
            left.push(Exact::from_integer(i128::from(tax.left()?.micro())));
        }
        let parts = split(back, &left)?;
        for (tax, part) in self.taxes.iter_mut().zip(&parts) {
            tax.returned_micro_synor = tax.returned_micro_synor.checked_add(*part)?;
        }
        Ok(parts_of(&self.taxes, parts.into_iter()))
    }

    /// The taxes in the first so many µSYNOR of the invoice.
    fn tax_in(&self, noted: MicroSynor) -> Result<MicroSynor, MoneyError> {
        let exact = |amount: MicroSynor| Exact::from_integer(i128::from(amount.micro()));
        let (taxes, gross) = (tax_total(&self.taxes)?, self.gross()?);
        if taxes.is_zero() || gross.is_zero() {
            return Ok(MicroSynor::ZERO);
        }
        settle(exact(taxes).checked_mul(exact(noted).checked_div(exact(gross))?)?)
    }
}
