//! Metering: how many events a second become durable and counted once, beside what others do with
//! the same events on the same machine in the same run.

mod floor;
mod http;
mod library;
mod load;
mod postgres;
mod redis;
mod report;
mod sqlite;
mod stored;

use std::path::PathBuf;

use tempfile::TempDir;

pub use stored::{fill, reopen};

use crate::machine;
use report::Report;

/// What is measured, and where.
pub struct Options {
    /// Events of each round of the library.
    pub events: u64,
    /// Ids of the log whose memory is measured.
    pub stored: u64,
    /// Some of the parts; all if empty.
    only: Vec<String>,
    /// Where files are kept meanwhile; the system's temporary folder if none.
    beneath: Option<PathBuf>,
}

/// A part of the whole.
type Part = (&'static str, fn(&Options, &mut Report));

const PARTS: [Part; 6] = [
    ("floor", floor::measure),
    ("library", library::measure),
    ("http", http::measure),
    ("postgres", postgres::measure),
    ("sqlite", sqlite::measure),
    ("redis", redis::measure),
];

impl Options {
    /// Reads `--events N`, `--stored N`, `--only PART,PART` and `--folder DIR`.
    pub fn read(words: &[&str]) -> Self {
        let mut options = Self {
            events: 10_000_000,
            stored: 10_000_000,
            only: Vec::new(),
            beneath: None,
        };
        for pair in words.chunks(2) {
            match pair {
                ["--events", number] => options.events = number.parse().unwrap(),
                ["--stored", number] => options.stored = number.parse().unwrap(),
                ["--only", parts] => options.only = parts.split(',').map(str::to_owned).collect(),
                ["--folder", folder] => options.beneath = Some(PathBuf::from(folder)),
                other => panic!("{other:?} is not an option"),
            }
        }
        options
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// A folder that is removed when dropped.
    fn folder(&self) -> TempDir {
        match &self.beneath {
            Some(beneath) => tempfile::tempdir_in(beneath).unwrap(),
            None => tempfile::tempdir().unwrap(),
        }
    }
}

/// Measures what the options ask for and prints it.
pub fn measure(options: &Options) {
    println!("{}", machine::describe());
    let folder = options.folder();
    println!(
        "syncing 4 kB takes {} µs (median)",
        machine::sync_latency(folder.path()).as_micros()
    );
    let mut report = Report::default();
    for (name, measure) in PARTS {
        if options.wants(name) {
            measure(options, &mut report);
        }
    }
    report.print();
    if options.wants("stored") {
        println!();
        stored::measure(options);
    }
}

fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}
