//! `synor spot orders`

use clap::Args;
use serde_json::Value;
use synor_economics::pricing::spot::Holding;
use synor_store::{SpotAsk, SpotBid};

use super::market::units;
use crate::client::{Session, items};
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// Which orders.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The providers' asks instead of the account's bids (an admin's to see).
    #[arg(long)]
    asks: bool,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[
        text("Order", "id"),
        text("Whose", "owner"),
        text("Market", "market"),
        number("Quantity", "quantity"),
        number("Price", "price_micro_synor"),
        text("Per", "per"),
        text("Until", "valid_until"),
        text("State", "state"),
    ]);
    let state = |is_open: bool| Field::from(if is_open { "open" } else { "ended" });
    if arguments.asks {
        let all: Value = session.get("/spot/asks").await?;
        for item in items(&all) {
            let SpotAsk { ask, is_open } = serde_json::from_value(item)?;
            table.row([
                Field::from(ask.ask_id.to_string()),
                Field::from(ask.provider.to_string()),
                Field::from(ask.market.to_string()),
                units(ask.quantity, &ask.per),
                Field::from(ask.price_micro_synor),
                Field::from(ask.per.to_string()),
                Field::new(ask.valid.end().to_string(), ask.valid.end().secs()),
                state(is_open),
            ]);
        }
        return answer(&all, table, "No asks yet; `synor spot ask` places one.");
    }
    let all: Value = session.get("/spot/bids").await?;
    for item in items(&all) {
        let SpotBid { bid, is_open } = serde_json::from_value(item)?;
        table.row([
            Field::from(bid.bid_id.to_string()),
            Field::from(bid.account.to_string()),
            Field::from(bid.market.to_string()),
            units(bid.quantity, &bid.per),
            Field::from(bid.limit_micro_synor),
            Field::from(bid.per.to_string()),
            Field::new(bid.valid.end().to_string(), bid.valid.end().secs()),
            state(is_open),
        ]);
    }
    let mut shown = answer(&all, table, "No bids yet; `synor spot bid` places one.")?;
    let holdings: Vec<Holding> = serde_json::from_value(all["holdings"].clone())?;
    for held in &holdings {
        let price = format::money(held.price_micro_synor);
        let (market, per, end) = (&held.market, &held.per, held.interval.end());
        let quantity = units(held.held, per);
        shown = shown.line(format!(
            "holds {} × {per} of {market} at {price} until {end}",
            quantity.shown()
        ));
    }
    Ok(shown)
}

fn answer(all: &Value, table: Table, empty: &str) -> anyhow::Result<Answer> {
    let answer = Answer::new(all)?;
    if table.is_empty() {
        return Ok(answer.line(empty).table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
