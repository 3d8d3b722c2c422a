//! `synor spot bid`

use clap::Args;
use synor_store::SpotBid;

use super::market::OrderArguments;
use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// The bid.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    order: OrderArguments,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let key = arguments.order.key();
    let body = arguments.order.body();
    let placed: SpotBid = session.post("/spot/bids", &body, Some(&key)).await?;
    let bid = &placed.bid;
    let limit = format::money(bid.limit_micro_synor);
    Ok(Answer::new(&placed)?.line(format!(
        "{} bids at most {limit} per {} for {}: {}",
        bid.account, bid.per, bid.market, bid.bid_id
    )))
}
