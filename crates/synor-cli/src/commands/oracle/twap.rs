//! `synor oracle twap`

use clap::Args;
use synor_economics::oracle::Twap;

use crate::client::Session;
use crate::output::Answer;

/// Which average.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Over how many seconds up to now.
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800)]
    window: u32,
    /// Weigh a price half as much for each half-life that it lies back.
    #[arg(long, value_name = "SECONDS")]
    half_life: Option<u32>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut path = format!("/oracle/twap?window_secs={}", arguments.window);
    if let Some(half_life) = arguments.half_life {
        path = format!("{path}&kind=exponential&half_life_secs={half_life}");
    }
    let twap: Twap = session.get(&path).await?;
    let (start, end) = (twap.window.start(), twap.window.end());
    let line = format!("{} USD for one SYNOR on average", twap.price);
    let of = format!(
        "{start} to {end}  ·  {} prices, {} of {} s covered",
        twap.samples,
        twap.covered_secs,
        twap.window.secs()
    );
    Ok(Answer::new(&twap)?.line(line).line(of))
}
