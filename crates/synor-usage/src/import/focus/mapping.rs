//! The table that says what a cloud's charge is here: rules in order, the first that fits decides.
//!
//! It is one TOML file, built into the program. A rule names patterns for the provider, service,
//! service category, unit and description of a charge (`*` stands for any text, case does not
//! matter, all named patterns must fit, of several for one field any) and either the resources that
//! are its counterpart, or why it has none.

use std::collections::BTreeMap;

use serde::Deserialize;
use synor_economics::metering::{BaseUnit, MeteringUnit, ResourceType};
use synor_economics::money::Exact;
use thiserror::Error;

use super::charge::Charge;
use super::pattern::Patterns;

const BUILT_IN: &str = include_str!("../focus_mapping.toml");

/// Why a mapping table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MappingError {
    /// Not TOML, or not of this form.
    #[error("the mapping table cannot be read: {0}")]
    Form(String),
    /// A rule says something that cannot be.
    #[error("rule {number} of the mapping table: {reason}")]
    Rule {
        /// Its place in the table, from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
    /// An instance type says something that cannot be.
    #[error("instance type `{name}` of the mapping table: {reason}")]
    Size {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// One resource that is, or is part of, the counterpart of a charge.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) resource: ResourceType,
    pub(super) unit: MeteringUnit,
    /// How many of `unit` one of the cloud's units is.
    pub(super) factor: Exact,
    pub(super) gpu_model: Option<String>,
}

/// What a charge is here.
pub(super) enum Counterpart {
    /// These resources.
    Targets {
        targets: Vec<Target>,
        /// Whether it is the consumed quantity that counts, rather than the priced one.
        of_consumed: bool,
    },
    /// Nothing, and why.
    None(String),
}

/// A mapping table that has been checked.
#[derive(Debug)]
pub struct Mapping {
    rules: Vec<Rule>,
    sizes: BTreeMap<String, BTreeMap<String, Size>>,
    gpu_models_sold: Vec<String>,
}

#[derive(Debug)]
struct Rule {
    provider: Patterns,
    service: Patterns,
    category: Patterns,
    unit: Patterns,
    description: Patterns,
    of_consumed: bool,
    means: Means,
}

#[derive(Debug)]
enum Means {
    Targets(Vec<Target>),
    Instance(String),
    Nothing(String),
}

#[derive(Debug)]
struct Size {
    cores: Exact,
    memory_gib: Exact,
    gpu: Option<(String, Exact)>,
}

impl Mapping {
    /// The table that comes with the program.
    pub fn built_in() -> Result<Self, MappingError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a table.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let rows: TableRows =
            toml::from_str(text).map_err(|error| MappingError::Form(error.to_string()))?;
        let mut sizes: BTreeMap<String, BTreeMap<String, Size>> = BTreeMap::new();
        for (cloud, rows) in rows.sizes {
            let of_cloud = sizes.entry(cloud).or_default();
            for (name, row) in rows {
                let size = row.check().map_err(|reason| MappingError::Size {
                    name: name.clone(),
                    reason,
                })?;
                of_cloud.insert(name, size);
            }
        }
        let mut rules = Vec::with_capacity(rows.rule.len());
        for (number, row) in (1..).zip(rows.rule) {
            let rule = row
                .check(&sizes)
                .map_err(|reason| MappingError::Rule { number, reason })?;
            rules.push(rule);
        }
        Ok(Self {
            rules,
            sizes,
            gpu_models_sold: rows.gpu_models_sold,
        })
    }

    /// What a charge is here, by the first rule that fits.
    pub(super) fn counterpart(&self, charge: &Charge<'_>, unit: &str) -> Counterpart {
        let rule = self.rules.iter().find(|rule| {
            rule.provider.fit(&charge.provider)
                && rule.service.fit(charge.service)
                && rule.category.fit(charge.service_category)
                && rule.unit.fit(unit)
                && rule.description.fit(charge.description)
        });
        match rule {
            None => Counterpart::None("no rule of the mapping table fits".to_owned()),
            Some(rule) => match &rule.means {
                Means::Targets(targets) => Counterpart::Targets {
                    targets: targets.clone(),
                    of_consumed: rule.of_consumed,
                },
                Means::Nothing(reason) => Counterpart::None(reason.clone()),
                Means::Instance(cloud) => self.instance(cloud, charge.description),
            },
        }
    }

    /// An hour of an instance: its cores and memory, by the first word of the description that is
    /// an instance type.
    fn instance(&self, cloud: &str, description: &str) -> Counterpart {
        let sizes = self.sizes.get(cloud);
        let size = description
            .split_whitespace()
            .find_map(|word| sizes.and_then(|sizes| sizes.get(word)));
        let Some(size) = size else {
            return Counterpart::None("the instance type is not in the table of sizes".to_owned());
        };
        let mut targets = Vec::with_capacity(3);
        let mut add = |resource, base, factor, gpu_model| {
            if let Some(unit) = hours_of(base) {
                targets.push(Target {
                    resource,
                    unit,
                    factor,
                    gpu_model,
                });
            }
        };
        add(
            ResourceType::ComputeCpu,
            BaseUnit::CoreMilliseconds,
            size.cores,
            None,
        );
        add(
            ResourceType::ComputeMemory,
            BaseUnit::ByteSeconds,
            size.memory_gib,
            None,
        );
        if let Some((model, count)) = &size.gpu {
            if !self.gpu_models_sold.contains(model) {
                let reason = format!("the instance has a GPU ({model}) that is not sold here");
                return Counterpart::None(reason);
            }
            let model = Some(model.clone());
            add(
                ResourceType::ComputeGpu,
                BaseUnit::GpuMilliseconds,
                *count,
                model,
            );
        }
        Counterpart::Targets {
            targets,
            of_consumed: false,
        }
    }
}

/// The unit of an hour of a core, a GPU or a GiB.
fn hours_of(base: BaseUnit) -> Option<MeteringUnit> {
    let name = match base {
        BaseUnit::CoreMilliseconds => "core-hours",
        BaseUnit::GpuMilliseconds => "gpu-hours",
        BaseUnit::ByteSeconds => "GiB-hours",
        _ => return None,
    };
    name.parse().ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableRows {
    gpu_models_sold: Vec<String>,
    rule: Vec<RuleRow>,
    #[serde(default)]
    sizes: BTreeMap<String, BTreeMap<String, SizeRow>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    #[serde(default)]
    provider: Vec<String>,
    #[serde(default)]
    service: Vec<String>,
    #[serde(default)]
    category: Vec<String>,
    #[serde(default)]
    unit: Vec<String>,
    #[serde(default)]
    description: Vec<String>,
    #[serde(default)]
    of_consumed: bool,
    #[serde(default)]
    to: Vec<TargetRow>,
    instance: Option<String>,
    none: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetRow {
    resource: ResourceType,
    unit: MeteringUnit,
    factor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SizeRow {
    cores: String,
    memory_gib: String,
    gpu_model: Option<String>,
    gpus: Option<String>,
}

impl RuleRow {
    fn check(self, sizes: &BTreeMap<String, BTreeMap<String, Size>>) -> Result<Rule, String> {
        let means = match (self.to.is_empty(), self.instance, self.none) {
            (false, None, None) => {
                let targets = self.to.into_iter().map(TargetRow::check);
                Means::Targets(targets.collect::<Result<_, _>>()?)
            }
            (true, Some(cloud), None) if sizes.contains_key(&cloud) => Means::Instance(cloud),
            (true, Some(cloud), None) => return Err(format!("there are no sizes of `{cloud}`")),
            (true, None, Some(reason)) => Means::Nothing(reason),
            _ => return Err("one of `to`, `instance` and `none` must be there".to_owned()),
        };
        Ok(Rule {
            provider: Patterns::new(&self.provider),
            service: Patterns::new(&self.service),
            category: Patterns::new(&self.category),
            unit: Patterns::new(&self.unit),
            description: Patterns::new(&self.description),
            of_consumed: self.of_consumed,
            means,
        })
    }
}

impl TargetRow {
    fn check(self) -> Result<Target, String> {
        let base = self.resource.spec().base_unit;
        if self.unit.base() != base {
            return Err(format!("{} is not a multiple of {base}", self.unit));
        }
        let factor = self.factor.as_deref().unwrap_or("1");
        Ok(Target {
            resource: self.resource,
            unit: self.unit,
            factor: above_zero(factor)?,
            gpu_model: None,
        })
    }
}

impl SizeRow {
    fn check(self) -> Result<Size, String> {
        let gpu = match (self.gpu_model, self.gpus) {
            (None, None) => None,
            (Some(model), Some(count)) => Some((model, above_zero(&count)?)),
            _ => return Err("`gpu_model` and `gpus` go together".to_owned()),
        };
        Ok(Size {
            cores: above_zero(&self.cores)?,
            memory_gib: above_zero(&self.memory_gib)?,
            gpu,
        })
    }
}

fn above_zero(text: &str) -> Result<Exact, String> {
    let number = Exact::parse_decimal(text).map_err(|error| error.to_string())?;
    match number.is_positive() {
        true => Ok(number),
        false => Err(format!("`{text}` is not above zero")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_holds() {
        Mapping::built_in().unwrap();
    }

    #[test]
    fn a_table_that_cannot_be_is_refused_by_rule() {
        let table = |rule: &str| format!("gpu_models_sold = []\n[[rule]]\n{rule}");
        let error = |rule: &str| Mapping::parse(&table(rule)).unwrap_err().to_string();
        assert_eq!(
            error("unit = [\"GB\"]"),
            "rule 1 of the mapping table: one of `to`, `instance` and `none` must be there"
        );
        assert_eq!(
            error("to = [{ resource = \"network.egress\", unit = \"GB-hours\" }]"),
            "rule 1 of the mapping table: GB-hours is not a multiple of bytes"
        );
        assert_eq!(
            error("to = [{ resource = \"network.egress\", unit = \"GB\", factor = \"0\" }]"),
            "rule 1 of the mapping table: `0` is not above zero"
        );
        assert_eq!(
            error("instance = \"moon\""),
            "rule 1 of the mapping table: there are no sizes of `moon`"
        );
    }
}
