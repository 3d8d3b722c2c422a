//! The usage log on one machine, in segments: a write-ahead file, and sealed segments in an archive.

pub(crate) mod archive;
pub(crate) mod row;
