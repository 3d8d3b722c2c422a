//! The files that an event is acknowledged by, behind a seam: so that a test can let a write fall
//! short, a disk fill up, a sync fail, or the process end between two steps of sealing.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A file that is written and read at offsets.
pub(super) trait LogFile: Send + Sync + Debug {
    /// Writes all of the bytes at the offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Fills the bytes from the offset on.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&self) -> io::Result<()>;
    /// How long it is, in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Makes room on the disk for what will be written, so that a sync has only to write it. Where
    /// that cannot be done, nothing is.
    fn reserve(&self, offset: u64, bytes: u64);
    /// Cuts it, or fills it up with zeros.
    fn set_length(&self, length: u64) -> io::Result<()>;
}

/// Where log files are.
pub(super) trait Storage: Send + Sync + Debug {
    /// Creates a file, or empties the one that is there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;
    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;
    /// Called before each step of sealing and merging; where it fails, the work stops there.
    fn before(&self, _step: &'static str) -> io::Result<()> {
        Ok(())
    }
}

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Disk;

impl Storage for Disk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true);
        Ok(Box::new(file.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(file))
    }
}

impl LogFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn reserve(&self, offset: u64, bytes: u64) {
        // It only saves time. A disk that is full says so when it is written to.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fallocate(self, rustix::fs::FallocateFlags::empty(), offset, bytes);
        #[cfg(not(target_os = "linux"))]
        let _ = (offset, bytes);
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Puts a file in its place whole: written beside it, synced, renamed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    let file = File::create(&beside)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}
