//! `synor usage import`: the whole file holds, or nothing of it is sent. Importing it again
//! changes nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use synor_economics::id::{AccountId, ProviderId};
use synor_economics::metering::{EventId, UsageEvent};
use synor_engine::{Clock, SystemClock};
use synor_usage::import::cloudevents::BATCH_MEDIA_TYPE;
use synor_usage::import::{
    ImportFormat, ImportOptions, Imported, Unmapped, detect, read, write_cloudevents,
};

use crate::args::Global;
use crate::client::{Session, items};
use crate::cloud_bill::{by_reason, fixed};
use crate::error::error_with_help;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};
use crate::progress;

/// How many events go in one request: no more than one answer can tell of.
const BATCH: usize = 1_000;
/// How much of a file tells its format.
const HEAD_BYTES: usize = 4_096;

/// What to import.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file.
    file: PathBuf,
    /// What the file is: ndjson, csv, cloudevents, access-log or focus [default: by its content].
    #[arg(long = "as", value_name = "FORMAT")]
    kind: Option<ImportFormat>,
    /// The operator that did the work, for access logs and cloud bills.
    #[arg(long)]
    provider: Option<ProviderId>,
    /// The source to record, for access logs and cloud bills; part of each event's identity.
    #[arg(long)]
    source: Option<String>,
    /// Open the accounts that do not exist yet, in UTC.
    #[arg(long)]
    create_accounts: bool,
    /// Write every line of a cloud bill that has no counterpart to this CSV file.
    #[arg(long, value_name = "FILE")]
    unmapped: Option<PathBuf>,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<()> {
    let imported = read_file(&arguments, global)?;
    if let Some(path) = &arguments.unmapped {
        let table = unmapped_lines(&imported.unmapped);
        let csv = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        table.write_csv_to(csv)?;
    }
    let session = Session::connect(global).await?;
    let sent = async {
        settle_accounts(&session, &imported.accounts, arguments.create_accounts).await?;
        send(&session, &imported.events).await
    }
    .await;
    session.close().await;
    answer(&arguments.file, &imported, &sent?)?.print(global.format)
}

fn read_file(arguments: &Arguments, global: &Global) -> anyhow::Result<Imported> {
    let options = ImportOptions {
        now: SystemClock.now(),
        account: global.account.clone(),
        provider: arguments.provider.clone(),
        source: arguments.source.clone(),
    };
    read_usage(&arguments.file, arguments.kind, &options)
}

/// Reads a file of usage, of the format given or the one that its content shows.
pub fn read_usage(
    path: &Path,
    kind: Option<ImportFormat>,
    options: &ImportOptions,
) -> anyhow::Result<Imported> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let size = file.metadata()?.len();
    let mut head = vec![0; HEAD_BYTES];
    let filled = file
        .read(&mut head)
        .with_context(|| format!("cannot read {}", path.display()))?;
    head.truncate(filled);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = match kind.or_else(|| detect(&head, &name)) {
        Some(kind) => kind,
        None => {
            let message = format!("what {} is cannot be told from its content", path.display());
            let help = "say so with --as ndjson|csv|cloudevents|access-log|focus";
            return Err(error_with_help(message, help));
        }
    };
    let bar = progress::bar("reading", size, "bytes");
    let mut input = BufReader::new(std::io::Cursor::new(head).chain(file));
    let imported = read(kind, &mut input, options, &mut |bytes| {
        bar.set_position(bytes)
    });
    bar.finish_and_clear();
    imported.map_err(|e| {
        let help = match e {
            synor_usage::import::ImportError::AccountMissing => "name it with --account ID",
            _ => "nothing was imported; mend the file and import it again",
        };
        error_with_help(format!("{}: {e}", path.display()), help)
    })
}

/// Every account exists before the first event is sent.
pub async fn settle_accounts(
    session: &Session,
    accounts: &BTreeSet<AccountId>,
    create: bool,
) -> anyhow::Result<()> {
    let known: Value = session.get("/admin/accounts").await?;
    let known: BTreeSet<String> = items(&known)
        .iter()
        .filter_map(|account| account["account_id"].as_str().map(str::to_owned))
        .collect();
    let missing: Vec<_> = accounts
        .iter()
        .filter(|a| !known.contains(a.as_str()))
        .collect();
    if !create && let Some(first) = missing.first() {
        let more = match missing.len() {
            1 => String::new(),
            n => format!(" (and {} more do not either)", n - 1),
        };
        let help = "nothing was imported; --create-accounts opens them";
        return Err(error_with_help(
            format!("account `{first}` does not exist{more}"),
            help,
        ));
    }
    for account in missing {
        let _: Value = session
            .post("/admin/accounts", &json!({"account_id": account}), None)
            .await?;
    }
    Ok(())
}

/// What became of the events that were sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Events counted now.
    pub accepted: u64,
    /// Events that went into a stream, and are counted later.
    pub queued: u64,
    /// Events known before.
    pub duplicate: u64,
    /// Those of the duplicates that say something else than what was counted.
    pub conflicting: Vec<EventId>,
}

/// The server's answer to a batch.
#[derive(Debug, Deserialize)]
struct BatchAnswer {
    #[serde(default)]
    accepted: u64,
    #[serde(default)]
    queued: u64,
    #[serde(default)]
    duplicate: u64,
    results: Vec<EventAnswer>,
}

#[derive(Debug, Deserialize)]
struct EventAnswer {
    index: usize,
    status: String,
}

/// Sends events in batches, each of which is counted whole or not at all; sending them again counts
/// none twice.
pub async fn send(session: &Session, events: &[UsageEvent]) -> anyhow::Result<Sent> {
    let bar = progress::bar("importing", events.len() as u64, "events");
    let mut total = Sent::default();
    for batch in events.chunks(BATCH) {
        let body = write_cloudevents(batch)?;
        let answer: BatchAnswer = session
            .post_bytes("/events?atomic=true", BATCH_MEDIA_TYPE, body)
            .await?;
        total.accepted += answer.accepted;
        total.queued += answer.queued;
        total.duplicate += answer.duplicate;
        let results = answer.results.iter();
        let conflicting = results.filter(|result| result.status == "conflicting");
        let events = conflicting.filter_map(|result| batch.get(result.index));
        total
            .conflicting
            .extend(events.map(|event| event.identity.clone()));
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(total)
}

fn answer(file: &Path, imported: &Imported, sent: &Sent) -> anyhow::Result<Answer> {
    let json = json!({
        "file": file,
        "lines": imported.lines,
        "events": imported.events.len(),
        "accepted": sent.accepted,
        "queued": sent.queued,
        "duplicate": sent.duplicate,
        "conflicting": sent.conflicting,
        "accounts": imported.accounts,
        "unmapped": imported.unmapped,
    });
    let mut table = Table::new(&[text("", "what"), number("Count", "count")]);
    table.row([
        Field::new("Lines read", "lines"),
        Field::from(imported.lines),
    ]);
    table.row([
        Field::new("Events", "events"),
        Field::from(imported.events.len() as u64),
    ]);
    table.row([
        Field::new("  counted now", "accepted"),
        Field::from(sent.accepted),
    ]);
    if sent.queued > 0 {
        table.row([
            Field::new("  in the stream, counted later", "queued"),
            Field::from(sent.queued),
        ]);
    }
    table.row([
        Field::new("  known already", "duplicate"),
        Field::from(sent.duplicate),
    ]);
    table.row([
        Field::new("Accounts", "accounts"),
        Field::from(imported.accounts.len() as u64),
    ]);
    let mut answer = Answer::new(&json)?.table(table);
    if !sent.conflicting.is_empty() {
        answer = answer.line(format!(
            "{} events are known with other content; what was first counted stays",
            format::count(sent.conflicting.len() as u64)
        ));
    }
    if !imported.unmapped.is_empty() {
        answer = answer
            .line("")
            .line("Without a counterpart here:")
            .table(by_reason(&imported.unmapped)?);
        for (currency, billed) in &imported.billed {
            let all = billed.mapped.checked_add(billed.unmapped)?;
            answer = answer.line(format!(
                "{} of {} {currency} on the bill became usage here",
                fixed(billed.mapped)?,
                fixed(all)?
            ));
        }
        answer = answer.line("--unmapped FILE writes every such line, --format json prints them");
    }
    Ok(answer)
}

fn unmapped_lines(unmapped: &[Unmapped]) -> Table {
    let mut table = Table::new(&[
        number("Line", "line"),
        text("Account", "account_id"),
        text("Provider", "provider"),
        text("Service", "service"),
        text("Unit", "unit"),
        text("Description", "description"),
        number("Cost", "cost"),
        text("", "currency"),
        text("Reason", "reason"),
    ]);
    for line in unmapped {
        table.row([
            Field::from(line.line),
            Field::from(line.account.to_string()),
            Field::from(line.provider.clone()),
            Field::from(line.service.clone()),
            Field::from(line.unit.clone()),
            Field::from(line.description.clone()),
            Field::from(line.cost.map_or_else(String::new, |c| c.to_decimal(18))),
            Field::from(line.currency.clone()),
            Field::from(line.reason.clone()),
        ]);
    }
    table
}
