//! A cloud's bill as people read it: what has no counterpart here, and why.

use std::collections::BTreeMap;

use synor_economics::money::{Exact, MicroSynor};
use synor_usage::import::Unmapped;

use crate::format;
use crate::output::{Field, Table, number, text};

/// Lines of a bill that have no counterpart for the same reason.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Group<'a> {
    /// Why.
    pub reason: &'a str,
    /// The cloud's service.
    pub service: &'a str,
    /// The currency of the cost.
    pub currency: &'a str,
    /// How many lines.
    pub lines: u64,
    /// What the cloud billed for them.
    pub cost: Exact,
}

/// The lines without a counterpart by reason and service, the dearest first.
pub fn groups(unmapped: &[Unmapped]) -> anyhow::Result<Vec<Group<'_>>> {
    let mut groups: BTreeMap<(&str, &str, &str), (u64, Exact)> = BTreeMap::new();
    for line in unmapped {
        let key = (
            line.reason.as_str(),
            line.service.as_str(),
            line.currency.as_str(),
        );
        let group = groups.entry(key).or_insert((0, Exact::ZERO));
        group.0 += 1;
        group.1 = group.1.checked_add(line.cost.unwrap_or(Exact::ZERO))?;
    }
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|((reason, service, currency), (lines, cost))| Group {
            reason,
            service,
            currency,
            lines,
            cost,
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.cost));
    Ok(groups)
}

/// The lines without a counterpart by reason and service as a table.
pub fn by_reason(unmapped: &[Unmapped]) -> anyhow::Result<Table> {
    let mut table = Table::new(&[
        text("Reason", "reason"),
        text("Service", "service"),
        number("Lines", "lines"),
        number("Cost", "cost"),
        text("", "currency"),
    ]);
    for group in groups(unmapped)? {
        table.row([
            Field::from(group.reason),
            Field::from(group.service),
            Field::from(group.lines),
            Field::from(fixed(group.cost)?),
            Field::from(group.currency),
        ]);
    }
    Ok(table)
}

/// A cost with all six decimals, so that a column of them lines up.
pub fn fixed(cost: Exact) -> anyhow::Result<String> {
    let micro = cost
        .checked_mul(Exact::from_integer(1_000_000))?
        .round_half_even()?;
    Ok(format::amount(MicroSynor::new(i64::try_from(micro)?)))
}

/// A cost with two decimals, as bills show them.
pub fn cents(cost: Exact) -> anyhow::Result<String> {
    let cents = cost
        .checked_mul(Exact::from_integer(100))?
        .round_half_even()?;
    let (sign, size) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
    let whole = format::thousands(&(size / 100).to_string());
    Ok(format!("{sign}{whole}.{:02}", size % 100))
}
