//! Puts a backup where a server can run on it. Every file is compared with the list before the first
//! is copied, and again where it was copied to.

use std::path::Path;

use super::list::{BackupList, copy_file, make_empty_folder};
use crate::data_folder::DataFolder;

/// Copies a backup into a data folder that is empty or not there.
pub fn restore(backup: &Path, folder: &DataFolder) -> anyhow::Result<BackupList> {
    let list = BackupList::read(backup)?;
    for file in &list.files {
        BackupList::check(backup, file)?;
    }
    make_empty_folder(folder.path())?;
    for file in &list.files {
        copy_file(&backup.join(&file.path), &folder.path().join(&file.path))?;
        BackupList::check(folder.path(), file)?;
    }
    Ok(list)
}
