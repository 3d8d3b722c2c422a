//! `synor spot ask`

use clap::Args;
use serde_json::json;
use synor_economics::id::ProviderId;
use synor_store::SpotAsk;

use super::market::OrderArguments;
use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// The offer.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Who offers and is paid.
    #[arg(long)]
    provider: ProviderId,
    #[command(flatten)]
    order: OrderArguments,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut body = arguments.order.body();
    body["provider"] = json!(arguments.provider);
    let key = arguments.order.key();
    let placed: SpotAsk = session.post("/spot/asks", &body, Some(&key)).await?;
    let ask = &placed.ask;
    let price = format::money(ask.price_micro_synor);
    Ok(Answer::new(&placed)?.line(format!(
        "{} offers {} at {price} per {}: {}",
        ask.provider, ask.market, ask.per, ask.ask_id
    )))
}
