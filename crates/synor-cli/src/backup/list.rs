//! What a backup says of itself: every file with its size and digest. It is written last, so that a
//! backup that was broken off has none.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use synor_economics::period::Timestamp;

use crate::error::error;

/// The file with the list.
pub const LIST: &str = "backup.json";
/// The newest format known here.
const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupList {
    format: u32,
    /// The program that made it.
    pub version: String,
    /// When it was begun: everything acknowledged before is in it.
    pub began_at: Timestamp,
    /// What the configuration keeps in PostgreSQL, which is not in it.
    pub elsewhere: Vec<String>,
    /// Its files, in order of their paths.
    pub files: Vec<BackupFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its path within the backup.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// BLAKE3 of its content, in hexadecimal.
    pub blake3: String,
}

impl BackupList {
    /// The list of what lies in a folder.
    pub fn of(folder: &Path, began_at: Timestamp, elsewhere: Vec<String>) -> anyhow::Result<Self> {
        let mut paths = Vec::new();
        files_below(folder, Path::new(""), &mut paths)?;
        paths.sort();
        let files = paths.into_iter().map(|path| digest(folder, path));
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            began_at,
            elsewhere,
            files: files.collect::<Result<_, _>>()?,
        })
    }

    /// Reads the list of a backup, and refuses paths that lead out of it.
    pub fn read(backup: &Path) -> anyhow::Result<Self> {
        let path = backup.join(LIST);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} is not a whole backup: {LIST}", backup.display()))?;
        let list: Self = serde_json::from_str(&text)
            .with_context(|| format!("cannot read {}", path.display()))?;
        if list.format > FORMAT {
            let message = format!(
                "{} has format {}, this program knows up to {FORMAT}",
                path.display(),
                list.format
            );
            return Err(error(message));
        }
        for file in &list.files {
            let mut parts = file.path.components();
            if !parts.all(|part| matches!(part, Component::Normal(_))) {
                let message = format!(
                    "{}: {} leads elsewhere",
                    path.display(),
                    file.path.display()
                );
                return Err(error(message));
            }
        }
        Ok(list)
    }

    /// Refuses a file that is not as it was listed.
    pub fn check(folder: &Path, listed: &BackupFile) -> anyhow::Result<()> {
        let found = digest(folder, listed.path.clone())?;
        if found == *listed {
            return Ok(());
        }
        let path = folder.join(&listed.path);
        Err(error(format!(
            "{} differs from what was backed up: {} bytes with digest {}, listed are {} with {}",
            path.display(),
            found.bytes,
            found.blake3,
            listed.bytes,
            listed.blake3
        )))
    }

    /// How many bytes it holds.
    pub fn bytes(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.bytes);
        sizes.fold(0, u64::saturating_add)
    }
}

/// All files below a folder, as paths within it.
fn files_below(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let at = root.join(folder);
    let reading = || format!("cannot read {}", at.display());
    for entry in fs::read_dir(&at).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let path = folder.join(entry.file_name());
        if entry.file_type().with_context(reading)?.is_dir() {
            files_below(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn digest(folder: &Path, path: PathBuf) -> anyhow::Result<BackupFile> {
    let place = folder.join(&path);
    let hashed = (|| {
        let mut hasher = blake3::Hasher::new();
        let bytes = io::copy(&mut File::open(&place)?, &mut hasher)?;
        Ok::<_, io::Error>((bytes, hasher.finalize()))
    })();
    let (bytes, hash) = hashed.with_context(|| format!("cannot read {}", place.display()))?;
    Ok(BackupFile {
        path,
        bytes,
        blake3: hash.to_hex().to_string(),
    })
}

/// Makes a folder for its owner's eyes only, with those above it; one that is there must be empty.
pub fn make_empty_folder(folder: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.with_context(|| format!("cannot make {}", folder.display()))?;
    let mut entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(crate::error::error_with_help(
            format!("{} is not empty", folder.display()),
            "name a folder that is not there yet",
        )),
    }
}

/// Copies a file with its permissions, durably, into folders that are made for it.
pub fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = (|| {
        if let Some(folder) = to.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        fs::copy(from, to)?;
        File::open(to)?.sync_all()
    })();
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
