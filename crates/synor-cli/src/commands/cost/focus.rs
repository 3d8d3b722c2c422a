//! `synor cost estimate --focus FILE`: a cloud's bill and what the same usage costs here, side by
//! side.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use synor_economics::calculator::usd as in_micro_usd;
use synor_economics::metering::ServiceType;
use synor_economics::money::{Exact, MICRO_PER_SYNOR, MicroSynor};
use synor_engine::CostEstimate;
use synor_usage::import::Imported;

use super::answer::{compared, usd};
use crate::cloud_bill::{by_reason, cents, groups};
use crate::format;
use crate::output::{Answer, Column, Field, Table, number, text};

const USD: &str = "USD";
const COLUMNS: [Column; 6] = [
    text("Service", "service"),
    number("Lines", "lines"),
    number("Cloud", "provider_cost"),
    text("", "currency"),
    number("SYNOR", "synor_micro_synor"),
    number("in USD", "synor_micro_usd"),
];

/// What a service costs there, by currency, and here.
#[derive(Default)]
struct Costs {
    lines: u64,
    there: BTreeMap<String, (u64, Exact)>,
    here: MicroSynor,
}

pub fn show(path: &Path, imported: &Imported, cost: &CostEstimate) -> anyhow::Result<Answer> {
    let services = by_service(imported, cost)?;
    let currencies: Vec<&String> = imported.billed.keys().collect();
    let mut table = Table::new(&COLUMNS);
    for (service, costs) in &services {
        let mut first = true;
        for currency in &currencies {
            let there = costs.there.get(*currency);
            if there.is_none() && !(first && costs.here.is_positive()) {
                continue;
            }
            let (lines, billed) = there.copied().unwrap_or((0, Exact::ZERO));
            let here = first.then_some(costs.here);
            table.row(row(service.name(), lines, billed, currency, here, cost)?);
            first = false;
        }
    }
    totals(&mut table, &services, imported, cost)?;
    let accounts = cost.estimates.iter().filter_map(|e| e.account_id.as_ref());
    let accounts = accounts.collect::<std::collections::BTreeSet<_>>().len();
    let mut answer = Answer::new(&to_json(path, imported, cost, &services)?)?
        .line(format!(
            "{}: {} lines; {} months of {} accounts are priced here, each as its own invoice",
            path.display(),
            format::count(imported.lines),
            cost.estimates.len(),
            accounts
        ))
        .line("")
        .table(table)
        .line("");
    for line in conclusion(imported, cost)? {
        answer = answer.line(line);
    }
    if cost.credit_micro_synor.is_positive() {
        let credit = format::money(cost.credit_micro_synor);
        answer = answer.line(format!(
            "{credit} of it is given back as credit, for corrections that outweigh their usage."
        ));
    }
    if !imported.unmapped.is_empty() {
        answer = answer
            .line("")
            .line("Without a counterpart here:")
            .table(by_reason(&imported.unmapped)?);
    }
    compared(answer, cost)
}

fn by_service(
    imported: &Imported,
    cost: &CostEstimate,
) -> anyhow::Result<BTreeMap<ServiceType, Costs>> {
    let mut services: BTreeMap<ServiceType, Costs> = BTreeMap::new();
    for line in &imported.mapped {
        let costs = services.entry(line.service).or_default();
        costs.lines += 1;
        let (lines, billed) = costs
            .there
            .entry(line.currency.clone())
            .or_insert((0, Exact::ZERO));
        *lines += 1;
        *billed = billed.checked_add(line.cost)?;
    }
    for line in cost
        .estimates
        .iter()
        .flat_map(|estimate| &estimate.line_items)
    {
        let costs = services.entry(line.service).or_default();
        costs.here = costs.here.checked_add(line.amount_micro_synor)?;
    }
    Ok(services)
}

fn row(
    label: &str,
    lines: u64,
    billed: Exact,
    currency: &str,
    here: Option<MicroSynor>,
    cost: &CostEstimate,
) -> anyhow::Result<[Field; 6]> {
    let in_usd = match (here, cost.usd_per_synor) {
        (Some(amount), Some(rate)) => {
            let micro = in_micro_usd(amount, rate)?;
            Field::new(usd(micro)?, micro)
        }
        _ => Field::new(if here.is_some() { "–" } else { "" }, ""),
    };
    Ok([
        Field::from(label),
        Field::from(lines),
        Field::new(cents(billed)?, billed.to_decimal(18)),
        Field::from(currency),
        here.map_or_else(|| Field::from(""), Field::from),
        in_usd,
    ])
}

fn totals(
    table: &mut Table,
    services: &BTreeMap<ServiceType, Costs>,
    imported: &Imported,
    cost: &CostEstimate,
) -> anyhow::Result<()> {
    let off = cost
        .subtotal_micro_synor
        .checked_sub(cost.total_micro_synor)?;
    if off.is_positive() {
        let empty = || Field::from("");
        let off = Field::from(off.checked_neg()?);
        table.total([
            Field::from("Discounts"),
            empty(),
            empty(),
            empty(),
            off,
            empty(),
        ]);
    }
    let mut first = true;
    for (currency, billed) in &imported.billed {
        let lines = services
            .values()
            .filter_map(|costs| costs.there.get(currency));
        let lines: u64 = lines.map(|(lines, _)| lines).sum();
        let here = first.then_some(cost.total_micro_synor);
        table.total(row(
            "Comparable",
            lines,
            billed.mapped,
            currency,
            here,
            cost,
        )?);
        let rest = imported.unmapped.iter();
        let rest = rest.filter(|line| line.currency == *currency && line.cost.is_some());
        let rest = rest.count() as u64;
        table.total(row(
            "Not here",
            rest,
            billed.unmapped,
            currency,
            None,
            cost,
        )?);
        let whole = billed.mapped.checked_add(billed.unmapped)?;
        table.total(row(
            "Whole bill",
            lines + rest,
            whole,
            currency,
            None,
            cost,
        )?);
        first = false;
    }
    Ok(())
}

fn conclusion(imported: &Imported, cost: &CostEstimate) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for (currency, billed) in &imported.billed {
        let whole = billed.mapped.checked_add(billed.unmapped)?;
        if let Some(share) = share(billed.mapped, whole)? {
            lines.push(format!(
                "{share} % of the bill ({currency}) can be compared."
            ));
        }
    }
    let (1, Some(billed)) = (imported.billed.len(), imported.billed.get(USD)) else {
        return Ok(lines);
    };
    if let Some(micro) = cost.total_micro_usd {
        let here = Exact::new(i128::from(micro), i128::from(MICRO_PER_SYNOR));
        let here = here.unwrap_or(Exact::ZERO);
        let difference = here.checked_sub(billed.mapped)?;
        let word = if difference.is_negative() {
            "less"
        } else {
            "more"
        };
        let size = difference.max(Exact::ZERO.checked_sub(difference)?);
        if let Some(percent) = share(size, billed.mapped)? {
            lines.push(format!(
                "The comparable part costs {} USD there and {} USD here: {percent} % {word}.",
                cents(billed.mapped)?,
                cents(here)?,
            ));
        }
    }
    let here = Exact::from_integer(i128::from(cost.total_micro_synor.micro()));
    if here.is_positive() && billed.mapped.is_positive() {
        let micro = Exact::from_integer(i128::from(MICRO_PER_SYNOR));
        let rate = billed.mapped.checked_mul(micro)?.checked_div(here)?;
        lines.push(format!(
            "That part is cheaper here while a SYNOR is worth less than {} USD.",
            rate.rounded(4)?
        ));
    }
    if cost.total_micro_usd.is_none() {
        lines.push("--usd-per-synor RATE says what it is in USD.".to_owned());
    }
    Ok(lines)
}

fn share(part: Exact, whole: Exact) -> anyhow::Result<Option<String>> {
    if !whole.is_positive() {
        return Ok(None);
    }
    let percent = part
        .checked_mul(Exact::from_integer(100))?
        .checked_div(whole)?;
    Ok(Some(percent.rounded(1)?))
}

fn to_json(
    path: &Path,
    imported: &Imported,
    cost: &CostEstimate,
    services: &BTreeMap<ServiceType, Costs>,
) -> anyhow::Result<Value> {
    let services: Vec<_> = services
        .iter()
        .map(|(service, costs)| {
            let there: BTreeMap<_, _> = costs
                .there
                .iter()
                .map(|(currency, (_, cost))| (currency, cost.to_decimal(18)))
                .collect();
            json!({
                "service": service,
                "lines": costs.lines,
                "provider_cost": there,
                "amount_micro_synor": costs.here,
            })
        })
        .collect();
    let billed: BTreeMap<_, _> = imported
        .billed
        .iter()
        .map(|(currency, billed)| {
            let cost = json!({
                "mapped": billed.mapped.to_decimal(18),
                "unmapped": billed.unmapped.to_decimal(18),
            });
            (currency, cost)
        })
        .collect();
    let unmapped: Vec<_> = groups(&imported.unmapped)?
        .iter()
        .map(|group| {
            json!({
                "reason": group.reason,
                "service": group.service,
                "lines": group.lines,
                "cost": group.cost.to_decimal(18),
                "currency": group.currency,
            })
        })
        .collect();
    Ok(json!({
        "file": path,
        "lines": imported.lines,
        "services": services,
        "provider_cost": billed,
        "unmapped": unmapped,
        "estimate": cost,
    }))
}
