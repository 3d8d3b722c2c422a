//! `synor usage tail`: an account's events as they come, for as long as one looks. A connection
//! that breaks is made again, from where it broke.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use synor_economics::metering::ResourceType;
use synor_usage::LoggedEvent;

use super::event_stream::Reader;
use crate::args::{Format, Global};
use crate::client::Session;

/// The pauses between attempts to connect again.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long the server may be silent; it sends a heartbeat every ten seconds.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Which events.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Those after this position of the log [default: those that are still to come].
    #[arg(long)]
    after: Option<u64>,
    /// Only of this resource, such as compute.cpu.
    #[arg(long)]
    resource: Option<ResourceType>,
    /// Ends after so many events.
    #[arg(long)]
    limit: Option<u64>,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<()> {
    let session = Session::connect(global).await?;
    let followed = follow(&arguments, global.format, &session).await;
    session.close().await;
    followed
}

async fn follow(arguments: &Arguments, format: Format, session: &Session) -> anyhow::Result<()> {
    let mut last: Option<String> = arguments.after.map(|after| after.to_string());
    let mut left = arguments.limit;
    let mut query = Vec::new();
    if let Some(resource) = arguments.resource {
        query.push(("resource", resource.to_string()));
    }
    let mut pause = PAUSE_MIN;
    let mut has_connected = false;
    loop {
        match session.open("/usage/stream", &query, last.as_deref()).await {
            Ok(mut answer) => {
                has_connected = true;
                pause = PAUSE_MIN;
                let mut reader = Reader::default();
                while let Ok(Ok(Some(part))) =
                    tokio::time::timeout(SILENCE_MAX, answer.chunk()).await
                {
                    for message in reader.take(&part) {
                        if left == Some(0) {
                            return Ok(());
                        }
                        print(&message.data, format)?;
                        left = left.map(|left| left.saturating_sub(1));
                        last = message.id.or(last);
                    }
                    if left == Some(0) {
                        return Ok(());
                    }
                }
            }
            // What is refused the first time is refused; later the server may be starting.
            Err(error) if !has_connected => return Err(error),
            Err(_) => {}
        }
        eprintln!("the connection broke; connecting again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn print(data: &str, format: Format) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if format == Format::Json {
        writeln!(out, "{data}")?;
        return Ok(out.flush()?);
    }
    let logged: LoggedEvent = serde_json::from_str(data)?;
    let event = &logged.event;
    let dimensions: Vec<_> = event
        .dimensions
        .iter()
        .map(|(k, v)| format!(" {k}={v}"))
        .collect();
    writeln!(
        out,
        "{}  {}  {} {} {}  {}/{}{}",
        logged.position,
        event.time,
        event.resource,
        event.quantity,
        event.unit(),
        event.identity.source,
        event.identity.id,
        dimensions.concat(),
    )?;
    Ok(out.flush()?)
}
