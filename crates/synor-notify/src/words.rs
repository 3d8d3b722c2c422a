//! Amounts, dates and sums of an invoice as people read them, the same in PDF and e-mail.

use synor_economics::billing::{Invoice, InvoiceStatus, PaymentRequest, TaxTreatment};
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::period::{Timestamp, Zone};

/// An amount without its currency, thousands separated: `1,234.500000`; a minus for what is taken off.
pub(crate) fn amount(amount: MicroSynor) -> String {
    decimal(&amount.to_decimal())
}

/// An amount with its currency.
pub(crate) fn money(value: MicroSynor) -> String {
    format!("{} SYNOR", amount(value))
}

/// A decimal number with the thousands of its whole part separated.
pub(crate) fn decimal(text: &str) -> String {
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text), |rest| ("\u{2212}", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let left = whole.len().saturating_sub(at);
        if at > 0 && left.is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() {
        format!("{sign}{grouped}")
    } else {
        format!("{sign}{grouped}.{fraction}")
    }
}

/// A date in a zone.
pub(crate) fn date(at: Timestamp, zone: &Zone) -> String {
    at.date_in(zone)
}

/// What is to be done, in one line: `12.400000 SYNOR due 2026-03-02`.
pub(crate) fn headline(invoice: &Invoice) -> Result<String, MoneyError> {
    let due = date(invoice.due_date, &invoice.time_zone);
    Ok(match invoice.status {
        InvoiceStatus::Voided => "Voided: nothing is to be paid".to_owned(),
        InvoiceStatus::WrittenOff => "Written off: nothing is asked for".to_owned(),
        _ if invoice.outstanding()?.is_zero() => "Paid: nothing is to be paid".to_owned(),
        InvoiceStatus::Overdue => format!("{} was due {due}", money(invoice.outstanding()?)),
        _ => format!("{} due {due}", money(invoice.outstanding()?)),
    })
}

/// The sums under the lines: what each is, and how much; the last is what is still to be paid.
pub(crate) fn sums(invoice: &Invoice) -> Result<Vec<(String, MicroSynor)>, MoneyError> {
    let mut sums = vec![("Subtotal".to_owned(), invoice.subtotal_micro_synor)];
    for discount in &invoice.discounts {
        let off = discount.amount_micro_synor.checked_neg()?;
        sums.push((discount.description.clone(), off));
    }
    for line in &invoice.taxes {
        let name = &line.tax.name;
        let label = match line.tax.treatment {
            TaxTreatment::Taxed if line.tax.is_inclusive => format!("{name} (in the price)"),
            _ => name.clone(),
        };
        sums.push((label, line.amount_micro_synor));
    }
    let mut off = |label: &str, amount: MicroSynor| -> Result<(), MoneyError> {
        if amount.is_positive() {
            sums.push((label.to_owned(), amount.checked_neg()?));
        }
        Ok(())
    };
    off("Credits used", invoice.credits_applied_micro_synor)?;
    off("Paid", invoice.paid_micro_synor)?;
    off("Credit notes", invoice.credited_micro_synor)?;
    Ok(sums)
}

/// What taxes that are not charged say, as the law asks.
pub(crate) fn tax_notes(invoice: &Invoice) -> Vec<String> {
    let notes = invoice.taxes.iter().filter_map(|line| {
        let note = line.tax.note.as_ref()?;
        Some(format!("{}: {note}", line.tax.name))
    });
    notes.collect()
}

/// What wallets read: where to, how much, and the memo that names the invoice.
pub(crate) fn payment_uri(request: &PaymentRequest) -> String {
    format!(
        "synor:{}?amount={}&memo={}",
        request.pay_to,
        request.amount_micro_synor.to_decimal(),
        request.reference
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_and_below_zero_has_a_minus() {
        let shown = [0, 999_999, 1_000_000_000, -1_234_567_890_123];
        let shown = shown.map(|micro| amount(MicroSynor::new(micro)));
        let wanted = [
            "0.000000",
            "0.999999",
            "1,000.000000",
            "\u{2212}1,234,567.890123",
        ];
        assert_eq!(shown, wanted);
        assert_eq!(decimal("12345"), "12,345");
    }
}
