//! Spending in real time: durable deductions and holds a second, and how long each waits, beside
//! what is usually built for it, on the same machine in the same run.

mod load;
mod ours;
mod usual;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use self::load::{Measured, Spender};
use crate::cluster::Cluster;
use crate::machine::{self, grouped};

/// How many spend at once.
const CLIENTS: [usize; 3] = [1, 8, 64];
/// The most of them.
const CLIENTS_MAX: usize = 64;
/// Accounts that the many are spread over.
const ACCOUNTS: usize = 10_000;

const SETTINGS: &str = "shared_buffers=2GB max_wal_size=16GB checkpoint_timeout=30min \
    wal_buffers=64MB jit=off fsync=on synchronous_commit=on max_connections=200";

/// What to measure.
pub struct Options {
    /// How long each measurement takes.
    secs: u64,
    /// The parts; all if empty.
    only: Vec<String>,
    /// Where the files are kept meanwhile.
    beneath: Option<PathBuf>,
}

impl Options {
    pub fn read(words: &[&str]) -> Self {
        let mut options = Self {
            secs: 4,
            only: Vec::new(),
            beneath: None,
        };
        for pair in words.chunks(2) {
            match pair {
                ["--secs", number] => options.secs = number.parse().unwrap(),
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

    fn folder(&self) -> TempDir {
        match &self.beneath {
            Some(beneath) => tempfile::tempdir_in(beneath).unwrap(),
            None => tempfile::tempdir().unwrap(),
        }
    }
}

/// What a client does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A deduction.
    Deduct,
    /// A hold and then its final capture, each counted and waited for by itself.
    Hold,
}

/// One measurement.
struct Row {
    who: &'static str,
    work: Work,
    accounts: usize,
    clients: usize,
    found: Measured,
}

/// Measures what the options ask for and prints it.
pub fn measure(options: &Options) {
    println!("{}", machine::describe());
    let folder = options.folder();
    println!(
        "syncing 4 kB takes {} µs (median)",
        machine::sync_latency(folder.path()).as_micros()
    );
    let mut rows = Vec::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(all(options, &mut rows));
    print(&rows);
}

async fn all(options: &Options, rows: &mut Vec<Row>) {
    if options.wants("sqlite") {
        let folder = options.folder();
        let engine = ours::on_sqlite(folder.path(), ACCOUNTS).await;
        each("SQLite", &engine, options, rows).await;
    }
    if !options.wants("postgres") && !options.wants("usual") {
        return;
    }
    let Some(cluster) = Cluster::start(options.folder(), SETTINGS) else {
        return;
    };
    let address = format!("host={} user=bench dbname=postgres", cluster.socket());
    if options.wants("usual") {
        let usual = usual::Usual::start(&address, CLIENTS_MAX, ACCOUNTS).await;
        each("usual", &Arc::new(usual), options, rows).await;
    }
    if options.wants("postgres") {
        let folder = options.folder();
        let engine = ours::on_postgres(folder.path(), &address, ACCOUNTS).await;
        each("PostgreSQL", &engine, options, rows).await;
    }
}

async fn each<S: Spender>(
    who: &'static str,
    spender: &Arc<S>,
    options: &Options,
    rows: &mut Vec<Row>,
) {
    load::touch_all(spender, ACCOUNTS, CLIENTS_MAX).await;
    for work in [Work::Deduct, Work::Hold] {
        for accounts in [ACCOUNTS, 1] {
            for clients in CLIENTS {
                let time = Duration::from_secs(options.secs);
                let found = load::run(spender, work, accounts, clients, time).await;
                let row = Row {
                    who,
                    work,
                    accounts,
                    clients,
                    found,
                };
                println!("  {}: {}/s", row.describe(), grouped(row.found.rate()));
                rows.push(row);
            }
        }
    }
}

impl Row {
    fn describe(&self) -> String {
        let work = match self.work {
            Work::Deduct => "deductions",
            Work::Hold => "holds and captures",
        };
        let (who, accounts, clients) = (self.who, self.accounts, self.clients);
        let accounts = grouped(accounts as u128);
        format!("{who}, {work}, {accounts} accounts, {clients} at once")
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.work, self.accounts, self.clients) == (other.work, other.accounts, other.clients)
    }
}

fn print(rows: &[Row]) {
    println!(
        "\n{:<62}{:>10}{:>10}{:>10}{:>9}",
        "", "per second", "p50 ms", "p99 ms", "× usual"
    );
    for row in rows {
        let usual = rows.iter().find(|r| r.who == "usual" && r.is_like(row));
        let ratio = usual.map_or_else(String::new, |usual| {
            let tenths = row.found.rate() * 10 / usual.found.rate().max(1);
            format!("{}.{}", tenths / 10, tenths % 10)
        });
        println!(
            "{:<62}{:>10}{:>10}{:>10}{ratio:>9}",
            row.describe(),
            grouped(row.found.rate()),
            row.found.percentile_ms(50),
            row.found.percentile_ms(99),
        );
    }
}
