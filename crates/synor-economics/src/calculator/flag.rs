//! Quantities as people type them for an estimate: `500GB`, `30M`, `4core*730h`, `rtx4090:20h`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::metering::{
    Dimensions, Measure, MeteringUnit, ResourceType, UnitError, UsageKey, UsageRow,
};
use crate::money::{Exact, MoneyError};
use crate::period::DAY_SECS;
use crate::quantity::Quantity;

const HOUR_SECS: i64 = 3_600;
const THOUSAND: i128 = 1_000;

/// How a quantity is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Bytes moved: `100GB`.
    Bytes,
    /// A number, with k, M or G: `30M`.
    Count,
    /// Bytes held: `500GB`, the whole month; `500GB*10d`, a part of it.
    HeldBytes,
    /// A number held: `2`, the whole month; `2*10d`, a part of it.
    HeldCount,
    /// Cores times time: `4core*730h`; without a time, the whole month.
    Cores,
    /// GPUs of a model times time: `rtx4090:20h`, `rtx4090:2*20h`.
    Gpus,
    /// Memory times time: `16GB*730h`; without a time, the whole month.
    Memory,
}

/// A quantity that can be given for an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageFlag {
    /// Its name: `vector-searches`.
    pub name: &'static str,
    /// What it is a quantity of.
    pub resource: ResourceType,
    /// How it is typed.
    pub form: Form,
}

const fn flag(name: &'static str, resource: ResourceType, form: Form) -> UsageFlag {
    UsageFlag {
        name,
        resource,
        form,
    }
}

/// Everything that can be given, in the order of an invoice.
pub const FLAGS: [UsageFlag; 16] = [
    flag("storage", ResourceType::StorageStoredData, Form::HeldBytes),
    flag("retrieval", ResourceType::StorageRetrieval, Form::Bytes),
    flag("deals", ResourceType::StorageDeal, Form::Count),
    flag("bandwidth", ResourceType::HostingBandwidth, Form::Bytes),
    flag(
        "domains",
        ResourceType::HostingCustomDomain,
        Form::HeldCount,
    ),
    flag(
        "certificates",
        ResourceType::HostingSslCertificate,
        Form::HeldCount,
    ),
    flag(
        "database",
        ResourceType::DatabaseStoredData,
        Form::HeldBytes,
    ),
    flag("queries", ResourceType::DatabaseQueries, Form::Count),
    flag(
        "vector-searches",
        ResourceType::DatabaseVectorSearches,
        Form::Count,
    ),
    flag("cpu", ResourceType::ComputeCpu, Form::Cores),
    flag("gpu", ResourceType::ComputeGpu, Form::Gpus),
    flag("memory", ResourceType::ComputeMemory, Form::Memory),
    flag("invocations", ResourceType::ComputeInvocations, Form::Count),
    flag("egress", ResourceType::NetworkEgress, Form::Bytes),
    flag("ingress", ResourceType::NetworkIngress, Form::Bytes),
    flag("requests", ResourceType::NetworkRequests, Form::Count),
];

/// A quantity that cannot be read, with the name it was given under.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{flag}: `{value}` {reason}")]
pub struct FlagError {
    /// The flag or field.
    pub flag: String,
    /// What was given.
    pub value: String,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

impl Form {
    /// How it is typed, for example.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Bytes => "100GB",
            Self::Count => "30M",
            Self::HeldBytes => "500GB or 500GB*10d",
            Self::HeldCount => "2 or 2*10d",
            Self::Cores => "4core*730h",
            Self::Gpus => "rtx4090:20h or rtx4090:2*20h",
            Self::Memory => "16GB*730h",
        }
    }
}

/// The usage that a flag's value stands for in a month of `month_secs` seconds, in base units.
/// Refuses what cannot be read, what is not a whole number of base units, and a level held longer
/// than the month.
///
/// ```
/// use synor_economics::calculator::usage_by_flag;
/// let row = usage_by_flag("cpu", "4core*730h", 2_592_000)?;
/// assert_eq!(row.quantity.get(), 4 * 730 * 3_600_000); // core-milliseconds
/// # Ok::<(), synor_economics::calculator::FlagError>(())
/// ```
pub fn usage_by_flag(name: &str, value: &str, month_secs: i64) -> Result<UsageRow, FlagError> {
    let refuse = |reason: String| FlagError {
        flag: name.to_owned(),
        value: value.to_owned(),
        reason,
    };
    let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) else {
        let names: Vec<_> = FLAGS.iter().map(|flag| flag.name).collect();
        let reason = format!("is for nothing known here; there are {}", names.join(", "));
        return Err(refuse(reason));
    };
    let mut dimensions = Dimensions::new();
    let mut amount = value.trim();
    if flag.form == Form::Gpus {
        let Some((model, rest)) = amount
            .split_once(':')
            .filter(|(model, _)| !model.is_empty())
        else {
            return Err(refuse(format!(
                "names no model; write it as {}",
                flag.form.example()
            )));
        };
        dimensions.insert("gpu_model".to_owned(), model.to_owned());
        amount = rest;
    }
    let exact = read(flag.form, amount, month_secs).map_err(|wrong| {
        refuse(match wrong {
            Wrong::Form => format!("cannot be read; write it as {}", flag.form.example()),
            Wrong::TooLong => "is held longer than the month".to_owned(),
            Wrong::TooLarge => "is too large".to_owned(),
        })
    })?;
    let quantity = whole(exact, flag.resource).map_err(refuse)?;
    Ok(UsageRow {
        key: UsageKey::new(flag.resource, &dimensions, None),
        quantity,
    })
}

enum Wrong {
    Form,
    TooLong,
    TooLarge,
}

impl From<MoneyError> for Wrong {
    fn from(_: MoneyError) -> Self {
        Self::TooLarge
    }
}

fn read(form: Form, text: &str, month_secs: i64) -> Result<Exact, Wrong> {
    let (amount, time) = match text.split_once('*') {
        Some((amount, time)) => (amount.trim(), Some(time.trim())),
        None => (text, None),
    };
    let month = Exact::from_integer(i128::from(month_secs));
    let secs = match time {
        Some(time) => Some(duration(time).ok_or(Wrong::Form)?),
        None => None,
    };
    let held = |secs: Option<Exact>| match secs {
        Some(secs) if secs > month => Err(Wrong::TooLong),
        secs => Ok(secs.unwrap_or(month)),
    };
    let milliseconds = |secs: Exact| secs.checked_mul(Exact::from_integer(THOUSAND));
    match form {
        Form::Bytes if secs.is_none() => bytes(amount)?.ok_or(Wrong::Form),
        Form::Count if secs.is_none() => count(amount)?.ok_or(Wrong::Form),
        Form::Bytes | Form::Count => Err(Wrong::Form),
        Form::HeldBytes => {
            let level = bytes(amount)?.ok_or(Wrong::Form)?;
            Ok(level.checked_mul(held(secs)?)?)
        }
        Form::HeldCount => {
            let level = count(amount)?.ok_or(Wrong::Form)?;
            Ok(level.checked_mul(held(secs)?)?)
        }
        Form::Cores => {
            let digits = ["cores", "core"]
                .iter()
                .find_map(|unit| amount.strip_suffix(unit));
            let cores = decimal(digits.ok_or(Wrong::Form)?)?.ok_or(Wrong::Form)?;
            Ok(cores.checked_mul(milliseconds(secs.unwrap_or(month))?)?)
        }
        Form::Gpus => match secs {
            Some(secs) => {
                let gpus = decimal(amount)?.ok_or(Wrong::Form)?;
                Ok(gpus.checked_mul(milliseconds(secs)?)?)
            }
            None => Ok(milliseconds(duration(amount).ok_or(Wrong::Form)?)?),
        },
        Form::Memory => {
            let level = bytes(amount)?.ok_or(Wrong::Form)?;
            Ok(level.checked_mul(secs.unwrap_or(month))?)
        }
    }
}

/// `730h` or `10d`, in seconds.
fn duration(text: &str) -> Option<Exact> {
    let (digits, secs) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(digits), _) => (digits, HOUR_SECS),
        (_, Some(digits)) => (digits, DAY_SECS),
        _ => return None,
    };
    let number = Exact::parse_decimal(digits)
        .ok()
        .filter(|n| !n.is_negative())?;
    number
        .checked_mul(Exact::from_integer(i128::from(secs)))
        .ok()
}

fn bytes(text: &str) -> Result<Option<Exact>, MoneyError> {
    let letters = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(letters).unwrap_or((text, ""));
    let unit = if unit == "B" { "bytes" } else { unit };
    let unit: Option<MeteringUnit> = unit.parse().ok();
    let Some(unit) = unit.filter(|unit| unit.base() == crate::metering::BaseUnit::Bytes) else {
        return Ok(None);
    };
    match decimal(digits)? {
        None => Ok(None),
        Some(number) => match unit.to_base(number, None) {
            Ok(exact) => Ok(Some(exact)),
            Err(UnitError::Money(error)) => Err(error),
            Err(_) => Ok(None),
        },
    }
}

fn count(text: &str) -> Result<Option<Exact>, MoneyError> {
    let (digits, thousands) = match text.char_indices().last() {
        Some((at, 'k')) => (text.get(..at), 1),
        Some((at, 'M')) => (text.get(..at), 2),
        Some((at, 'G')) => (text.get(..at), 3),
        _ => (Some(text), 0),
    };
    let scale = THOUSAND
        .checked_pow(thousands)
        .ok_or(MoneyError::Overflow)?;
    match decimal(digits.unwrap_or_default())? {
        None => Ok(None),
        Some(number) => Ok(Some(number.checked_mul(Exact::from_integer(scale))?)),
    }
}

/// A plain decimal that is not below zero.
fn decimal(text: &str) -> Result<Option<Exact>, MoneyError> {
    match Exact::parse_decimal(text) {
        Ok(number) if number.is_negative() => Ok(None),
        Ok(number) => Ok(Some(number)),
        Err(MoneyError::Overflow) => Err(MoneyError::Overflow),
        Err(_) => Ok(None),
    }
}

fn whole(exact: Exact, resource: ResourceType) -> Result<Quantity, String> {
    let base = resource.spec().base_unit;
    let Some(number) = exact.to_integer() else {
        return Err(format!("is not a whole number of {base}"));
    };
    if number > Quantity::EVENT_MAX.get() {
        return Err("is too large".to_owned());
    }
    Ok(Quantity::new(number))
}

/// Usage as a program gives it for an estimate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageInput {
    /// What is used.
    pub resource: ResourceType,
    /// How much, a plain decimal in `unit`. Below zero, it reduces.
    pub quantity: String,
    /// The unit; without it, the base unit, or for a level the unit of a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<MeteringUnit>,
    /// What its price may depend on.
    #[serde(default, skip_serializing_if = "Dimensions::is_empty")]
    pub dimensions: Dimensions,
}

impl From<&UsageRow> for UsageInput {
    fn from(row: &UsageRow) -> Self {
        Self {
            resource: row.key.resource,
            quantity: row.quantity.to_string(),
            unit: Some(row.key.resource.spec().base_unit.into()),
            dimensions: row.key.dimensions.clone(),
        }
    }
}

impl UsageInput {
    /// The usage in base units in a month of `month_secs` seconds. A level (`GB` of stored data) is
    /// held for the whole month.
    pub fn row(&self, month_secs: i64) -> Result<UsageRow, FlagError> {
        let refuse = |reason: String| FlagError {
            flag: self.resource.to_string(),
            value: self.quantity.clone(),
            reason,
        };
        let spec = self.resource.spec();
        let sample = match spec.measure {
            Measure::Level { sample } => Some(sample),
            Measure::Sum => None,
        };
        let unit = self
            .unit
            .unwrap_or_else(|| sample.unwrap_or(spec.base_unit).into());
        let number =
            Exact::parse_decimal(&self.quantity).map_err(|error| refuse(error.to_string()))?;
        let mut exact = unit
            .to_base(number, Some(month_secs))
            .map_err(|error| refuse(error.to_string()))?;
        if Some(unit.base()) == sample {
            let secs = Exact::from_integer(i128::from(month_secs));
            exact = exact
                .checked_mul(secs)
                .map_err(|error| refuse(error.to_string()))?;
        } else if unit.base() != spec.base_unit {
            let reason = format!(
                "is in {unit}; {} is measured in {}",
                self.resource, spec.base_unit
            );
            return Err(refuse(reason));
        }
        if let Some(needed) = spec.required_dimension
            && !self.dimensions.contains_key(needed)
        {
            return Err(refuse(format!(
                "has no dimension `{needed}`, by which it is priced"
            )));
        }
        Ok(UsageRow {
            key: UsageKey::new(self.resource, &self.dimensions, None),
            quantity: whole(exact, self.resource).map_err(refuse)?,
        })
    }
}
