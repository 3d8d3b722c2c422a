//! `synor usage series`: usage over time, one row for each line and step.

use clap::{Args, ValueEnum};
use serde_json::Value;
use synor_economics::metering::{Measure, ResourceType};
use synor_economics::period::{Month, Timestamp, Zone};
use synor_usage::Aggregate;

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// How long a step is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Step {
    /// An hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// A calendar month.
    Month,
    /// The whole period.
    Whole,
}

/// Which series.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The month, such as 2026-01 [default: the running one].
    #[arg(long)]
    period: Option<Month>,
    /// Or from this time on, such as 2026-01-15T00:00:00Z …
    #[arg(long, requires = "end", conflicts_with = "period", value_parser = Timestamp::parse)]
    start: Option<Timestamp>,
    /// … up to this one.
    #[arg(long, requires = "start", value_parser = Timestamp::parse)]
    end: Option<Timestamp>,
    /// How long a step is.
    #[arg(long, value_enum, default_value = "day")]
    step: Step,
    /// Whose hours, days and months [default: the account's].
    #[arg(long)]
    zone: Option<Zone>,
    /// Only this resource, such as compute.cpu.
    #[arg(long)]
    resource: Option<ResourceType>,
    /// What to keep apart besides the resource: provider, or a dimension such as region.
    #[arg(long, value_name = "DIMENSION")]
    by: Option<String>,
    /// What each step says: sum, maximum, unique:provider or unique:DIMENSION.
    #[arg(long, default_value = "sum", value_parser = aggregate)]
    aggregate: String,
}

fn aggregate(text: &str) -> Result<String, synor_usage::UnknownAggregate> {
    text.parse::<Aggregate>().map(|_| text.to_owned())
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let series: Value = session
        .get_with("/billing/usage/series", &query(&arguments))
        .await?;
    let mut table = Table::new(&[
        text("Resource", "resource"),
        text("Group", "group"),
        text("From", "start"),
        text("To", "end"),
        number("Quantity", "quantity"),
        text("Unit", "unit"),
    ]);
    for line in array(&series["lines"]) {
        let resource: ResourceType = serde_json::from_value(line["resource"].clone())?;
        for (step, quantity) in array(&series["steps"]).zip(array(&line["quantities"])) {
            let time = |name: &str| {
                let at = Timestamp::from_secs(step[name].as_i64().unwrap_or_default());
                Field::new(at.to_string(), at.secs())
            };
            let raw = match quantity {
                Value::String(digits) => digits.clone(),
                other => other.to_string(),
            };
            table.row([
                Field::from(resource.to_string()),
                Field::from(line["group"].as_str().unwrap_or_default()),
                time("start"),
                time("end"),
                Field::new(format::decimal(&raw), raw),
                Field::from(unit(resource, &arguments.aggregate)),
            ]);
        }
    }
    let answer = Answer::new(&series)?;
    if table.is_empty() {
        return Ok(answer.line("Nothing was used in this time.").table(table));
    }
    Ok(answer.table(table))
}

/// What the quantities of a series are in.
fn unit(resource: ResourceType, aggregate: &str) -> &'static str {
    let spec = resource.spec();
    match (aggregate, spec.measure) {
        ("sum", _) | ("maximum", Measure::Sum) => spec.base_unit.name(),
        ("maximum", Measure::Level { sample }) => sample.name(),
        _ => "different",
    }
}

fn query(arguments: &Arguments) -> Vec<(&'static str, String)> {
    let step = match arguments.step {
        Step::Hour => "hour",
        Step::Day => "day",
        Step::Month => "month",
        Step::Whole => "whole",
    };
    let mut query = vec![
        ("step", step.to_owned()),
        ("aggregate", arguments.aggregate.clone()),
    ];
    let named = [
        ("period", arguments.period.map(|month| month.to_string())),
        ("start", arguments.start.map(|at| at.secs().to_string())),
        ("end", arguments.end.map(|at| at.secs().to_string())),
        ("zone", arguments.zone.as_ref().map(ToString::to_string)),
        (
            "resource",
            arguments.resource.map(|resource| resource.to_string()),
        ),
        ("group_by", arguments.by.clone()),
    ];
    query.extend(
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    query
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
