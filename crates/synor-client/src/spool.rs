//! The spool: a file that events are appended to, one a line, before they count as recorded. It is
//! read whole when a client starts, because sending again what was counted already counts it once;
//! so nothing has to be noted beside it, and nothing noted can be wrong.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::ClientError;

/// An open spool. No other client can open it meanwhile.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    file: Arc<File>,
    bytes: u64,
    _lock: File,
}

impl Spool {
    /// Opens or makes the file, and reads the lines that it holds. A last line without its end was
    /// never recorded in full, and goes.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<String>), ClientError> {
        let failed = |doing| move |error| failed(path, doing, error);
        let lock = beside(path, "lock");
        let lock = File::create(&lock).map_err(failed("making its lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ClientError::SpoolInUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed("locking it")(error)),
        }
        let mut file = appending(path).map_err(failed("opening it"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed("reading it"))?;
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64)
                .map_err(failed("cutting its torn end"))?;
        }
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let lines = text
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned);
        let lines = lines.collect();
        // The name of a new file has to last, too.
        sync_folder(path).map_err(failed("syncing its folder"))?;
        let spool = Self {
            path: path.to_owned(),
            file: Arc::new(file),
            bytes: whole as u64,
            _lock: lock,
        };
        Ok((spool, lines))
    }

    /// Appends a line. It outlives the process from now on, and the machine once it is synced.
    pub(crate) fn append(&mut self, line: &str) -> Result<(), ClientError> {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        if let Err(error) = (&*self.file).write_all(&bytes) {
            // Half a line would spoil the next one. If this fails, too, opening cuts it.
            let _ = self.file.set_len(self.bytes);
            return Err(failed(&self.path, "appending to it", error));
        }
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// How large the file is.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What to sync, and its path, so that it can be done while others append.
    pub(crate) fn handle(&self) -> (Arc<File>, PathBuf) {
        (Arc::clone(&self.file), self.path.clone())
    }

    /// Keeps only these lines. They replace the file as one, so that a crash leaves either.
    pub(crate) fn keep<'l>(
        &mut self,
        lines: impl Iterator<Item = &'l str>,
    ) -> Result<(), ClientError> {
        let done = self.rewrite(lines);
        done.map_err(|error| failed(&self.path, "dropping what is done from it", error))
    }

    fn rewrite<'l>(&mut self, lines: impl Iterator<Item = &'l str>) -> std::io::Result<()> {
        let mut lines = lines.peekable();
        if lines.peek().is_none() {
            self.file.set_len(0)?;
            self.bytes = 0;
            return Ok(());
        }
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        let new = beside(&self.path, "new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        sync_folder(&self.path)?;
        self.file = Arc::new(appending(&self.path)?);
        self.bytes = bytes.len() as u64;
        Ok(())
    }
}

/// An error of the spool.
pub(crate) fn failed(path: &Path, doing: &'static str, error: std::io::Error) -> ClientError {
    ClientError::Spool {
        path: path.to_owned(),
        doing,
        source: Arc::new(error),
    }
}

fn appending(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_last_until_they_are_dropped_and_a_torn_end_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.spool");
        let (mut spool, held) = Spool::open(&path).unwrap();
        assert_eq!(held, [""; 0]);
        for line in ["one", "two", "three"] {
            spool.append(line).unwrap();
        }
        assert!(matches!(
            Spool::open(&path),
            Err(ClientError::SpoolInUse(_))
        ));
        drop(spool);
        let torn = OpenOptions::new().append(true).open(&path).unwrap();
        (&torn).write_all(b"fou").unwrap();
        let (mut spool, held) = Spool::open(&path).unwrap();
        assert_eq!(held, ["one", "two", "three"]);
        spool.keep(["three"].into_iter()).unwrap();
        spool.append("four").unwrap();
        assert_eq!(spool.bytes(), 11);
        drop(spool);
        let (mut spool, held) = Spool::open(&path).unwrap();
        assert_eq!(held, ["three", "four"]);
        spool.keep([].into_iter()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
}
