//! Seals a segment: writes its rows to a Parquet file and the index beside it, durably, under
//! temporary names until both are whole.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

use super::columns::EventColumns;
use super::error::ArchiveError;
use super::index::IndexBuilder;
use super::schema::{Order, event_schema, writer_properties};
use super::tree::{HashingFile, Tree};
use crate::log::LogPosition;
use crate::segments::row::RowRef;

/// What was written; for the manifest, which can later prove that the files are still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Events.
    pub(crate) rows: u64,
    /// The least position.
    pub(crate) first_position: LogPosition,
    /// The earliest time of an event, in seconds since 1970.
    pub(crate) time_min: i64,
    /// The latest.
    pub(crate) time_max: i64,
    /// Bytes of the Parquet file.
    pub(crate) parquet_bytes: u64,
    /// BLAKE3 of the Parquet file, as `b3sum` prints it.
    pub(crate) parquet_digest: [u8; 32],
    /// Bytes of the index.
    pub(crate) index_bytes: u64,
    /// BLAKE3 of the index.
    pub(crate) index_digest: [u8; 32],
}

/// The index of an archive's Parquet file.
pub(crate) fn index_path(parquet: &Path) -> PathBuf {
    parquet.with_extension("index")
}

/// Writes the rows of one segment to `path` and its index. They must come in order of account, time
/// and position, and each must have its own position; gaps are allowed, as where a withdrawal has one. When it
/// returns, both files are durable; a file of that name is replaced. After an error neither has
/// changed, but for one case: if renaming fails halfway, the old file has the new index, which
/// opens as damaged, and writing again repairs it.
pub(crate) fn write<'a>(
    path: &Path,
    rows: impl Iterator<Item = RowRef<'a>>,
) -> Result<Written, ArchiveError> {
    let parquet = Temporary::beside(path);
    let (tree, builder) = write_parquet_file(path, &parquet, rows)?;
    let index = builder
        .finish()
        .map_err(|reason| ArchiveError::refused(path, reason))?;
    let index_path = index_path(path);
    let index_file = Temporary::beside(&index_path);
    let failed = || ArchiveError::io(&index_path, "writing it");
    let file = File::create(&index_file.path).map_err(failed())?;
    let mut out = BufWriter::with_capacity(1 << 18, HashingFile::new(file));
    let header = index.write(&tree, &mut out).map_err(failed())?;
    let out = out
        .into_inner()
        .map_err(|error| failed()(error.into_error()))?;
    let index_tree = out.finish().map_err(failed())?;
    index_file.rename(&index_path)?;
    parquet.rename(path)?;
    sync_folder(path)?;
    Ok(Written {
        rows: header.rows,
        first_position: header.first_position,
        time_min: header.time_min,
        time_max: header.time_max,
        parquet_bytes: tree.length,
        parquet_digest: tree.digest,
        index_bytes: index_tree.length,
        index_digest: index_tree.digest,
    })
}

fn write_parquet_file<'a>(
    path: &Path,
    temporary: &Temporary,
    rows: impl Iterator<Item = RowRef<'a>>,
) -> Result<(Tree, IndexBuilder), ArchiveError> {
    let failed = || ArchiveError::io(path, "writing it");
    let library = |error: ParquetError| failed()(std::io::Error::other(error));
    let file = HashingFile::new(File::create(&temporary.path).map_err(failed())?);
    let schema = event_schema().map_err(library)?;
    let properties = Arc::new(writer_properties(Order::Sealed).map_err(library)?);
    let mut writer = SerializedFileWriter::new(file, schema, properties).map_err(library)?;
    let mut columns = EventColumns::default();
    let mut index = IndexBuilder::default();
    for row in rows {
        let taken = index.push(&row).and_then(|()| columns.push(&row));
        taken.map_err(|reason| ArchiveError::refused(path, reason))?;
        if columns.is_full() {
            columns.write_group(&mut writer).map_err(library)?;
        }
    }
    if !columns.is_empty() {
        columns.write_group(&mut writer).map_err(library)?;
    }
    let file = writer.into_inner().map_err(library)?;
    Ok((file.finish().map_err(failed())?, index))
}

/// A file that is removed again unless it gets its name.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn beside(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        Self { path: name.into() }
    }

    fn rename(self, path: &Path) -> Result<(), ArchiveError> {
        fs::rename(&self.path, path).map_err(ArchiveError::io(path, "giving it its name"))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing to remove, and otherwise nobody looks at it.
        let _ = fs::remove_file(&self.path);
    }
}

/// A new name lasts only once its folder is durable.
fn sync_folder(path: &Path) -> Result<(), ArchiveError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(ArchiveError::io(folder, "making its names durable"))
}
