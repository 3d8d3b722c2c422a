//! `synor price-list`: prices as documents that are checked, shown, compared and put in force.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};
use synor_economics::money::{Exact, MICRO_PER_SYNOR};
use synor_economics::pricing::{Charge, Model, PackageRounding, Price, PriceList, Tier};

use crate::args::Global;
use crate::client::{Session, items};
use crate::error::{error, error_with_help};
use crate::output::{Answer, Field, Table, text};

/// What to do with a price list.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a file and name every mistake by its line.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print a file, or the list in force, as a table.
    Show {
        /// The file [default: the latest version of the server].
        file: Option<PathBuf>,
    },
    /// What would change against the list in force.
    Diff {
        /// The file.
        file: PathBuf,
    },
    /// Put a file in force from its effective date on.
    Activate {
        /// The file.
        file: PathBuf,
    },
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    let answer = match command {
        Command::Check { file } => {
            let list = read(&file)?;
            let line = format!(
                "{}: version {}, {} prices, in force from {}",
                file.display(),
                list.version,
                list.prices().len(),
                list.effective_from
            );
            Answer::new(&json!({"version": list.version, "prices": list.prices().len()}))?
                .line(line)
        }
        Command::Show { file: Some(file) } => show(&read(&file)?)?,
        Command::Show { file: None } => show(&in_force(global).await?)?,
        Command::Diff { file } => diff(&in_force(global).await?, &read(&file)?)?,
        Command::Activate { file } => {
            let list = read(&file)?;
            let session = Session::connect(global).await?;
            let body = json!({"toml": list.text()});
            let made: anyhow::Result<Value> = session.post("/admin/price-lists", &body, None).await;
            session.close().await;
            let line = format!(
                "version {} is in force from {}",
                list.version, list.effective_from
            );
            Answer::new(&made?)?.line(line)
        }
    };
    answer.print(global.format)
}

/// Reads a price list from a file.
pub fn read(file: &Path) -> anyhow::Result<PriceList> {
    let toml =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    PriceList::parse(&toml).map_err(|e| {
        let help = "the built-in list shows the form: `synor price-list show --format json`";
        error_with_help(format!("{}: {e}", file.display()), help)
    })
}

/// The latest version of the server.
async fn in_force(global: &Global) -> anyhow::Result<PriceList> {
    let session = Session::connect(global).await?;
    let all: anyhow::Result<Value> = session.get("/admin/price-lists").await;
    session.close().await;
    let newest = items(&all?)
        .pop()
        .ok_or_else(|| error("the server has no price list"))?;
    Ok(PriceList::parse(
        newest["toml"].as_str().unwrap_or_default(),
    )?)
}

fn show(list: &PriceList) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[
        text("Resource", "resource"),
        text("For", "for"),
        text("Price", "price"),
        text("per", "per"),
    ]);
    for price in list.prices() {
        table.row([
            Field::from(price.resource.to_string()),
            Field::from(whom(price)),
            Field::from(charge(&price.charge)),
            Field::from(price.per.to_string()),
        ]);
    }
    let head = format!("version {}  ·  from {}", list.version, list.effective_from);
    let json = json!({
        "version": list.version,
        "effective_from": list.effective_from,
        "toml": list.text(),
    });
    let mut answer = Answer::new(&json)?.line(head).line("").table(table);
    if list.needs_rate() {
        answer = answer.line(
            "prices that are written in USD are shown in USD; bills take them at the period's rate",
        );
    }
    for discount in list.volume_discounts() {
        let percent = discount.percent.to_decimal(4);
        answer = answer.line(format!(
            "volume: from {} a month {percent} % off",
            discount.from
        ));
    }
    Ok(answer)
}

fn diff(now: &PriceList, then: &PriceList) -> anyhow::Result<Answer> {
    let by_key = |list: &PriceList| -> BTreeMap<(String, String), String> {
        let key = |price: &Price| (price.resource.to_string(), whom(price));
        let value = |price: &Price| format!("{} per {}", charge(&price.charge), price.per);
        list.prices()
            .iter()
            .map(|price| (key(price), value(price)))
            .collect()
    };
    let (before, after) = (by_key(now), by_key(then));
    let mut table = Table::new(&[
        text("Resource", "resource"),
        text("For", "for"),
        text("Now", "now"),
        text("Then", "then"),
    ]);
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut changed = Vec::new();
    for key in keys {
        let none = || "–".to_owned();
        let old = before.get(key).cloned().unwrap_or_else(none);
        let new = after.get(key).cloned().unwrap_or_else(none);
        if old != new {
            changed.push(json!({"resource": key.0, "for": key.1, "now": old, "then": new}));
            let (resource, whom) = key.clone();
            table.row([resource, whom, old, new].map(Field::from));
        }
    }
    let head = format!(
        "{} (from {}) → {} (from {})",
        now.version, now.effective_from, then.version, then.effective_from
    );
    let answer = Answer::new(&changed)?.line(head).line("");
    if changed.is_empty() {
        return Ok(answer.line("No price changes.").table_only_in_csv(table));
    }
    Ok(answer.table(table))
}

/// For whom, or with which dimensions, a price is.
fn whom(price: &Price) -> String {
    let account = price.account.iter().map(ToString::to_string);
    let dimensions = price
        .dimensions
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    account.chain(dimensions).collect::<Vec<_>>().join(" ")
}

/// A charge on one line.
fn charge(charge: &Charge) -> String {
    let mut text = match &charge.model {
        Model::PerUnit { amount } => synor(*amount),
        Model::Graduated { tiers } => format!("graduated: {}", all_tiers(tiers)),
        Model::Volume { tiers } => format!("volume: {}", all_tiers(tiers)),
        Model::Stairstep { tiers } => format!("stairstep: {}", all_tiers(tiers)),
        Model::Package { amount, round } => {
            let way = match round {
                PackageRounding::Up => "up",
                PackageRounding::Down => "down",
            };
            format!("{} a package, rounded {way}", synor(*amount))
        }
    };
    if charge.free.is_positive() {
        text.push_str(&format!(", {} free", charge.free.to_decimal(6)));
    }
    for (word, bound) in [("at least", charge.minimum), ("at most", charge.maximum)] {
        if let Some(bound) = bound {
            text.push_str(&format!(", {word} {}", synor(bound)));
        }
    }
    text
}

fn all_tiers(tiers: &[Tier]) -> String {
    let one = |tier: &Tier| {
        let until = tier
            .up_to
            .map_or_else(|| "above".to_owned(), |u| format!("to {}", u.to_decimal(6)));
        let flat = if tier.flat.is_zero() {
            String::new()
        } else {
            format!(" + {}", synor(tier.flat))
        };
        format!("{until} {}{flat}", synor(tier.amount))
    };
    tiers.iter().map(one).collect::<Vec<_>>().join(" | ")
}

/// µSYNOR as SYNOR.
fn synor(micro: Exact) -> String {
    let whole = Exact::from_integer(i128::from(MICRO_PER_SYNOR));
    micro
        .checked_div(whole)
        .map_or_else(|_| micro.to_string(), |synor| synor.to_decimal(12))
}
