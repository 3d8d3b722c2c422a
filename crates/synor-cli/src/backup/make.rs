//! Makes a backup. A running server need not know of it: every part can be copied while it is written
//! to, and what counts is the order. The book comes first: it tells of usage and of payments, so that
//! what is copied after it, the usage log and the chain, is never behind it.

use std::fs::{self, File};
use std::path::Path;

use anyhow::Context;
use synor_engine::{Clock, SystemClock};
use synor_store::snapshot_sqlite;
use synor_usage::SegmentedUsageLog;

use super::list::{BackupList, LIST, copy_file, make_empty_folder};
use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::error::error_with_help;

const BOOK: &str = "book.sqlite";
const USAGE: &str = "usage";
/// What belongs to a running process, not to the data.
const OF_A_PROCESS: [&str; 2] = ["lock", "server.json"];

/// Copies a data folder into an empty one.
pub fn make(folder: &DataFolder, to: &Path) -> anyhow::Result<BackupList> {
    let began_at = SystemClock.now();
    let storage = Config::load(folder)?.storage;
    if !folder.path().is_dir() || is_empty(folder.path())? {
        return Err(error_with_help(
            format!("there is nothing in {}", folder.path().display()),
            "name the data folder with --data DIR",
        ));
    }
    make_empty_folder(to)?;
    let book = folder.file(BOOK);
    if book.exists() {
        snapshot_sqlite(&book, &to.join(BOOK))?;
    }
    let usage = folder.file(USAGE);
    if usage.exists() {
        SegmentedUsageLog::copy(&usage, &to.join(USAGE))?;
    }
    copy_rest(folder.path(), to)?;
    let list = BackupList::of(to, began_at, storage.in_postgres())?;
    write_list(&list, to)?;
    Ok(list)
}

fn is_empty(folder: &Path) -> anyhow::Result<bool> {
    let mut entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(entries.next().is_none())
}

/// Copies what is neither the book nor the usage log: other databases, wallets, the configuration and
/// what it names.
fn copy_rest(from: &Path, to: &Path) -> anyhow::Result<()> {
    let reading = || format!("cannot read {}", from.display());
    for entry in fs::read_dir(from).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let place = to.join(entry.file_name());
        // A backup may lie in the folder that it is of.
        if place.exists() || to.starts_with(&path) || OF_A_PROCESS.contains(&&*name) {
            continue;
        }
        if entry.file_type().with_context(reading)?.is_dir() {
            copy_rest(&path, &place)?;
        } else if name.ends_with(".sqlite") {
            make_parent(&place)?;
            snapshot_sqlite(&path, &place)?;
        } else if !is_left_out(&name) {
            copy_file(&path, &place)?;
        }
    }
    Ok(())
}

fn make_parent(place: &Path) -> anyhow::Result<()> {
    match place.parent() {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
        }
        None => Ok(()),
    }
}

/// What is kept beside a database for those who have it open, and files that are being written.
fn is_left_out(name: &str) -> bool {
    ["-wal", "-shm", "-journal", ".lock", ".tmp"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn write_list(list: &BackupList, to: &Path) -> anyhow::Result<()> {
    let path = to.join(LIST);
    let written = (|| {
        fs::write(&path, serde_json::to_vec_pretty(list)?)?;
        File::open(&path)?.sync_all()?;
        File::open(to)?.sync_all()
    })();
    written.with_context(|| format!("cannot write {}", path.display()))
}
