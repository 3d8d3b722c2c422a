//! What all tests of the binary share: a data folder, the command line on it, its server, and an
//! HTTP client that looks at every answer.

mod api;
pub mod postgres;
#[cfg(feature = "redis")]
#[path = "../../../../synor-streams/tests/common/redis_server.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
pub mod redis_server;
mod synor;

pub use api::Api;
pub use synor::{Folder, Ran, Server, Worker, ndjson, wait_until};

use std::path::{Path, PathBuf};

use serde_json::Value;
use synor_economics::period::Timestamp;

/// The passphrase of the tests' wallets.
pub const PASSPHRASE: &str = "correct horse";
/// A month that has ended, whenever the tests run.
pub const MONTH: &str = "2026-01";

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of real input, if it is there.
pub fn real_file(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("SYNOR_SHARED") {
        Some(folder) => PathBuf::from(folder).join("data"),
        None => workspace().join("../shared/data"),
    };
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// An integer that may be written as a string because it is large.
pub fn integer(value: &Value) -> i128 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        Value::Number(number) => number.as_i64().unwrap().into(),
        other => panic!("{other} is not an integer"),
    }
}

/// The text of a value.
pub fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a text"))
}

/// A value's array.
pub fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("{value} is not an array"))
}

/// So many seconds from now, as events write it.
pub fn seconds_from_now(secs: i64) -> String {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_secs(i64::try_from(now).unwrap() + secs).to_string()
}

/// CSV as records of named fields.
pub fn csv_rows(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

/// Random numbers that are the same for the same seed (splitmix64).
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end`, without `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
