//! `synor usage send`: events from standard input, one a line, on their way while they come. The
//! server may go away meanwhile; with --spool, this command too.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use synor_client::{Client, ClientError, Rejection};

use super::lines::{Line, Lines, lines};

use crate::args::Global;
use crate::client::Session;
use crate::error::{error, error_with_help};
use crate::output::{Answer, Field, Table, number, text};
use crate::progress;

/// Rejections that are named one by one.
const NAMED_MAX: u64 = 1_000;

/// What is sent, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How lines are written [default: by the first one].
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    kind: Option<Lines>,
    /// Who reports, for events that do not say.
    #[arg(long, default_value = "synor-usage-send")]
    source: String,
    /// Keeps events in this file until they are decided, also across the death of this command.
    #[arg(long, value_name = "FILE")]
    spool: Option<PathBuf>,
    /// How many events go in one request.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: u32,
    /// How long to wait for the server after the last line, in seconds; without end if absent.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// What was not counted, by line.
#[derive(Debug, Default)]
struct Refused(u64);

impl Refused {
    fn add(&mut self, line: u64, reason: &str) {
        self.0 += 1;
        match self.0 {
            n if n <= NAMED_MAX => eprintln!("line {line}: {reason}"),
            n if n == NAMED_MAX + 1 => eprintln!("more lines are refused and not named"),
            _ => {}
        }
    }
}

/// From the client's numbers back to lines: where the distance between the two changes.
#[derive(Debug, Default)]
struct Places(Vec<(u64, u64)>);

impl Places {
    fn note(&mut self, sequence: u64, line: u64) {
        let distance = line.saturating_sub(sequence);
        if self.0.last().is_none_or(|(_, last)| *last != distance) {
            self.0.push((sequence, distance));
        }
    }

    fn line(&self, sequence: u64) -> u64 {
        let next = self.0.partition_point(|(from, _)| *from <= sequence);
        let distance = next.checked_sub(1).and_then(|at| self.0.get(at));
        sequence + distance.map_or(0, |(_, distance)| *distance)
    }
}

/// What happened on the way, for both the reader and the client's calls.
#[derive(Debug, Default)]
struct Journey {
    places: Places,
    refused: Refused,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<()> {
    let session = Session::connect(global).await?;
    let sent = send(&arguments, &session).await;
    session.close().await;
    let (answer, refused) = sent?;
    answer.print(global.format)?;
    match refused {
        0 => Ok(()),
        1 => Err(error("1 event was not counted; its line is named above")),
        n => Err(error(format!(
            "{n} events were not counted; their lines are named above"
        ))),
    }
}

async fn send(arguments: &Arguments, session: &Session) -> anyhow::Result<(Answer, u64)> {
    let journey = Arc::new(Mutex::new(Journey::default()));
    let told = Arc::clone(&journey);
    let (url, key) = session.server();
    let mut client = Client::builder(url, key, &arguments.source)
        .batch_events(arguments.batch as usize)
        .retry(Duration::from_millis(100), Duration::from_secs(5))
        .close_wait(Duration::from_secs(1))
        .on_rejected(move |rejection| refused(&told, &rejection));
    if let Some(spool) = &arguments.spool {
        client = client.spool(spool);
    }
    let client = client.start().await?;
    let read = read_all(arguments.kind, &client, &journey).await;
    let flushed = match arguments.wait {
        Some(secs) => {
            let waited = tokio::time::timeout(Duration::from_secs(secs), client.flush());
            waited.await.unwrap_or(Ok(()))
        }
        None => client.flush().await,
    };
    let progress = client.progress();
    let closed = client.close().await;
    let lines = read?;
    flushed?;
    let left = match closed {
        Ok(closed) => closed.left_in_spool,
        Err(ClientError::NotSent(events)) => {
            let help = "try again when the server is there, or name a file with --spool";
            return Err(error_with_help(
                format!("{events} events were not handed over"),
                help,
            ));
        }
        Err(other) => return Err(other.into()),
    };
    let refused = locked(&journey).refused.0;
    let mut table = Table::new(&[text("", "what"), number("Count", "count")]);
    let taken = progress.decided.saturating_sub(progress.rejected);
    for (title, name, count) in [
        ("Lines read", "lines", lines),
        ("Taken by the server", "taken", taken),
        ("Refused", "refused", refused),
        ("Left in the spool", "left_in_spool", left),
    ] {
        table.row([Field::new(title, name), Field::from(count)]);
    }
    let json = serde_json::json!({
        "lines": lines, "taken": taken, "refused": refused, "left_in_spool": left,
    });
    Ok((Answer::new(&json)?.table(table), refused))
}

fn locked(journey: &Mutex<Journey>) -> std::sync::MutexGuard<'_, Journey> {
    journey.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(journey: &Mutex<Journey>, rejection: &Rejection) {
    let mut journey = locked(journey);
    match rejection.sequence {
        None => {
            journey.refused.0 += 1;
            eprintln!("from the spool: {rejection}: {}", rejection.event);
        }
        Some(sequence) => {
            let line = journey.places.line(sequence);
            journey.refused.add(line, &rejection.to_string());
        }
    }
}

/// Records every line; how many there were.
async fn read_all(
    kind: Option<Lines>,
    client: &Client,
    journey: &Mutex<Journey>,
) -> anyhow::Result<u64> {
    let bar = progress::waiting("reading standard input".to_owned());
    let (mut lines, mut sequence, mut count) = (lines(kind), 0, 0);
    while let Some(Line { number, usage }) = lines.recv().await {
        count += 1;
        match usage {
            Err(reason) => locked(journey).refused.add(number, &reason),
            Ok(usage) => {
                sequence += 1;
                // Before it is recorded: it may be refused at once.
                locked(journey).places.note(sequence, number);
                client.record(*usage).await?;
            }
        }
        let done = client.progress();
        bar.set_message(format!("{count} lines read, {} decided", done.decided));
    }
    bar.finish_and_clear();
    Ok(count)
}
