//! `synor spot prices`

use clap::Args;
use serde_json::Value;
use synor_economics::pricing::spot::PricePoint;
use synor_store::SpotMarket;

use super::market::{MarketArguments, units};
use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, number, text};

/// Which market's prices.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    market: MarketArguments,
    /// How many intervals at most.
    #[arg(long, default_value_t = 24)]
    limit: usize,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    if !arguments.market.is_named() {
        return markets(session).await;
    }
    let (query, limit) = (arguments.market.query()?, arguments.limit);
    let path = format!("/spot/prices?{query}&limit={limit}");
    let prices: Value = session.get(&path).await?;
    let mut table = Table::new(&[
        text("From", "interval_start"),
        text("To", "interval_end"),
        number("Price", "price_micro_synor"),
        number("Traded", "traded"),
        text("Per", "per"),
    ]);
    for item in items(&prices) {
        let point: PricePoint = serde_json::from_value(item)?;
        let time = |at: synor_economics::period::Timestamp| Field::new(at.to_string(), at.secs());
        table.row([
            time(point.interval.start()),
            time(point.interval.end()),
            Field::from(point.price_micro_synor),
            units(point.traded, &point.per),
            Field::from(point.per.to_string()),
        ]);
    }
    let answer = Answer::new(&prices)?;
    if table.is_empty() {
        let line = "Nothing has been traded yet.";
        return Ok(answer.line(line).table_only_in_csv(table));
    }
    Ok(answer.table(table))
}

async fn markets(session: &Session) -> anyhow::Result<Answer> {
    let all: Value = session.get("/spot/markets").await?;
    let mut table = Table::new(&[
        text("Market", "market"),
        text("Per", "per"),
        number("Reserve", "reserve_micro_synor"),
        number("Orders", "orders"),
        text("Decided until", "cleared_until"),
    ]);
    for item in items(&all) {
        let market: SpotMarket = serde_json::from_value(item)?;
        let until = market.cleared_until;
        table.row([
            Field::from(market.market.to_string()),
            Field::from(market.per.to_string()),
            Field::from(market.reserve_micro_synor),
            Field::from(market.orders),
            Field::new(
                until.map_or_else(|| "–".to_owned(), |at| at.to_string()),
                until.map_or_else(String::new, |at| at.secs().to_string()),
            ),
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        let line = "No markets yet; the first ask or bid opens one.";
        return Ok(answer.line(line).table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
