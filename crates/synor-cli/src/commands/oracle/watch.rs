//! `synor oracle watch`

use std::time::Duration;

use clap::Args;
use synor_engine::OraclePrice;
use tokio::time::{MissedTickBehavior, interval};

use super::price;
use crate::args::Global;
use crate::client::Session;
use crate::output::Answer;

/// How often, and how long.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// How many looks [default: until interrupted].
    #[arg(long)]
    count: Option<u64>,
}

pub async fn run(
    arguments: Arguments,
    session: &Session,
    global: &Global,
) -> anyhow::Result<Answer> {
    let mut ticks = interval(Duration::from_secs(arguments.every));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left = arguments.count.unwrap_or(u64::MAX).max(1);
    loop {
        ticks.tick().await;
        let found: OraclePrice = session.get("/oracle/price").await?;
        let answer = price::answer(&found)?;
        left -= 1;
        if left == 0 {
            return Ok(answer);
        }
        answer.print(global.format)?;
    }
}
