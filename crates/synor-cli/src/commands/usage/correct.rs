//! `synor usage withdraw` and `synor usage amend`: what was reported wrongly counts no more, and
//! what is right counts instead, in one commit.

use std::path::PathBuf;

use clap::Args;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use synor_engine::{Clock, Corrected, SystemClock};
use synor_usage::import::{ImportFormat, ImportOptions, write_cloudevents};

use super::import::read_usage;
use crate::args::Global;
use crate::client::Session;
use crate::error::error_with_help;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// Which events.
#[derive(Debug, Args)]
pub struct Withdrawn {
    /// Who reported them.
    source: String,
    /// Their ids at the source.
    #[arg(required = true)]
    ids: Vec<String>,
}

/// Which events, and what counts instead.
#[derive(Debug, Args)]
pub struct AmendArguments {
    #[command(flatten)]
    withdrawn: Withdrawn,
    /// The file of events that count instead, each with an id that was not used before.
    #[arg(long = "with", value_name = "FILE")]
    file: PathBuf,
    /// What the file is: ndjson, csv or cloudevents [default: by its content].
    #[arg(long = "as", value_name = "FORMAT")]
    kind: Option<ImportFormat>,
}

pub async fn withdraw(
    arguments: Withdrawn,
    global: &Global,
    session: &Session,
) -> anyhow::Result<Answer> {
    correct(&arguments, Vec::new(), global, session).await
}

pub async fn amend(
    arguments: AmendArguments,
    global: &Global,
    session: &Session,
) -> anyhow::Result<Answer> {
    let options = ImportOptions {
        now: SystemClock.now(),
        account: global.account.clone(),
        provider: None,
        source: None,
    };
    let imported = read_usage(&arguments.file, arguments.kind, &options)?;
    let events = write_cloudevents(&imported.events)?;
    let events: Vec<Box<RawValue>> = serde_json::from_slice(&events)?;
    correct(&arguments.withdrawn, events, global, session).await
}

async fn correct(
    withdrawn: &Withdrawn,
    events: Vec<Box<RawValue>>,
    global: &Global,
    session: &Session,
) -> anyhow::Result<Answer> {
    let Some(account) = &global.account else {
        let help = "name it with --account ID or SYNOR_ACCOUNT";
        return Err(error_with_help("whose events these are is not said", help));
    };
    let named = |id: &String| json!({"source": withdrawn.source, "id": id});
    let withdraw: Vec<Value> = withdrawn.ids.iter().map(named).collect();
    // Events pass through as they are written, numbers of any size in them.
    let body = Request {
        account_id: account.as_str(),
        withdraw,
        events,
    };
    let done: Corrected = session.post("/usage/corrections", &body, None).await?;
    answer(&done)
}

#[derive(serde::Serialize)]
struct Request<'a> {
    account_id: &'a str,
    withdraw: Vec<Value>,
    events: Vec<Box<RawValue>>,
}

fn answer(done: &Corrected) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[text("", "what"), number("Count", "count")]);
    for (title, name, count) in [
        ("Withdrawn now", "withdrawn", done.withdrawn),
        (
            "Withdrawn before",
            "already_withdrawn",
            done.already_withdrawn,
        ),
        ("Counted instead", "accepted", done.accepted),
        ("  known already", "duplicate", done.duplicate),
    ] {
        table.row([Field::new(title, name), Field::from(count)]);
    }
    let answer = Answer::new(done)?.table(table);
    Ok(match done.conflicting.len() as u64 {
        0 => answer,
        n => answer.line(format!(
            "{} events are known with other content and were not counted; give them new ids",
            format::count(n)
        )),
    })
}
