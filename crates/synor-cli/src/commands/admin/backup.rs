//! `synor admin backup` and `synor admin restore`: copies of the data folder, whether or not a server
//! runs on it.

use std::path::PathBuf;

use clap::Args;

use crate::args::Global;
use crate::backup::{self, BackupList};
use crate::client::FOLDER;
use crate::data_folder::DataFolder;
use crate::format;
use crate::output::Answer;
use crate::progress;

/// Where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  synor admin backup /backups/2026-02-01
  synor --data /srv/elsewhere admin restore /backups/2026-02-01
  synor --data /srv/elsewhere admin verify")]
pub struct BackupArguments {
    /// A folder that is empty or not there.
    #[arg(value_name = "DEST")]
    to: PathBuf,
}

/// What from.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  synor --data /srv/elsewhere admin restore /backups/2026-02-01")]
pub struct RestoreArguments {
    /// The folder of a backup.
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
}

pub async fn make(arguments: BackupArguments, global: &Global) -> anyhow::Result<Answer> {
    let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
    let bar = progress::waiting("copying".to_owned());
    let to = arguments.to.clone();
    let list = tokio::task::spawn_blocking(move || backup::make(&folder, &to)).await?;
    bar.finish_and_clear();
    let place = arguments.to.display();
    let answer = told(&list?, &format!("backed up to {place}"))?;
    Ok(answer.line("It holds the billing wallet's key: keep it as you would keep the key."))
}

pub async fn restore(arguments: RestoreArguments, global: &Global) -> anyhow::Result<Answer> {
    let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
    let bar = progress::waiting("copying".to_owned());
    let place = folder.path().display().to_string();
    let from = arguments.from;
    let list = tokio::task::spawn_blocking(move || backup::restore(&from, &folder)).await?;
    bar.finish_and_clear();
    let answer = told(&list?, &format!("restored to {place}"))?;
    Ok(answer.line(format!("To prove it: synor --data {place} admin verify")))
}

fn told(list: &BackupList, done: &str) -> anyhow::Result<Answer> {
    let files = u64::try_from(list.files.len())?;
    let mut answer = Answer::new(list)?.line(format!(
        "{done}: {} files, {} bytes, as of {}",
        format::count(files),
        format::count(list.bytes()),
        list.began_at
    ));
    for part in &list.elsewhere {
        answer = answer.line(format!(
            "The {part} is in PostgreSQL and not in it: use pg_dump (docs/operations.md)."
        ));
    }
    Ok(answer)
}
