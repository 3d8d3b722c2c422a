//! A cloud's bill in the FOCUS format (1.0 to 1.2), as usage of the same amounts here.
//!
//! The table of [`mapping`] says what a line's counterpart is. What has none, and what rounds to
//! nothing, is reported with its cost and never dropped in silence. Amounts are exact until each
//! event's quantity is rounded once, half to even, to whole base units.

use std::collections::HashMap;
use std::io::BufRead;

use csv::StringRecord;
use synor_economics::id::AccountId;
use synor_economics::metering::event::utc_month_secs;
use synor_economics::metering::{EventError, MeteringUnit, RawEvent, UnitError, UsageEvent};
use synor_economics::money::{Exact, MoneyError};
use synor_economics::quantity::Quantity;

use super::lines::{Progress, read_text};
use super::table::Table;
use super::{Billed, ImportError, ImportOptions, Imported, Mapped, Mapping, Unmapped};

mod charge;
pub mod mapping;
mod number;
mod pattern;

use charge::{Charge, Columns, REQUIRED};
use mapping::{Counterpart, Target};

/// A line that became no event, or not only events.
struct Reason {
    text: String,
    /// Whether the line's cost goes with it.
    with_cost: bool,
}

/// What one line of the bill is here.
struct Outcome {
    events: Vec<RawEvent>,
    reasons: Vec<Reason>,
}

impl Outcome {
    fn unmapped(reason: impl Into<String>) -> Self {
        let reason = Reason {
            text: reason.into(),
            with_cost: true,
        };
        Self {
            events: Vec::new(),
            reasons: vec![reason],
        }
    }
}

/// Reads a bill with a given mapping table.
pub fn read(
    input: &mut dyn BufRead,
    options: &ImportOptions,
    mapping: &Mapping,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let text = read_text(input)?;
    let mut progress = Progress::new(progress);
    let mut table = Table::open(&text, &REQUIRED)?;
    let columns = Columns::find(&table);
    let mut occurrences: HashMap<blake3::Hash, u64> = HashMap::new();
    let mut imported = Imported::default();
    while let Some((line, record)) = table.next()? {
        let name = record_name(record, &mut occurrences);
        let charge = Charge::read(&columns, record, options);
        let result = charge.and_then(|charge| {
            let outcome = outcome(&charge, mapping, options, &name)?;
            Ok((charge, outcome))
        });
        let (charge, outcome) = result.map_err(|error| ImportError::at(line, error))?;
        add_cost(&mut imported, &charge, &outcome)
            .map_err(|_| ImportError::CostOverflow { line })?;
        let mut cost = charge.cost;
        for raw in outcome.events {
            let event = raw.validate(options.now);
            let event = event.map_err(|error| ImportError::at(line, error))?;
            if let Some(cost) = cost.take() {
                imported.mapped.push(mapped(&charge, &event, cost));
            }
            imported.events.push(event);
        }
        for reason in outcome.reasons {
            imported.unmapped.push(unmapped(line, &charge, reason));
        }
        imported.accounts.insert(charge.account);
        imported.lines = imported.lines.saturating_add(1);
        progress.at(table.bytes());
    }
    progress.done(u64::try_from(text.len()).unwrap_or(u64::MAX));
    Ok(imported)
}

/// The name of a record at its source: the hash of all its fields, and which of the records that
/// read the same it is.
fn record_name(record: &StringRecord, occurrences: &mut HashMap<blake3::Hash, u64>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (at, field) in record.iter().enumerate() {
        if at > 0 {
            hasher.update(b"\x1f");
        }
        hasher.update(field.as_bytes());
    }
    let hash = hasher.finalize();
    let seen = occurrences.entry(hash).or_default();
    *seen = seen.saturating_add(1);
    format!("{}-{seen}", &hash.to_hex()[..32])
}

fn outcome(
    charge: &Charge<'_>,
    mapping: &Mapping,
    options: &ImportOptions,
    name: &str,
) -> Result<Outcome, EventError> {
    if charge.category != "Usage" {
        let reason = format!("the charge is of category {}, not usage", charge.category);
        return Ok(Outcome::unmapped(reason));
    }
    if charge.commitment_unused {
        return Ok(Outcome::unmapped(
            "a commitment that was paid for and not used",
        ));
    }
    let Some((quantity, unit)) = charge.quantity()? else {
        return Ok(Outcome::unmapped("the line states no quantity"));
    };
    if quantity.is_zero() {
        return Ok(Outcome::unmapped("the quantity is zero"));
    }
    let (targets, of_consumed) = match mapping.counterpart(charge, unit) {
        Counterpart::Targets {
            targets,
            of_consumed,
        } => (targets, of_consumed),
        Counterpart::None(reason) => return Ok(Outcome::unmapped(reason)),
    };
    let quantity = match (of_consumed, charge.consumed()?) {
        (false, _) => quantity,
        (true, Some(consumed)) => consumed,
        (true, None) => return Ok(Outcome::unmapped("the line states no consumed quantity")),
    };
    convert(charge, quantity, &targets, options, name)
}

/// One event for each resource whose quantity does not round to nothing.
fn convert(
    charge: &Charge<'_>,
    quantity: Exact,
    targets: &[Target],
    options: &ImportOptions,
    name: &str,
) -> Result<Outcome, EventError> {
    let mut events = Vec::with_capacity(targets.len());
    let mut nothing = Vec::new();
    let month_secs = utc_month_secs(charge.time)?;
    for (number, target) in (1_u64..).zip(targets) {
        let measured = measured(quantity, target, month_secs).map_err(|error| {
            let shown = charge.pricing_quantity.or(charge.consumed_quantity);
            EventError::new("PricingQuantity", shown.unwrap_or(""), error)
        })?;
        if measured.is_zero() {
            let base = MeteringUnit::from(target.unit.base()).singular();
            nothing.push(format!("{}: less than one {base}", target.resource));
        } else {
            let id = format!("{name}-{number}");
            events.push(raw_event(charge, measured, target, options, id));
        }
    }
    let with_cost = events.is_empty();
    // The cost belongs to the line: it is reported once, however many resources round to nothing.
    let reasons = match with_cost {
        true => vec![nothing.join("; ")],
        false => nothing,
    };
    let reasons = reasons
        .into_iter()
        .map(|text| Reason { text, with_cost })
        .collect();
    Ok(Outcome { events, reasons })
}

fn measured(quantity: Exact, target: &Target, month_secs: i64) -> Result<Quantity, UnitError> {
    let number = quantity.checked_mul(target.factor)?;
    let exact = target.unit.to_base(number, Some(month_secs))?;
    Ok(Quantity::measured(exact)?)
}

fn raw_event(
    charge: &Charge<'_>,
    quantity: Quantity,
    target: &Target,
    options: &ImportOptions,
    id: String,
) -> RawEvent {
    let spec = target.resource.spec();
    let provider = options.provider.as_ref().map(ToString::to_string);
    let source = options.source.clone();
    let region = charge
        .region
        .map(|region| ("region".to_owned(), region.to_owned()));
    let gpu = target.gpu_model.clone();
    let gpu = gpu.map(|model| ("gpu_model".to_owned(), model));
    RawEvent {
        account: charge.account.to_string(),
        service: target.resource.service().name().to_owned(),
        resource: spec.name.to_owned(),
        quantity: quantity.to_string(),
        unit: Some(spec.base_unit.name().to_owned()),
        time: charge.time.to_string(),
        source: source.unwrap_or_else(|| format!("focus:{}", charge.provider)),
        id,
        provider: Some(provider.unwrap_or_else(|| charge.provider.clone())),
        dimensions: region.into_iter().chain(gpu).collect(),
        correction: quantity.is_negative(),
    }
}

fn mapped(charge: &Charge<'_>, first: &UsageEvent, cost: Exact) -> Mapped {
    Mapped {
        account: charge.account.clone(),
        service: first.resource.service(),
        cost,
        currency: charge.currency.to_owned(),
    }
}

fn unmapped(line: u64, charge: &Charge<'_>, reason: Reason) -> Unmapped {
    Unmapped {
        line,
        account: charge.account.clone(),
        provider: charge.provider.clone(),
        service: charge.service.to_owned(),
        unit: charge.shown_unit().to_owned(),
        description: charge.description.to_owned(),
        cost: charge.cost.filter(|_| reason.with_cost),
        currency: charge.currency.to_owned(),
        reason: reason.text,
    }
}

fn add_cost(
    imported: &mut Imported,
    charge: &Charge<'_>,
    outcome: &Outcome,
) -> Result<(), MoneyError> {
    let Some(cost) = charge.cost else {
        return Ok(());
    };
    let billed = imported
        .billed
        .entry(charge.currency.to_owned())
        .or_insert(Billed {
            mapped: Exact::ZERO,
            unmapped: Exact::ZERO,
        });
    let sum = match outcome.events.is_empty() {
        true => &mut billed.unmapped,
        false => &mut billed.mapped,
    };
    *sum = sum.checked_add(cost)?;
    Ok(())
}

/// The account a bill names: the last segment of a path such as `/subscriptions/64e3…`.
fn account_of(field: &'static str, text: &str) -> Result<AccountId, EventError> {
    let last = text.rsplit('/').next().unwrap_or(text);
    last.parse()
        .map_err(|error| EventError::new(field, text, error))
}
