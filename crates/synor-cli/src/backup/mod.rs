//! Copies of a data folder: made while a server runs on it, and put back elsewhere.

mod list;
mod make;
mod restore;

pub use list::BackupList;
pub use make::make;
pub use restore::restore;
