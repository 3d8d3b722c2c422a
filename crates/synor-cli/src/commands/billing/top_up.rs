//! `synor billing top-up set|off|show`: a balance that is filled up by itself, from the wallet of
//! auto-pay.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use synor_economics::billing::{TopUpConfig, TopUpDecision};
use synor_economics::money::MicroSynor;
use synor_engine::TopUpEnd;

use super::auto_pay::synor_amount;
use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// On, off, or how it stands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Have the balance filled up.
    Set(SetArguments),
    /// Fill it up no more.
    Off,
    /// How it stands, and what came of it.
    Show,
}

/// How to fill it up.
#[derive(Debug, Args)]
pub struct SetArguments {
    /// Below this balance, in SYNOR.
    #[arg(long, value_name = "SYNOR", value_parser = amount)]
    below: MicroSynor,
    /// With how much, in SYNOR.
    #[arg(long, value_name = "SYNOR", value_parser = amount)]
    amount: MicroSynor,
    /// With how much in a month at most, in SYNOR.
    #[arg(long, value_name = "SYNOR", value_parser = amount)]
    monthly_max: MicroSynor,
    /// How long to wait after one before another, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    cooldown: i64,
}

fn amount(text: &str) -> Result<MicroSynor, String> {
    synor_amount(text).map_err(|error| error.to_string())
}

pub async fn run(command: Command, session: &Session) -> anyhow::Result<Answer> {
    let path = "/billing/top-up";
    let state: Value = match command {
        Command::Show => session.get(path).await?,
        Command::Off => session.post(path, &json!({"enabled": false}), None).await?,
        Command::Set(arguments) => {
            let order = json!({
                "enabled": true,
                "threshold_micro_synor": arguments.below,
                "amount_micro_synor": arguments.amount,
                "monthly_max_micro_synor": arguments.monthly_max,
                "cooldown_secs": arguments.cooldown,
            });
            session.post(path, &order, None).await?
        }
    };
    let config: Option<TopUpConfig> = serde_json::from_value(state["config"].clone())?;
    let now: TopUpDecision = serde_json::from_value(state["now"].clone())?;
    let line = match config.filter(|config| config.enabled) {
        None => {
            let next = "`synor billing top-up set --below 10 --amount 50 --monthly-max 200`";
            format!("top-up is off: {next} switches it on")
        }
        Some(config) => format!(
            "top-up is on: {} when the balance is below {}, {} a month at most; {}",
            format::money(config.amount_micro_synor),
            format::money(config.threshold_micro_synor),
            format::money(config.monthly_max_micro_synor),
            told(now)
        ),
    };
    let answer = Answer::new(&state)?.line(line);
    let table = top_ups(&state)?;
    if table.is_empty() {
        return Ok(answer.table_only_in_csv(table));
    }
    Ok(answer.line("").table(table))
}

fn told(now: TopUpDecision) -> String {
    match now {
        TopUpDecision::Off => "it is off".to_owned(),
        TopUpDecision::Enough => "there is enough".to_owned(),
        TopUpDecision::UnderWay => "one is under way".to_owned(),
        TopUpDecision::CoolingDown { until } => format!("it waits until {until}"),
        TopUpDecision::MonthlyMaximum { left_micro_synor } => {
            let left = format::money(left_micro_synor);
            format!("the month's maximum is reached ({left} left)")
        }
        TopUpDecision::Due { .. } => "one is due".to_owned(),
    }
}

fn top_ups(state: &Value) -> anyhow::Result<Table> {
    let mut table = Table::new(&[
        number("No.", "number"),
        text("When", "created_at"),
        number("SYNOR", "amount_micro_synor"),
        number("Balance before", "balance_micro_synor"),
        text("State", "state"),
    ]);
    for top_up in state["top_ups"].as_array().into_iter().flatten() {
        let money = |field: &str| -> anyhow::Result<Field> {
            let amount: MicroSynor = serde_json::from_value(top_up[field].clone())?;
            Ok(Field::from(amount))
        };
        let at: synor_economics::period::Timestamp =
            serde_json::from_value(top_up["created_at"].clone())?;
        let end: Option<TopUpEnd> = serde_json::from_value(top_up["end"].clone())?;
        let end = match end {
            None => "under way".to_owned(),
            Some(TopUpEnd::Credited { .. }) => "credited".to_owned(),
            Some(TopUpEnd::Failed { reason, .. }) => format!("failed: {reason}"),
        };
        table.row([
            Field::from(top_up["number"].as_u64().unwrap_or_default()),
            Field::new(at.to_string(), at.secs()),
            money("amount_micro_synor")?,
            money("balance_micro_synor")?,
            Field::from(end),
        ]);
    }
    Ok(table)
}
