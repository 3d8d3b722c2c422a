//! The stream that usage comes through: a worker that reads it in this process, and where it keeps
//! what cannot be counted.

mod running;
mod sink;

use std::sync::Arc;

use synor_streams::SqliteDeadLetters;

use crate::data_folder::DataFolder;

pub use running::RunningWorker;
pub use sink::EngineSink;

/// The file in the data folder that keeps what could not be counted.
pub const DEAD_LETTERS: &str = "dead-letters.sqlite";

/// Opens the folder's dead letters. Several processes may have them open.
pub fn open_dead_letters(folder: &DataFolder) -> anyhow::Result<Arc<SqliteDeadLetters>> {
    let letters = SqliteDeadLetters::open(folder.file(DEAD_LETTERS))?;
    Ok(Arc::new(letters))
}
