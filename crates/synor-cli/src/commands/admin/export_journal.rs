//! `synor admin export-journal`: the journal for plain-text accounting and data tools, written as it
//! comes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use synor_economics::period::Timestamp;

use super::journal_time::{day_end, day_start};
use crate::args::{Format, Global};
use crate::client::Session;
use crate::error::error_with_help;

/// Which entries, and where they go. The global --format says how they are written: hledger,
/// beancount, csv (one posting a row) or json (one entry a line).
#[derive(Debug, Args)]
pub struct Arguments {
    /// From this day on (2026-01-01), or from this instant, in UTC.
    #[arg(long, value_name = "DATE", value_parser = day_start)]
    from: Option<Timestamp>,
    /// To the end of this day, or before this instant.
    #[arg(long, value_name = "DATE", value_parser = day_end)]
    to: Option<Timestamp>,
    /// The file to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<()> {
    let query = query(&arguments, global.format)?;
    let session = Session::connect(global).await?;
    let written = match &arguments.out {
        None => copy(&query, &mut BufWriter::new(std::io::stdout()), &session).await,
        Some(path) => to_file(path, &query, &session).await,
    };
    session.close().await;
    written
}

fn query(arguments: &Arguments, format: Format) -> anyhow::Result<Vec<(&'static str, String)>> {
    let format = match format {
        Format::Hledger | Format::Table => "hledger",
        Format::Beancount => "beancount",
        Format::Csv => "csv",
        Format::Json => "ndjson",
        Format::Parquet | Format::Focus => {
            let help = "there are hledger, beancount, csv and json";
            return Err(error_with_help("the journal is not written so", help));
        }
    };
    let mut query = vec![("format", format.to_owned())];
    let secs = |time: Timestamp| time.secs().to_string();
    query.extend(arguments.from.map(|from| ("from", secs(from))));
    query.extend(arguments.to.map(|to| ("to", secs(to))));
    Ok(query)
}

/// The file is there when it is whole.
async fn to_file(
    path: &Path,
    query: &[(&'static str, String)],
    session: &Session,
) -> anyhow::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let named = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(&part).with_context(named)?);
    copy(query, &mut file, session).await?;
    file.get_ref().sync_all().with_context(named)?;
    std::fs::rename(&part, path).with_context(named)
}

/// What the server writes, as it comes.
async fn copy(
    query: &[(&'static str, String)],
    out: &mut impl Write,
    session: &Session,
) -> anyhow::Result<()> {
    let mut answer = session.open("/admin/ledger/export", query, None).await?;
    while let Some(part) = answer.chunk().await.context("the export broke off")? {
        out.write_all(&part)?;
    }
    out.flush()?;
    Ok(())
}
