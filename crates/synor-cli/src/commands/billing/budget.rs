//! `synor billing budget set|list|remove`: what an account means to spend, use or keep.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};
use synor_economics::budget::{Budget, Threshold};
use synor_economics::metering::{MeteringUnit, ResourceType, ServiceType};
use synor_economics::money::{Exact, MicroSynor, MoneyError};
use synor_economics::quantity::Quantity;
use synor_economics::quota::QuotaEffect;
use synor_engine::BudgetState;

use super::auto_pay::synor_amount;
use crate::client::{Session, items};
use crate::commands::admin::terms::service;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// What to do about budgets.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put a budget in force, in place of the one of that name.
    Set(SetArguments),
    /// The budgets, and how each stands.
    List,
    /// Remove a budget.
    Remove {
        /// Which.
        name: String,
    },
}

/// The budget to set.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("on").required(true).args(["spend", "forecast", "usage", "balance"])))]
pub struct SetArguments {
    /// What to call it: a-z, 0-9, `-`.
    name: String,
    /// On what the running month has come to, in SYNOR.
    #[arg(long, value_name = "SYNOR", value_parser = amount)]
    spend: Option<MicroSynor>,
    /// On what the running month is expected to come to, in SYNOR.
    #[arg(long, value_name = "SYNOR", value_parser = amount)]
    forecast: Option<MicroSynor>,
    /// On how much of a resource is used in the month, such as network.egress.
    #[arg(long, value_name = "RESOURCE", requires_all = ["quantity", "unit"])]
    usage: Option<ResourceType>,
    /// On the balance, which is crossed from above, in SYNOR.
    #[arg(long, value_name = "SYNOR", value_parser = amount)]
    balance: Option<MicroSynor>,
    /// Only of this service.
    #[arg(long, value_parser = service, conflicts_with_all = ["usage", "balance"])]
    service: Option<ServiceType>,
    /// How much usage, such as 500.
    #[arg(long, requires = "usage", value_parser = decimal)]
    quantity: Option<String>,
    /// In which unit, such as GB.
    #[arg(long, requires = "usage")]
    unit: Option<MeteringUnit>,
    /// Where an alert fires: 80% of the limit, or 400, in SYNOR or the unit [default: 80% and 100%].
    #[arg(long = "at", value_name = "THRESHOLD", value_parser = str::parse::<Threshold>)]
    thresholds: Vec<Threshold>,
    /// What happens when it is used up: warn (it shows) or stop (spending is refused).
    #[arg(long, default_value = "warn", value_parser = str::parse::<QuotaEffect>)]
    effect: QuotaEffect,
}

fn amount(text: &str) -> Result<MicroSynor, String> {
    synor_amount(text).map_err(|error| error.to_string())
}

fn decimal(text: &str) -> Result<String, MoneyError> {
    Exact::parse_decimal(text).map(|_| text.to_owned())
}

pub async fn run(command: Command, session: &Session) -> anyhow::Result<Answer> {
    match command {
        Command::Set(arguments) => set(arguments, session).await,
        Command::List => list(session).await,
        Command::Remove { name } => remove(&name, session).await,
    }
}

async fn set(arguments: SetArguments, session: &Session) -> anyhow::Result<Answer> {
    let thresholds = match arguments.thresholds {
        none if none.is_empty() => vec![percent(80), percent(100)],
        some => some,
    };
    let amount = arguments.spend.or(arguments.forecast).or(arguments.balance);
    let on = match (arguments.spend, arguments.forecast, arguments.balance) {
        (Some(_), ..) => "spend",
        (_, Some(_), _) => "forecast",
        (.., Some(_)) => "balance",
        _ => "usage",
    };
    let mut new = json!({
        "name": arguments.name,
        "on": on,
        "thresholds": thresholds,
        "effect": arguments.effect,
    });
    let optional = [
        ("service", json!(arguments.service)),
        ("amount_micro_synor", json!(amount)),
        ("resource", json!(arguments.usage)),
        ("quantity", json!(arguments.quantity)),
        ("unit", json!(arguments.unit)),
    ];
    for (field, value) in optional.into_iter().filter(|(_, value)| !value.is_null()) {
        new[field] = value;
    }
    let budget: Budget = session.post("/billing/budgets", &new, None).await?;
    let at: Vec<_> = budget.thresholds.iter().map(ToString::to_string).collect();
    let then = match budget.effect {
        QuotaEffect::Warn => "it warns",
        QuotaEffect::Stop => "it stops",
    };
    let line = format!(
        "budget {}: {}; an alert at {}, and {then}",
        budget.name,
        budget.subject.describe(),
        at.join(", ")
    );
    Ok(Answer::new(&budget)?.line(line))
}

fn percent(number: i128) -> Threshold {
    Threshold::Percent(Exact::from_integer(number))
}

async fn list(session: &Session) -> anyhow::Result<Answer> {
    let all: Value = session.get("/billing/budgets").await?;
    let mut table = Table::new(&[
        text("Budget", "name"),
        text("On", "on"),
        number("Limit", "limit"),
        number("Now", "value"),
        number("%", "value_percent"),
        text("Unit", "unit"),
        text("Alerts at", "thresholds"),
        text("Crossed", "crossed"),
        text("Effect", "effect"),
    ]);
    for item in items(&all) {
        let state: BudgetState = serde_json::from_value(item)?;
        let told = |thresholds: &[Threshold]| {
            let told: Vec<_> = thresholds.iter().map(ToString::to_string).collect();
            Field::from(told.join(" "))
        };
        let (limit, unit) = reading(state.limit, &state.read_in);
        let (value, _) = reading(state.value, &state.read_in);
        table.row([
            Field::from(state.budget.name.clone()),
            Field::from(state.budget.subject.name()),
            limit,
            value,
            Field::from(state.value_percent),
            Field::new(unit, &state.read_in),
            told(&state.budget.thresholds),
            told(&state.crossed),
            Field::from(state.budget.effect.name()),
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        let next = "`synor billing budget set all --spend 500` makes one";
        return Ok(answer
            .line(format!("No budgets yet; {next}."))
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}

/// A reading of a budget as people see it: money in SYNOR.
pub fn reading(value: Quantity, unit: &str) -> (Field, String) {
    let money = (unit == "micro_synor").then(|| i64::try_from(value.get()).ok());
    match money.flatten() {
        Some(micro) => (Field::from(MicroSynor::new(micro)), "SYNOR".to_owned()),
        None => {
            let shown = format::decimal(&value.to_string());
            (Field::new(shown, value), unit.to_owned())
        }
    }
}

async fn remove(name: &str, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/billing/budgets?name={name}");
    let removed: Budget = session.delete(&path).await?;
    let line = format!("budget {} is removed", removed.name);
    Ok(Answer::new(&removed)?.line(line))
}
