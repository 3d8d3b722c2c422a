//! An estimate as people read it.

use synor_economics::money::{Exact, MicroSynor};
use synor_engine::CostEstimate;

use crate::cloud_bill::cents;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};
use crate::show;

const MICRO: i128 = 1_000_000;

/// An estimate; `now` is what the same usage costs today where other terms were asked for.
pub fn show(cost: &CostEstimate, now: Option<&CostEstimate>) -> anyhow::Result<Answer> {
    let mut answer = Answer::new(cost)?;
    answer = match cost.estimates.as_slice() {
        [_] => answer.table(one(cost)?),
        _ => answer.table(several(cost)?),
    };
    if let Some(line) = in_usd(cost)? {
        answer = answer.line(line);
    }
    if cost.credit_micro_synor.is_positive() {
        let credit = format::money(cost.credit_micro_synor);
        answer = answer.line(format!("{credit} is given back as credit"));
    }
    if let Some(now) = now {
        let difference = cost.total_micro_synor.checked_sub(now.total_micro_synor)?;
        answer = answer.line(format!(
            "today it costs {}: {}",
            format::money(now.total_micro_synor),
            more_or_less(difference)?
        ));
    }
    compared(answer, cost)
}

fn one(cost: &CostEstimate) -> anyhow::Result<Table> {
    let Some(estimate) = cost.estimates.first() else {
        return Ok(show::lines(&[]));
    };
    let mut table = show::lines(&estimate.line_items);
    for fee in &estimate.fees {
        table.total(show::sum(&fee.description, fee.amount_micro_synor));
    }
    table.total(show::sum("Subtotal", estimate.subtotal_micro_synor));
    for discount in &estimate.discounts {
        let off = discount.amount_micro_synor.checked_neg()?;
        table.total(show::sum(&discount.description, off));
    }
    let label = match estimate.month {
        Some(month) => format!("Total for {month}"),
        None => "Total for 30 days".to_owned(),
    };
    table.total(show::sum(&label, estimate.total_micro_synor));
    Ok(table)
}

fn several(cost: &CostEstimate) -> anyhow::Result<Table> {
    let mut table = Table::new(&[
        text("Account", "account_id"),
        text("Month", "month"),
        number("Lines", "lines"),
        number("Subtotal", "subtotal_micro_synor"),
        number("SYNOR", "total_micro_synor"),
    ]);
    for estimate in &cost.estimates {
        let account = estimate.account_id.as_ref().map_or("", |id| id.as_str());
        table.row([
            Field::from(account),
            Field::from(estimate.month.map_or_else(String::new, |m| m.to_string())),
            Field::from(estimate.line_items.len() as u64),
            Field::from(estimate.subtotal_micro_synor),
            Field::from(estimate.total_micro_synor),
        ]);
    }
    table.total([
        Field::from("Total"),
        Field::from(""),
        Field::from(""),
        Field::from(cost.subtotal_micro_synor),
        Field::from(cost.total_micro_synor),
    ]);
    Ok(table)
}

/// The total in USD, where a rate is known.
pub fn in_usd(cost: &CostEstimate) -> anyhow::Result<Option<String>> {
    let (Some(rate), Some(micro)) = (cost.usd_per_synor, cost.total_micro_usd) else {
        return Ok(None);
    };
    Ok(Some(format!(
        "{} are {} USD at {} USD a SYNOR",
        format::money(cost.total_micro_synor),
        usd(micro)?,
        rate.to_decimal(6)
    )))
}

/// µUSD with two decimals.
pub fn usd(micro: i64) -> anyhow::Result<String> {
    let exact = Exact::from_integer(i128::from(micro));
    cents(exact.checked_div(Exact::from_integer(MICRO))?)
}

/// Plans side by side, and with and without a commitment.
pub fn compared(mut answer: Answer, cost: &CostEstimate) -> anyhow::Result<Answer> {
    if !cost.plans.is_empty() {
        let mut table = Table::new(&[
            text("Plan", "plan"),
            number("Subtotal", "subtotal_micro_synor"),
            number("Discounts", "discounts_micro_synor"),
            number("SYNOR", "total_micro_synor"),
        ]);
        for plan in &cost.plans {
            table.row([
                Field::from(plan.plan.name()),
                Field::from(plan.subtotal_micro_synor),
                Field::from(plan.discounts_micro_synor),
                Field::from(plan.total_micro_synor),
            ]);
        }
        answer = answer.line("").table(table);
    }
    for commitment in &cost.commitments {
        let mut table = Table::new(&[text("", "what"), number("SYNOR", "micro_synor")]);
        table.row([
            Field::from("Without a commitment"),
            Field::from(commitment.without_micro_synor),
        ]);
        let with = format!("With a {}", commitment.description);
        table.row([Field::from(with), Field::from(commitment.with_micro_synor)]);
        answer = answer.line("").table(table);
        let outcome = more_or_less(commitment.saves_micro_synor.checked_neg()?)?;
        answer = answer.line(match commitment.break_even_micro_synor {
            Some(from) => format!(
                "with it, {outcome}; it is cheaper for every month above {} at list prices",
                format::money(from)
            ),
            None => format!("with it, {outcome}; no spending makes it cheaper for good"),
        });
    }
    Ok(answer)
}

/// A difference in words.
pub fn more_or_less(difference: MicroSynor) -> anyhow::Result<String> {
    Ok(if difference.is_negative() {
        format!("{} less", format::money(difference.checked_neg()?))
    } else if difference.is_positive() {
        format!("{} more", format::money(difference))
    } else {
        "the same".to_owned()
    })
}
