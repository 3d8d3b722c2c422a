//! The data folder: everything the platform keeps, owned by one process at a time.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use crate::error::error_with_help;

/// A folder that holds everything.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

/// Where the server of the folder listens, and the secret that shows who can read the folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunningServer {
    /// Its address.
    pub url: String,
    /// A secret of this run; whoever can read it is admin.
    pub secret: String,
}

impl DataFolder {
    /// The folder that was named, or the user's own.
    pub fn resolve(named: Option<&Path>, default_name: &str) -> anyhow::Result<Self> {
        match named {
            Some(path) => Ok(Self(path.to_owned())),
            None => match etcetera::choose_base_strategy() {
                Ok(base) => Ok(Self(base.data_dir().join(default_name))),
                Err(_) => {
                    let message = "this user has no home folder";
                    Err(error_with_help(
                        message,
                        "name a data folder with --data DIR",
                    ))
                }
            },
        }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder if it is not there, for its owner's eyes only.
    pub fn create(&self) -> anyhow::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .with_context(|| format!("cannot make the data folder {}", self.0.display()))
    }

    /// Takes the folder for this process; `None` if another one has it. It is given back when the
    /// lock is dropped or the process ends, however it ends.
    pub fn lock(&self) -> anyhow::Result<Option<File>> {
        self.create()?;
        let path = self.file("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Says where the server of this folder listens.
    pub fn publish(&self, server: &RunningServer) -> anyhow::Result<()> {
        self.write_private("server.json", &serde_json::to_string(server)?)
    }

    /// Says that no server runs.
    pub fn unpublish(&self) {
        // Whoever reads a stale one finds nobody listening and tries again.
        let _ = fs::remove_file(self.file("server.json"));
    }

    /// Where the server of this folder listens, if it has said so.
    pub fn running(&self) -> Option<RunningServer> {
        let text = fs::read_to_string(self.file("server.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes a file that only its owner can read, whole or not at all.
    pub fn write_private(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.file(name);
        let new = self.file(&format!("{name}.{}.tmp", std::process::id()));
        let written = (|| {
            let mut file = File::options()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        })();
        written.with_context(|| format!("cannot write {}", path.display()))
    }
}
