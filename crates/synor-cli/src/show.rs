//! Invoices as people read them; drafts and finalized ones look the same.

use synor_economics::billing::{Invoice, LineItem, TaxLine, TaxTreatment};
use synor_economics::calculator::usd;
use synor_economics::money::MicroSynor;
use synor_economics::oracle::UsdRate;
use synor_economics::pricing::PriceUnit;

use crate::format;
use crate::output::{Answer, Column, Field, Table, number, text};

const LINE_COLUMNS: [Column; 7] = [
    text("Service", "service"),
    text("Item", "description"),
    number("Quantity", "quantity"),
    text("Unit", "unit"),
    number("Price", "unit_price_synor"),
    text("per", "price_unit"),
    number("SYNOR", "amount_micro_synor"),
];

/// The lines of an invoice as a table.
pub fn lines(lines: &[LineItem]) -> Table {
    let mut table = Table::new(&LINE_COLUMNS);
    let mut service = None;
    for line in lines {
        let name = if service == Some(line.service) {
            ""
        } else {
            line.service.name()
        };
        service = Some(line.service);
        let price = price_in_synor(line);
        let (quantity, unit) = if line.adjusts.is_some() {
            (line.quantity.to_string(), line.unit.name())
        } else {
            (line.priced_quantity.clone(), counted_unit(&line.price_unit))
        };
        table.row([
            Field::new(name, line.service),
            Field::from(line.description.clone()),
            Field::new(format::decimal(&quantity), line.quantity),
            Field::new(unit, line.unit.name()),
            Field::from(price),
            Field::from(line.price_unit.to_string()),
            Field::from(line.amount_micro_synor),
        ]);
    }
    table
}

/// What a priced quantity counts: `GB-months`, or for `1M queries` millions of them.
fn counted_unit(per: &PriceUnit) -> &'static str {
    let text = per.to_string();
    match (text.split_once(' '), per.unit().name()) {
        (None, name) => name,
        (Some(("1M", _)), "queries") => "M queries",
        (Some(("1M", _)), "searches") => "M searches",
        (Some(("1M", _)), "invocations") => "M invocations",
        (Some(("1M", _)), "requests") => "M requests",
        (Some(_), _) => "× price unit",
    }
}

fn price_in_synor(line: &LineItem) -> String {
    let per_synor = synor_economics::money::Exact::from_integer(1_000_000);
    let Some(price) = line.unit_price_micro_synor else {
        return "tiers".to_owned();
    };
    price
        .checked_div(per_synor)
        .map_or_else(|_| price.to_string(), |synor| synor.to_decimal(12))
}

/// A row under the rule of a table of lines.
pub fn sum(label: &str, amount: MicroSynor) -> [Field; 7] {
    let empty = || Field::from("");
    [
        empty(),
        Field::from(label),
        empty(),
        empty(),
        empty(),
        empty(),
        Field::from(amount),
    ]
}

/// What an amount is worth at a rate.
pub fn in_usd(amount: MicroSynor, rate: &UsdRate) -> anyhow::Result<String> {
    Ok(format!(
        "{} are {} USD at {} USD for one SYNOR",
        format::money(amount),
        format::usd(usd(amount, rate.exact())?),
        rate.usd_per_synor
    ))
}

/// The taxes under the rule of a table of lines; those that prices include are only told.
pub fn taxes(table: &mut Table, taxes: &[TaxLine]) {
    for line in taxes {
        let tax = &line.tax;
        let label = match (tax.treatment, &tax.note) {
            (TaxTreatment::Taxed, _) if tax.is_inclusive => {
                format!("{} (in the price)", tax.name)
            }
            (TaxTreatment::Taxed, _) | (_, None) => tax.name.clone(),
            (_, Some(note)) => format!("{}: {note}", tax.name),
        };
        table.total(sum(&label, line.amount_micro_synor));
    }
}

/// A finalized invoice.
pub fn invoice(invoice: &Invoice, payments: &[String]) -> anyhow::Result<Answer> {
    let mut table = lines(&invoice.line_items);
    for fee in &invoice.fees {
        table.total(sum(&fee.description, fee.amount_micro_synor));
    }
    table.total(sum("Subtotal", invoice.subtotal_micro_synor));
    for discount in &invoice.discounts {
        let off = discount.amount_micro_synor.checked_neg()?;
        table.total(sum(&discount.description, off));
    }
    taxes(&mut table, &invoice.taxes);
    if invoice.credits_applied_micro_synor.is_positive() {
        let off = invoice.credits_applied_micro_synor.checked_neg()?;
        table.total(sum("Credits", off));
    }
    table.total(sum("Total due", invoice.total_due_micro_synor));
    if invoice.paid_micro_synor.is_positive() {
        let paid = invoice.paid_micro_synor.checked_neg()?;
        table.total(sum("Paid", paid));
    }
    if invoice.credited_micro_synor.is_positive() {
        let credited = invoice.credited_micro_synor.checked_neg()?;
        table.total(sum("Credit notes", credited));
    }
    let carried = invoice.carried_over()?;
    let head = format!(
        "Invoice {}  ·  {}  ·  {} ({})  ·  {}",
        invoice.number, invoice.account_id, invoice.month, invoice.time_zone, invoice.status
    );
    let due = format!(
        "due {}  ·  {}",
        format::date(invoice.due_date),
        invoice.invoice_id
    );
    let mut answer = Answer::new(invoice)?
        .line(head)
        .line(due)
        .line("")
        .table(table);
    if let Some(rate) = &invoice.usd_rate {
        answer = answer.line(in_usd(invoice.total_due_micro_synor, rate)?);
    }
    if carried.is_positive() {
        answer = answer.line(format!(
            "{} is carried over as credit",
            format::money(carried)
        ));
    }
    let returned = invoice
        .returned_micro_synor
        .checked_add(invoice.returned_credit_micro_synor)?;
    if returned.is_positive() {
        answer = answer.line(format!(
            "{} was given back by credit notes",
            format::money(returned)
        ));
    }
    for payment in payments {
        answer = answer.line(payment.clone());
    }
    if invoice.status.is_payable() {
        let next = format!("synor billing pay {}", invoice.number);
        let owed = format::money(invoice.outstanding()?);
        answer = answer
            .line("")
            .line(format!("{owed} is owed; `{next}` pays it"));
    }
    Ok(answer)
}
