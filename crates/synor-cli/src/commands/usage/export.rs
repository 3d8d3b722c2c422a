//! `synor usage export`: the events that count, in a format that an import reads, or as Parquet, a
//! page in memory at a time.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use synor_economics::metering::ResourceType;
use synor_economics::period::Month;
use synor_usage::export::ParquetExport;
use synor_usage::{LogPosition, LoggedEvent, Page};

use crate::args::{Format, Global};
use crate::client::Session;
use crate::error::error_with_help;

/// Events that are asked for at once.
const PAGE: usize = 2_000;

/// Which events, and where they go. The global --format says how they are written: csv, json (one
/// object a line) or parquet.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only of this month, such as 2026-01.
    #[arg(long)]
    period: Option<Month>,
    /// Only of this resource, such as compute.cpu.
    #[arg(long)]
    resource: Option<ResourceType>,
    /// The file to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<()> {
    let is_parquet = global.format == Format::Parquet;
    if is_parquet && arguments.out.is_none() && std::io::stdout().is_terminal() {
        let help = "write it to a file with --out FILE";
        return Err(error_with_help("Parquet is not for a terminal", help));
    }
    let session = Session::connect(global).await?;
    let written = async {
        match &arguments.out {
            None => {
                let out = BufWriter::new(std::io::stdout());
                write(&arguments, global.format, out, &session).await?;
            }
            Some(path) => to_file(path, &arguments, global.format, &session).await?,
        }
        anyhow::Ok(())
    }
    .await;
    session.close().await;
    written
}

/// The file is there when it is whole.
async fn to_file(
    path: &Path,
    arguments: &Arguments,
    format: Format,
    session: &Session,
) -> anyhow::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let named = || format!("cannot write {}", path.display());
    let file = File::create(&part).with_context(named)?;
    let file = write(arguments, format, BufWriter::new(file), session).await?;
    let file = file
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error);
    file.and_then(|file| file.sync_all()).with_context(named)?;
    std::fs::rename(&part, path).with_context(named)
}

async fn write<W: Write + Send>(
    arguments: &Arguments,
    format: Format,
    mut out: W,
    session: &Session,
) -> anyhow::Result<W> {
    match format {
        Format::Parquet => return parquet(arguments, out, session).await,
        Format::Csv => copy(arguments, "csv", &mut out, session).await?,
        Format::Hledger | Format::Beancount | Format::Focus => {
            let help = "there are csv, json and parquet";
            return Err(error_with_help("usage is not written so", help));
        }
        Format::Json | Format::Table => copy(arguments, "ndjson", &mut out, session).await?,
    }
    out.flush()?;
    Ok(out)
}

fn query(arguments: &Arguments) -> Vec<(&'static str, String)> {
    let period = arguments.period.map(|month| ("period", month.to_string()));
    let resource = arguments.resource.map(|of| ("resource", of.to_string()));
    period.into_iter().chain(resource).collect()
}

/// What the server writes, as it comes.
async fn copy(
    arguments: &Arguments,
    format: &str,
    out: &mut impl Write,
    session: &Session,
) -> anyhow::Result<()> {
    let mut query = query(arguments);
    query.push(("format", format.to_owned()));
    let mut answer = session.open("/billing/usage/events", &query, None).await?;
    while let Some(part) = answer.chunk().await.context("the export broke off")? {
        out.write_all(&part)?;
    }
    Ok(())
}

/// The events that count, page by page.
async fn parquet<W: Write + Send>(
    arguments: &Arguments,
    out: W,
    session: &Session,
) -> anyhow::Result<W> {
    let mut export = ParquetExport::new(out)?;
    let mut after: LogPosition = 0;
    loop {
        let mut query = query(arguments);
        query.push(("after", after.to_string()));
        query.push(("limit", PAGE.to_string()));
        let page: Page<LoggedEvent> = session.get_with("/billing/usage/events", &query).await?;
        for event in page.items.iter().filter(|event| event.withdrawn.is_none()) {
            export.push(event)?;
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(export.finish()?),
        }
    }
}
