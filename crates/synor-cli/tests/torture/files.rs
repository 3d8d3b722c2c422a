//! The usage log's files from outside: which they are, and how they get damaged.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::common::{Folder, Random};

/// The files of the usage log in a data folder, without those that only coordinate processes; none
/// if it is kept elsewhere.
pub fn of_log(folder: &Folder) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let is_of_log = |path: &Path| name(path).starts_with("usage");
    for path in entries(&folder.data()).into_iter().filter(|p| is_of_log(p)) {
        match path.is_dir() {
            true => found.extend(entries(&path).into_iter().filter(|path| path.is_file())),
            false => found.push(path),
        }
    }
    found.retain(|path| name(path) != "lock" && !name(path).ends_with("-shm"));
    found.sort();
    found
}

/// The write-ahead files, oldest first. More than one: a full segment is not sealed yet.
pub fn write_ahead(folder: &Folder) -> Vec<PathBuf> {
    let mut files = of_log(folder);
    files.retain(|path| name(path).ends_with(".wal") || name(path).ends_with("-wal"));
    files
}

/// The last part of a path.
pub fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Leaves behind the newest write-ahead file what a write that was cut short would: bytes that make
/// no sense. Says whether there is such a file.
pub fn tear(folder: &Folder, random: &mut Random) -> bool {
    let Some(newest) = write_ahead(folder).pop() else {
        return false;
    };
    let length = 1 + random.below(5_000);
    let bytes: Vec<u8> = (0..length)
        .map(|_| random.next().to_le_bytes()[0])
        .collect();
    let mut file = File::options().append(true).open(newest).unwrap();
    file.write_all(&bytes).unwrap();
    true
}

/// Alters one bit.
pub fn flip(path: &Path, bit: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
}

/// A folder with copies of another's files.
pub fn copy(of: &Folder) -> Folder {
    let copy = Folder::new();
    copy_into(&of.data(), &copy.data());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in entries(from) {
        let target = to.join(name(&path));
        match path.is_dir() {
            true => copy_into(&path, &target),
            false => {
                fs::copy(&path, target).unwrap();
            }
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
