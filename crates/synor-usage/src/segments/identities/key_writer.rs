//! Writes key files. A file gets its name when it is whole and on the disk, never before.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::block::{
    BLOCK_BYTES, BODY_BYTES, ENTRIES_PER_BLOCK, Header, PREFIXES_PER_BLOCK, end_block,
};
use super::entry::{KeyEntry, POSITION_MAX};
use super::error::KeyFileError;
use super::hash::IdentityHash;
use super::key_file::KeyFile;
use crate::log::LogPosition;

/// How much is written at once.
const WRITE_BYTES: usize = 256 * BLOCK_BYTES;
/// How much may wait for the disk before it is told to write. Otherwise the whole file would wait for
/// the sync at its end, and the acknowledgement of new events behind it.
const UNSYNCED_BYTES_MAX: usize = 32 * WRITE_BYTES;
/// What files are called until they are whole.
const UNFINISHED: &str = "unfinished";
/// What whole files are called.
pub const KEY_FILE_EXTENSION: &str = "ids";

/// A key file that is being written.
pub struct KeyFileWriter {
    file: File,
    unfinished: PathBuf,
    path: PathBuf,
    header: Header,
    tag: u32,
    /// Blocks that were not written yet; the last may be part full.
    buffer: Vec<u8>,
    /// How many blocks were ended, the header included.
    blocks: u64,
    unsynced: usize,
    index: Vec<u32>,
    previous: Option<IdentityHash>,
}

impl KeyFileWriter {
    /// Starts a key file that will be `path` and speaks for `positions`. What an earlier attempt left
    /// is overwritten.
    ///
    /// # Errors
    ///
    /// If the file cannot be created.
    pub fn create(
        path: &Path,
        positions: RangeInclusive<LogPosition>,
    ) -> Result<Self, KeyFileError> {
        let unfinished = unfinished(path);
        let mut file =
            File::create(&unfinished).map_err(KeyFileError::io(&unfinished, "creating"))?;
        // The place of the header, which says how many entries there are.
        file.write_all(&[0; BLOCK_BYTES])
            .map_err(KeyFileError::io(&unfinished, "writing"))?;
        let header = Header {
            count: 0,
            first: *positions.start(),
            last: *positions.end(),
        };
        Ok(Self {
            file,
            unfinished,
            path: path.to_owned(),
            header,
            tag: header.tag(),
            buffer: Vec::with_capacity(WRITE_BYTES),
            blocks: 1,
            unsynced: 0,
            index: Vec::new(),
            previous: None,
        })
    }

    /// Appends the next entry.
    ///
    /// # Errors
    ///
    /// If its hash does not come after the one before, its position is none of the file's, or the
    /// disk fails.
    pub fn push(&mut self, entry: &KeyEntry) -> Result<(), KeyFileError> {
        if let Some(reason) = self.fault(entry) {
            return Err(KeyFileError::Refused {
                file: self.path.clone(),
                position: entry.position,
                reason,
            });
        }
        if self.header.count.is_multiple_of(ENTRIES_PER_BLOCK as u64) {
            self.index.push(entry.hash.prefix());
        }
        self.previous = Some(entry.hash);
        self.header.count += 1;
        self.buffer.extend(entry.to_bytes());
        if self.buffer.len() % BLOCK_BYTES == BODY_BYTES {
            self.end_block()?;
        }
        Ok(())
    }

    /// Ends the file, waits until it is on the disk, and gives it its name.
    ///
    /// # Errors
    ///
    /// If the disk fails; there is no file of that name then.
    pub fn finish(mut self) -> Result<KeyFile, KeyFileError> {
        if !self.buffer.len().is_multiple_of(BLOCK_BYTES) {
            self.end_block()?;
        }
        for prefixes in std::mem::take(&mut self.index).chunks(PREFIXES_PER_BLOCK) {
            self.buffer
                .extend(prefixes.iter().flat_map(|p| p.to_le_bytes()));
            self.end_block()?;
        }
        self.write()?;
        self.file
            .write_all_at(&self.header.to_block(), 0)
            .map_err(KeyFileError::io(&self.unfinished, "writing its header"))?;
        self.file
            .sync_all()
            .map_err(KeyFileError::io(&self.unfinished, "syncing"))?;
        fs::rename(&self.unfinished, &self.path)
            .map_err(KeyFileError::io(&self.unfinished, "renaming"))?;
        sync_folder_of(&self.path)?;
        // Read back by name, so that what is used is what a restart would find.
        KeyFile::open(&self.path)
    }

    fn fault(&self, entry: &KeyEntry) -> Option<&'static str> {
        let positions = self.header.first..=self.header.last;
        if entry.position > POSITION_MAX || !positions.contains(&entry.position) {
            return Some("the file does not speak for that position");
        }
        match self.previous {
            Some(previous) if entry.hash == previous => Some("the same id is there twice"),
            Some(previous) if entry.hash < previous => Some("the ids are not in order"),
            _ => None,
        }
    }

    fn end_block(&mut self) -> Result<(), KeyFileError> {
        end_block(&mut self.buffer, self.blocks, self.tag);
        self.blocks += 1;
        match self.buffer.len() >= WRITE_BYTES {
            true => self.write(),
            false => Ok(()),
        }
    }

    fn write(&mut self) -> Result<(), KeyFileError> {
        self.file
            .write_all(&self.buffer)
            .map_err(KeyFileError::io(&self.unfinished, "writing"))?;
        self.unsynced += self.buffer.len();
        self.buffer.clear();
        if self.unsynced >= UNSYNCED_BYTES_MAX {
            self.unsynced = 0;
            self.file
                .sync_data()
                .map_err(KeyFileError::io(&self.unfinished, "syncing"))?;
        }
        Ok(())
    }
}

impl KeyFile {
    /// Writes `entries`, in whatever order they are, to a new file that speaks for `positions`.
    ///
    /// # Errors
    ///
    /// If an id is there twice, a position is none of `positions`, or the disk fails.
    pub fn write(
        path: &Path,
        positions: RangeInclusive<LogPosition>,
        entries: &[KeyEntry],
    ) -> Result<Self, KeyFileError> {
        let mut writer = KeyFileWriter::create(path, positions)?;
        for entry in in_order(entries) {
            writer.push(&entry)?;
        }
        writer.finish()
    }
}

/// The entries sorted. Hashes are uniform: dealt out by their first bits they are nearly in order, and
/// each handful is put in order while it is in the processor's cache.
fn in_order(entries: &[KeyEntry]) -> Vec<KeyEntry> {
    const BITS: u32 = 12;
    let pile = |entry: &KeyEntry| {
        let first = entry.hash.prefix() >> (u32::BITS - BITS);
        usize::try_from(first).unwrap_or(usize::MAX)
    };
    let mut next = [0_usize; 1 << BITS];
    for entry in entries {
        next[pile(entry)] += 1;
    }
    let mut sum = 0;
    for place in &mut next {
        sum += std::mem::replace(place, sum);
    }
    let mut ordered = entries.to_vec();
    for entry in entries {
        let place = &mut next[pile(entry)];
        ordered[*place] = *entry;
        *place += 1;
    }
    let mut rest = ordered.as_mut_slice();
    let mut start = 0;
    // Now each says where its pile ends.
    for end in next {
        let (entries, after) = rest.split_at_mut(end - start);
        entries.sort_unstable_by_key(|entry| entry.hash);
        (rest, start) = (after, end);
    }
    ordered
}

/// Deletes the key files of `folder` that are not `live`, and what a crash left half written. To be
/// called before the log is used, with the files that its manifest names.
///
/// # Errors
///
/// If the folder cannot be read or a file cannot be deleted.
pub fn remove_leftovers(folder: &Path, live: &HashSet<PathBuf>) -> Result<(), KeyFileError> {
    let listing = |source| KeyFileError::io(folder, "listing its files")(source);
    for file in fs::read_dir(folder).map_err(listing)? {
        let path = file.map_err(listing)?.path();
        if is_ours(&path) && !live.contains(&path) {
            fs::remove_file(&path).map_err(KeyFileError::io(&path, "deleting"))?;
        }
    }
    Ok(())
}

/// The name of a file until it is whole.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(UNFINISHED);
    PathBuf::from(name)
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let name = name
        .strip_suffix(UNFINISHED)
        .map_or(name, |name| name.trim_end_matches('.'));
    Path::new(name).extension() == Some(OsStr::new(KEY_FILE_EXTENSION))
}

fn sync_folder_of(path: &Path) -> Result<(), KeyFileError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(KeyFileError::io(folder, "syncing"))
}
