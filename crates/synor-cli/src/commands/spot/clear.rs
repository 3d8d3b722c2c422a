//! `synor spot clear`

use clap::Args;
use serde_json::{Value, json};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_store::{SpotClearing, SpotMarket};

use super::market::{MarketArguments, price, units};
use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// What to decide.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    market: MarketArguments,
    /// An instant in the interval, such as 2026-01-31T08:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    interval: Option<Timestamp>,
    /// Set the market's reserve price for what is decided from now on, and decide nothing.
    #[arg(long, value_name = "SYNOR", value_parser = price, conflicts_with = "interval")]
    reserve: Option<MicroSynor>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    if let Some(reserve) = arguments.reserve {
        let mut body = arguments.market.body();
        body["reserve_micro_synor"] = json!(reserve);
        let market: SpotMarket = session.post("/admin/spot/reserve", &body, None).await?;
        let reserve = format::money(market.reserve_micro_synor);
        let (name, per) = (&market.market, &market.per);
        return Ok(Answer::new(&market)?.line(format!(
            "nothing is sold below {reserve} per {per} in {name}"
        )));
    }
    if !arguments.market.is_named() {
        let body = json!({"interval": arguments.interval});
        let done: Value = session.post("/admin/spot/clear", &body, None).await?;
        let count = done["decided"].as_u64().unwrap_or_default();
        return Ok(Answer::new(&done)?.line(format!("{count} intervals were decided")));
    }
    let mut body = arguments.market.body();
    body["interval"] = json!(arguments.interval);
    let done: Value = session.post("/admin/spot/clear", &body, None).await?;
    let stored: SpotClearing = serde_json::from_value(done["clearing"].clone())?;
    let clearing = &stored.clearing;
    let mut table = Table::new(&[
        text("Account", "account"),
        number("Wanted", "wanted"),
        number("Holds", "held"),
        number("At most", "limit_micro_synor"),
    ]);
    for bid in &clearing.bids {
        table.row([
            Field::from(bid.account.to_string()),
            units(bid.wanted, &clearing.per),
            units(bid.held, &clearing.per),
            Field::from(bid.limit_micro_synor),
        ]);
    }
    let price = clearing.price_micro_synor;
    let price = price.map_or_else(|| "nothing was traded".to_owned(), format::money);
    Ok(Answer::new(&stored)?
        .line(format!(
            "{} from {}",
            clearing.market,
            clearing.interval.start()
        ))
        .line(format!("price per {}: {price}", clearing.per))
        .table(table))
}
