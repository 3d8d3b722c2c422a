//! Copies a log to another folder while it is being written to, from the same process or another one.
//!
//! Sealed files never change and the manifest is replaced whole, so a copy is right if the manifest
//! was the same before and after the write-ahead files were opened: then every file that it names was
//! there, and the write-ahead files go on where it ends. Of an open file its content stays, even if its
//! segment is sealed meanwhile and the file deleted. Of the newest write-ahead file whole frames are
//! copied: what is being written is not acknowledged yet.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::SegmentedUsageLog;
use super::fault::Fault;
use super::manifest::Manifest;
use super::meters_file;
use super::storage::{Disk, sync_folder};
use super::wal::Wal;
use crate::error::UsageLogError;

/// How often it is begun again because segments were sealed or merged meanwhile. What was copied
/// before is not copied again, so that each round is shorter than the one before.
const ROUNDS_MAX: u32 = 1_000;

/// How often a write-ahead file is read again because it was written to while it was read.
const READS_MAX: u32 = 100;

impl SegmentedUsageLog {
    /// Copies the log of a folder into an empty one, durably. Everything that was acknowledged before
    /// this was called is in the copy. The log may be open and written to.
    ///
    /// # Errors
    /// If there is no log in the folder, or files cannot be read or written.
    pub fn copy(from: &Path, to: &Path) -> Result<(), UsageLogError> {
        copy(from, to).map_err(|fault| fault.named(&from.display().to_string(), "being copied"))
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    fs::create_dir_all(to).map_err(Fault::io(to))?;
    let mut copied = HashSet::new();
    for _ in 0..ROUNDS_MAX {
        let manifest = manifest_of(from)?;
        let sealed = manifest.files(from);
        if !copy_sealed(&sealed, to, &mut copied)? {
            continue;
        }
        let Some(wals) = open_wals(from, manifest.next_segment())? else {
            continue;
        };
        if manifest_of(from)? != manifest {
            continue;
        }
        for (index, wal) in (1..).zip(&wals) {
            copy_frames(wal, index == wals.len(), to)?;
        }
        // It is only appended to: what the manifest vouches for is there.
        let meters = meters_file::path(from);
        if meters.exists() {
            let mut file = File::open(&meters).map_err(Fault::io(&meters))?;
            write_copy(&meters, &mut file, to)?;
        }
        for path in copied.difference(&sealed) {
            let left = to.join(path.file_name().unwrap_or_default());
            fs::remove_file(&left).map_err(Fault::io(&left))?;
        }
        manifest.write(to)?;
        return sync_folder(to).map_err(Fault::io(to));
    }
    let busy = io::Error::other("segments are sealed faster than they can be copied");
    Err(Fault::io(from)(busy))
}

fn manifest_of(folder: &Path) -> Result<Manifest, Fault> {
    let missing = || Fault::io(folder)(io::Error::other("there is no usage log"));
    Manifest::read(folder)?.ok_or_else(missing)
}

/// Copies sealed files that are not copied yet; false if one of them has been merged away meanwhile.
fn copy_sealed(
    sealed: &HashSet<PathBuf>,
    to: &Path,
    copied: &mut HashSet<PathBuf>,
) -> Result<bool, Fault> {
    for path in sealed {
        if copied.contains(path) {
            continue;
        }
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Fault::io(path)(error)),
        };
        write_copy(path, &mut file, to)?;
        copied.insert(path.clone());
    }
    Ok(true)
}

/// Opens the write-ahead files from a segment on, oldest first; none if one was sealed meanwhile.
fn open_wals(folder: &Path, next: u64) -> Result<Option<Vec<Wal>>, Fault> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(Fault::io(folder))? {
        let path = entry.map_err(Fault::io(folder))?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str());
        let number = number.and_then(|stem| stem.parse::<u64>().ok());
        let is_wal = path.extension().is_some_and(|extension| extension == "wal");
        if is_wal && number.is_some_and(|number| number >= next) {
            paths.push(path);
        }
    }
    // An earlier file is complete when a later one is there.
    paths.sort();
    let mut wals = Vec::new();
    for path in paths {
        match Wal::open(&Disk, &path) {
            Ok(wal) => wals.push(wal),
            Err(_) if !path.exists() => return Ok(None),
            Err(fault) => return Err(fault),
        }
    }
    Ok(Some(wals))
}

/// Copies the frames of a write-ahead file. A read is not of one moment: it may miss a frame and see
/// the next one, which looks like damage and is gone when it is read again.
fn copy_frames(wal: &Wal, is_newest: bool, to: &Path) -> Result<(), Fault> {
    let mut reads = 1;
    let end = loop {
        match wal.replay(is_newest, |_, _| Ok(())) {
            Err(Fault::Damaged { .. }) if is_newest && reads < READS_MAX => reads += 1,
            other => break other?,
        }
    };
    let bytes = wal.contents_to(end.offset)?;
    write_copy(wal.path(), &mut bytes.as_slice(), to)
}

/// Writes what a reader gives under the same name into another folder.
fn write_copy(path: &Path, content: &mut impl io::Read, to: &Path) -> Result<(), Fault> {
    let to = to.join(path.file_name().unwrap_or_default());
    let written = (|| {
        let mut copy = File::create(&to)?;
        io::copy(content, &mut copy)?;
        copy.sync_all()
    })();
    written.map_err(Fault::io(&to))
}
