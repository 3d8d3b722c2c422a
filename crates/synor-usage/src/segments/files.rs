//! Which files of a folder are the log's, found when it is opened; leftovers of a crash are deleted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::identities::IdentityKey;
use super::manifest::Manifest;
use super::storage::Storage;
use super::wal::{Wal, WalStart};
use crate::error::UsageLogError;

/// The write-ahead files, by number of segment. There is always one.
pub(super) struct Wals {
    pub(super) first: PathBuf,
    pub(super) later: Vec<PathBuf>,
}

/// What a file of the log ends in, write-ahead files aside. Files are deleted only by these names.
const EXTENSIONS: [&str; 9] = [
    "parquet", "index", "ids", "sums", "samples", "ledger", "tmp", "new", "wal-new",
];

/// Finds the manifest and the write-ahead files, creates them for a new log, and deletes what a crash
/// left behind.
pub(super) fn find(folder: &Path, storage: &dyn Storage) -> Result<(Manifest, Wals), Fault> {
    let (wals, others) = list(folder)?;
    let manifest = match Manifest::read(folder)? {
        Some(manifest) => manifest,
        None => create(folder, storage, &wals, &others)?,
    };
    let next = manifest.next_segment();
    for path in wals.range(..next).map(|(_, path)| path) {
        // Its segment is sealed, and the manifest that says so is durable.
        fs::remove_file(path).map_err(Fault::io(path))?;
    }
    let live = manifest.files(folder);
    for path in others.iter().filter(|path| !live.contains(*path)) {
        fs::remove_file(path).map_err(Fault::io(path))?;
    }
    let mut left: BTreeMap<u64, PathBuf> = list(folder)?.0.split_off(&next);
    let missing = |number| {
        let path = Wal::path_of(folder, number);
        Fault::damaged(&path, 0, "the write-ahead file is missing")
    };
    let first = left.remove(&next).ok_or_else(|| missing(next))?;
    let mut later = Vec::new();
    for (number, (found, path)) in (next.saturating_add(1)..).zip(left) {
        if found != number {
            return Err(missing(number));
        }
        later.push(path);
    }
    Ok((manifest, Wals { first, later }))
}

/// Begins a log in a folder that has none.
fn create(
    folder: &Path,
    storage: &dyn Storage,
    wals: &BTreeMap<u64, PathBuf>,
    others: &[PathBuf],
) -> Result<Manifest, Fault> {
    // A crash while a log was being created leaves an empty first write-ahead file at most: the
    // manifest is durable before the log is open.
    let is_empty = match wals.iter().next() {
        None => true,
        Some((1, path)) if wals.len() == 1 => {
            let wal = Wal::open(storage, path)?;
            wal.replay(true, |_, _| Ok(()))? == wal.start().end()
        }
        Some(_) => false,
    };
    let is_temporary = |path: &PathBuf| {
        let extension = path.extension().and_then(|e| e.to_str());
        extension.is_some_and(|e| ["tmp", "new", "wal-new"].contains(&e))
    };
    if !is_empty || !others.iter().all(is_temporary) {
        return Err(Fault::Complete(UsageLogError::NotALog {
            log: folder.display().to_string(),
            reason: "it has files of a log and no manifest".to_owned(),
        }));
    }
    let start = WalStart {
        segment: 1,
        first: 1,
        chain: [0; 32],
    };
    Wal::create(storage, folder, start)?;
    let key = IdentityKey::random().map_err(Fault::io(folder))?;
    let manifest = Manifest::new(key.to_bytes());
    manifest.write(folder)?;
    Ok(manifest)
}

/// The write-ahead files by number, and the other files that only a log has.
fn list(folder: &Path) -> Result<(BTreeMap<u64, PathBuf>, Vec<PathBuf>), Fault> {
    let (mut wals, mut others) = (BTreeMap::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(Fault::io(folder))? {
        let path = entry.map_err(Fault::io(folder))?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("wal") => {
                if let Some(number) = stem.and_then(|stem| stem.parse().ok()) {
                    wals.insert(number, path);
                }
            }
            Some(extension) if EXTENSIONS.contains(&extension) => others.push(path),
            _ if path.to_str().is_some_and(|name| name.contains(".ids.")) => others.push(path),
            _ => {}
        }
    }
    Ok((wals, others))
}
