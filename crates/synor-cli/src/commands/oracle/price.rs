//! `synor oracle price`

use clap::Args;
use serde_json::{Value, json};
use synor_economics::oracle::Standing;
use synor_engine::OraclePrice;

use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// How to find the price.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Ask the sources first, instead of waiting for the next round (an admin's to do).
    #[arg(long)]
    now: bool,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    if arguments.now {
        let _: Value = session
            .post("/admin/oracle/round", &json!({}), None)
            .await?;
    }
    answer(&session.get("/oracle/price").await?)
}

/// The price as people read it.
pub fn answer(found: &OraclePrice) -> anyhow::Result<Answer> {
    let mut answer = Answer::new(found)?;
    if let Some(price) = &found.price {
        answer = answer
            .line(format!("{} USD for one SYNOR", price.price))
            .line(format!(
                "found {}  ·  confidence {} %  ·  from {}",
                price.at,
                price.confidence.0,
                price.sources.join(", ")
            ));
        if let (Some(low), Some(high)) = (price.day.low, price.day.high) {
            let volume = price.day.volume.map_or_else(String::new, |volume| {
                format!("  ·  {} traded", format::money(volume))
            });
            answer = answer.line(format!("24 h: {low} to {high} USD{volume}"));
        }
    }
    Ok(match &found.standing {
        Standing::Good(_) => answer,
        Standing::Held { until, tripped, .. } => answer.line(format!(
            "held until {until}: {} (since {})",
            tripped.trip, tripped.since
        )),
        Standing::Refused { tripped } => answer.line(format!(
            "no price: {} (since {}); prices in USD are refused until there is one",
            tripped.trip, tripped.since
        )),
    })
}
