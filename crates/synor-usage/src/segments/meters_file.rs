//! The meters on disk: one line of JSON each, in order of number. New ones are appended when a
//! segment is sealed; the manifest says how much of the file is valid.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, ProviderId};
use synor_economics::metering::{Dimensions, ResourceType};

use super::fault::Fault;
use super::manifest::MetersFile;
use super::meters::{Meter, Meters};
use super::storage::{LogFile, Storage};

/// Where the meters of a log are.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("meters")
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    account: AccountId,
    resource: ResourceType,
    is_sample: bool,
    provider: Option<ProviderId>,
    dimensions: Dimensions,
}

/// Appends to the file of meters.
#[derive(Debug)]
pub(super) struct MetersWriter {
    path: PathBuf,
    file: Box<dyn LogFile>,
    hasher: blake3::Hasher,
    written: MetersFile,
}

/// Reads the meters that the manifest vouches for, and cuts off what was appended after it.
pub(super) fn open(
    storage: &dyn Storage,
    folder: &Path,
    valid: MetersFile,
) -> Result<(Meters, MetersWriter), Fault> {
    let path = path(folder);
    let file = match path.exists() {
        true => storage.open(&path),
        false if valid.bytes == 0 => storage.create(&path),
        false => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let file = file.map_err(Fault::io(&path))?;
    let bytes = contents(&*file, valid).map_err(Fault::io(&path))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes);
    if *hasher.finalize().as_bytes() != valid.digest {
        return Err(Fault::damaged(&path, 0, "it differs from its digest"));
    }
    file.set_length(valid.bytes).map_err(Fault::io(&path))?;
    let mut meters = Meters::default();
    for line in bytes.split(|&byte| byte == b'\n').filter(|l| !l.is_empty()) {
        let line: Line =
            serde_json::from_slice(line).map_err(|error| Fault::damaged(&path, 0, error))?;
        let account = meters.intern_account(&line.account);
        meters.add(Meter {
            account,
            resource: line.resource,
            is_sample: line.is_sample,
            provider: line.provider,
            dimensions: line.dimensions,
        });
    }
    if meters.len() != valid.count {
        return Err(Fault::damaged(
            &path,
            0,
            "it does not hold as many meters as it should",
        ));
    }
    let writer = MetersWriter {
        path,
        file,
        hasher,
        written: valid,
    };
    Ok((meters, writer))
}

fn contents(file: &dyn LogFile, valid: MetersFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(valid.bytes).map_err(io::Error::other)?];
    file.read_at(&mut bytes, 0)?;
    Ok(bytes)
}

impl MetersWriter {
    /// Reads the file again and compares it with its digest.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let bytes = contents(&*self.file, self.written).map_err(Fault::io(&self.path))?;
        let length = self.file.length().map_err(Fault::io(&self.path))?;
        if *blake3::hash(&bytes).as_bytes() != self.written.digest || length != self.written.bytes {
            return Err(Fault::damaged(&self.path, 0, "it differs from its digest"));
        }
        Ok(())
    }

    /// How many meters are in the file.
    pub(super) fn count(&self) -> usize {
        self.written.count
    }

    /// Appends meters with the names of their accounts; durable when it returns. Where it fails, what
    /// was appended is not vouched for and is written over.
    pub(super) fn append(&mut self, meters: &[(AccountId, Meter)]) -> Result<MetersFile, Fault> {
        if meters.is_empty() {
            return Ok(self.written);
        }
        let mut bytes = Vec::new();
        for (account, meter) in meters {
            let line = Line {
                account: account.clone(),
                resource: meter.resource,
                is_sample: meter.is_sample,
                provider: meter.provider.clone(),
                dimensions: meter.dimensions.clone(),
            };
            serde_json::to_writer(&mut bytes, &line)
                .map_err(|e| Fault::io(&self.path)(e.into()))?;
            bytes.push(b'\n');
        }
        let appended = || {
            self.file.write_at(&bytes, self.written.bytes)?;
            self.file.sync()
        };
        appended().map_err(Fault::io(&self.path))?;
        self.hasher.update(&bytes);
        self.written = MetersFile {
            count: self.written.count.saturating_add(meters.len()),
            bytes: self
                .written
                .bytes
                .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            digest: *self.hasher.finalize().as_bytes(),
        };
        Ok(self.written)
    }
}
