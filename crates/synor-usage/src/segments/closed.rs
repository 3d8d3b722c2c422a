//! A note of where the log ended when it was closed. After a crash the last frame may be torn, and
//! nobody can tell a torn frame from one that was altered; after a close there is nothing to tell.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::storage::{replace, sync_folder};
use super::wal::{Wal, WalEnd};

fn path(folder: &Path) -> PathBuf {
    folder.join("closed")
}

/// What the note says. Its last part is a digest of the others.
fn note(wal: &Wal, end: WalEnd) -> String {
    let chain = blake3::Hash::from_bytes(end.chain).to_hex();
    let (segment, offset) = (wal.start().segment, end.offset);
    let said = format!(
        "segment {segment} ends at byte {offset}, position {}, chain {chain}",
        end.position
    );
    format!(
        "{said}\ndigest {}\n",
        blake3::hash(said.as_bytes()).to_hex()
    )
}

/// Notes the end.
pub(super) fn write(folder: &Path, wal: &Wal, end: WalEnd) -> Result<(), Fault> {
    let path = path(folder);
    replace(&path, note(wal, end).as_bytes()).map_err(Fault::io(&path))
}

/// Compares the end that was found with the note, if there is one, and removes the note: what is
/// written from now on may be torn.
pub(super) fn take(folder: &Path, wal: &Wal, end: WalEnd) -> Result<(), Fault> {
    let path = path(folder);
    let noted = match fs::read_to_string(&path) {
        Ok(noted) => noted,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(Fault::io(&path)(error)),
    };
    let is_whole = noted.split_once('\n').is_some_and(|(said, rest)| {
        rest == format!("digest {}\n", blake3::hash(said.as_bytes()).to_hex())
    });
    if !is_whole {
        return Err(Fault::damaged(&path, 0, "it differs from its digest"));
    }
    if noted != note(wal, end) {
        let reason = "the file does not end where it ended when the log was closed";
        return Err(Fault::damaged(wal.path(), end.offset, reason));
    }
    if wal.length()? != end.offset {
        let reason = "something follows the end at which the log was closed";
        return Err(Fault::damaged(wal.path(), end.offset, reason));
    }
    fs::remove_file(&path)
        .and_then(|()| sync_folder(folder))
        .map_err(Fault::io(&path))
}
