//! The table of an invoice: a row for each line, with its working in smaller print under it.

use synor_economics::billing::{Invoice, LineItem};
use synor_economics::money::{Exact, MICRO_PER_SYNOR, MoneyError};
use synor_economics::pricing::Step;

use crate::words;

/// A row of the table.
pub(super) struct Row {
    /// The service, where it is another than that of the row before.
    pub(super) service: Option<&'static str>,
    pub(super) item: String,
    pub(super) quantity: String,
    pub(super) price: String,
    pub(super) amount: String,
    /// Dimensions, tiers, months: smaller, under the item.
    pub(super) details: Vec<String>,
}

/// All rows: of lines, then of fees.
pub(super) fn rows(invoice: &Invoice) -> Result<Vec<Row>, MoneyError> {
    let mut service = None;
    let mut rows = Vec::new();
    for line in &invoice.line_items {
        let is_new = service != Some(line.service);
        service = Some(line.service);
        rows.push(row(line, is_new)?);
    }
    for fee in &invoice.fees {
        rows.push(Row {
            service: None,
            item: fee.description.clone(),
            quantity: String::new(),
            price: String::new(),
            amount: words::amount(fee.amount_micro_synor),
            details: Vec::new(),
        });
    }
    Ok(rows)
}

fn row(line: &LineItem, is_new: bool) -> Result<Row, MoneyError> {
    let (quantity, price) = if line.adjusts.is_some() {
        let measured = words::decimal(&line.quantity.to_string());
        (format!("{measured} {}", line.unit.name()), String::new())
    } else {
        let price = match line.unit_price_micro_synor {
            Some(price) => format!("{} / {}", synor(price)?, line.price_unit),
            None => format!("tiers / {}", line.price_unit),
        };
        (counted(line), price)
    };
    let mut details = Vec::new();
    if !line.dimensions.is_empty() {
        let pairs = line
            .dimensions
            .iter()
            .map(|(key, value)| format!("{key} {value}"));
        details.push(pairs.collect::<Vec<_>>().join(", "));
    }
    if let Some(month) = line.adjusts {
        details.push(format!("correction of {month}"));
    }
    if line.steps.len() > 1 {
        for step in &line.steps {
            details.push(told(step)?);
        }
    }
    if line.credit_micro_synor.is_positive() {
        let back = words::money(line.credit_micro_synor);
        details.push(format!("{back} given back"));
    }
    Ok(Row {
        service: is_new.then(|| line.service.name()),
        item: line.description.clone(),
        quantity,
        price,
        amount: words::amount(line.amount_micro_synor),
        details,
    })
}

/// The quantity in what the price is for.
fn counted(line: &LineItem) -> String {
    let count = words::decimal(&line.priced_quantity);
    let text = line.price_unit.to_string();
    match text.split_once(' ') {
        None => format!("{count} {}", line.price_unit.unit().name()),
        Some((many, what)) => format!("{count} × {many} {what}"),
    }
}

fn told(step: &Step) -> Result<String, MoneyError> {
    let units = words::decimal(&step.units.rounded(6)?);
    let (price, cost) = (synor(step.amount)?, synor(step.cost)?);
    Ok(format!("{}: {units} × {price} = {cost}", step.label))
}

/// µSYNOR as SYNOR, exact up to twelve decimals.
fn synor(micro: Exact) -> Result<String, MoneyError> {
    let whole = Exact::from_integer(i128::from(MICRO_PER_SYNOR));
    Ok(words::decimal(&micro.checked_div(whole)?.to_decimal(12)))
}
