//! The working of an invoice: for each line what was measured, which price of which version
//! applied, each step, the exact sum, and the one rounding.

use synor_economics::billing::{Invoice, LineItem};
use synor_economics::money::{Exact, MICRO_PER_SYNOR};

use crate::format;

/// The derivation of an invoice, line by line.
pub fn derivation(invoice: &Invoice) -> anyhow::Result<Vec<String>> {
    let mut text = Vec::new();
    for line in &invoice.line_items {
        text.push(String::new());
        line_derivation(line, &mut text)?;
    }
    for fee in &invoice.fees {
        text.push(String::new());
        text.push(format!(
            "{} = {}",
            fee.description,
            format::money(fee.amount_micro_synor)
        ));
    }
    text.push(String::new());
    text.push(format!(
        "subtotal {}",
        format::money(invoice.subtotal_micro_synor)
    ));
    for discount in &invoice.discounts {
        let off = format::money(discount.amount_micro_synor);
        text.push(format!("  − {off}  {}", discount.description));
    }
    for used in &invoice.credits {
        let amount = format::money(used.amount_micro_synor);
        text.push(format!("  − {amount}  credit {}", used.credit_id));
    }
    text.push(format!(
        "total due {}",
        format::money(invoice.total_due_micro_synor)
    ));
    if let Some(rate) = &invoice.usd_rate {
        text.push(format!(
            "prices in USD at {} USD for one SYNOR: {}",
            rate.usd_per_synor,
            rate.describe()
        ));
    }
    text.push(format!(
        "from the usage log up to position {}; discounts are taken in the order shown, each from \
         what the ones before left",
        format::count(invoice.usage_log_position)
    ));
    Ok(text)
}

fn line_derivation(line: &LineItem, text: &mut Vec<String>) -> anyhow::Result<()> {
    text.push(format!("{} · {}", line.resource, line.description));
    text.push(format!(
        "  measured  {} {}",
        format::decimal(&line.quantity.to_string()),
        line.unit
    ));
    for part in &line.served_by {
        let who = part
            .provider
            .as_ref()
            .map_or("no operator named", |p| p.as_str());
        text.push(format!(
            "            {} by {who}",
            format::decimal(&part.quantity.to_string())
        ));
    }
    let count = format::decimal(&line.priced_quantity);
    if line.adjusts.is_none() {
        text.push(format!("  is        {count} × {}", line.price_unit));
    }
    text.push(format!("  prices    version {}", line.price_list_version));
    for step in &line.steps {
        text.push(format!(
            "  {:<20}  {} × {} = {}",
            step.label,
            step.units.to_decimal(9),
            synor(step.amount)?,
            synor(step.cost)?
        ));
    }
    text.push(format!("  exactly   {} µSYNOR", line.exact_micro_synor));
    text.push(format!(
        "  rounded   {} (once, half to even)",
        format::money(line.net()?)
    ));
    Ok(())
}

/// µSYNOR as SYNOR.
fn synor(micro: Exact) -> anyhow::Result<String> {
    let whole = Exact::from_integer(i128::from(MICRO_PER_SYNOR));
    Ok(format!(
        "{} SYNOR",
        micro.checked_div(whole)?.to_decimal(12)
    ))
}
