//! The same totals by SQL in PostgreSQL, on a throwaway cluster in a temporary folder.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use synor_economics::pricing::PriceList;

use crate::machine::{grouped, per_second};
use crate::rating::Rated;
use crate::sample::{MONTH_SECS, Used};

/// Rates half to even, as we do: exact quotient and remainder, because a numeric division is cut.
const TOTALS: &str = "
    SELECT account, sum(whole + CASE WHEN 2 * rest > base OR (2 * rest = base AND mod(whole, 2) = 1)
                                THEN 1 ELSE 0 END) AS total
    FROM (SELECT u.account, p.base, div(u.quantity * p.amount, p.base) AS whole,
                 mod(u.quantity * p.amount, p.base) AS rest
          FROM usage AS u JOIN price AS p USING (resource)) AS line
    GROUP BY account";

const ROUNDS: usize = 3;

/// Works out the totals in PostgreSQL, compares them and prints how long that took.
pub fn compare(usage: &[Used], rated: &Rated) {
    let Some(programs) = programs() else {
        println!("PostgreSQL: skipped, it is not installed (Debian: apt-get install postgresql)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(programs, folder.path());
    println!("PostgreSQL: {}", cluster.psql("SELECT version()").trim());
    cluster.load(usage);
    let found = cluster.psql(&format!("{TOTALS} ORDER BY account"));
    let found: Vec<i64> = found
        .lines()
        .filter_map(|line| line.split_once('|')?.1.parse().ok())
        .collect();
    assert!(found == rated.totals, "the totals differ");
    println!("  the totals of all accounts are the same");
    for (workers, what, ours) in [
        (0, "one process", rated.elapsed_single),
        (2, "parallel", rated.elapsed),
    ] {
        let elapsed = cluster.time(workers);
        let tenths = elapsed.as_micros() * 10 / ours.as_micros().max(1);
        println!(
            "  sums by SQL, {what}: {} invoices/s; rating lines here is {}.{} times as fast",
            grouped(per_second(usage.len(), elapsed)),
            tenths / 10,
            tenths % 10
        );
    }
}

/// The folder of the server's programs: on the path, or where distributions put them.
fn programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    /// The server refuses to run as root; this is whom it then runs as.
    as_nobody: bool,
}

impl Cluster {
    fn start(programs: PathBuf, folder: &Path) -> Self {
        let as_nobody = fs::metadata(folder).unwrap().uid() == 0;
        if as_nobody {
            let id = |flag| {
                let id = Command::new("id").args([flag, "nobody"]).output().unwrap();
                String::from_utf8(id.stdout).unwrap().trim().parse().ok()
            };
            chown(folder, id("-u"), id("-g")).unwrap();
        }
        let cluster = Self {
            programs,
            folder: folder.to_owned(),
            as_nobody,
        };
        let data = folder.join("data");
        let data = data.to_str().unwrap();
        cluster.run("initdb", &["-D", data, "-U", "bench", "-A", "trust", "-N"]);
        let log = folder.join("log");
        let options = format!(
            "-k {} -c listen_addresses='' -c shared_buffers=1GB -c work_mem=256MB -c fsync=off \
             -c jit=off",
            folder.display()
        );
        let log = log.to_str().unwrap();
        cluster.run(
            "pg_ctl",
            &["-D", data, "-l", log, "-w", "-o", &options, "start"],
        );
        cluster
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let path = self.programs.join(program);
        let mut command = if self.as_nobody {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
            command.arg(path);
            command
        } else {
            Command::new(path)
        };
        let status = command
            .args(arguments)
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{program} failed");
    }

    /// Runs a script and returns what it prints.
    fn psql(&self, script: &str) -> String {
        let mut psql = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", self.folder.to_str().unwrap()])
            .args(["-U", "bench", "-d", "postgres"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = psql.stdin.take().unwrap();
        let script = format!("{script};\n");
        // Written beside, because what is printed must be read meanwhile.
        let writing = std::thread::spawn(move || input.write_all(script.as_bytes()).unwrap());
        let output = psql.wait_with_output().unwrap();
        writing.join().unwrap();
        assert!(output.status.success(), "psql failed");
        String::from_utf8(output.stdout).unwrap()
    }

    fn load(&self, usage: &[Used]) {
        let list = PriceList::built_in().unwrap();
        let mut script = String::from(
            "CREATE UNLOGGED TABLE usage (account integer, resource text, quantity numeric);\n\
             CREATE TABLE price (resource text PRIMARY KEY, amount numeric, base numeric);\n",
        );
        for price in list.prices() {
            let amount = price.charge.unit_price().unwrap();
            let base = price.per.base_units(MONTH_SECS).unwrap().get();
            let base = base * amount.denominator();
            let (resource, amount) = (price.resource, amount.numerator());
            writeln!(
                script,
                "INSERT INTO price VALUES ('{resource}', {amount}, {base});"
            )
            .unwrap();
        }
        script.push_str("COPY usage FROM stdin;\n");
        for (account, used) in usage.iter().enumerate() {
            for row in &used.rows {
                writeln!(script, "{account}\t{}\t{}", row.key.resource, row.quantity).unwrap();
            }
        }
        script.push_str("\\.\nVACUUM ANALYZE usage;\nANALYZE price");
        self.psql(&script);
    }

    /// The best of some rounds with so many workers beside the first process.
    fn time(&self, workers: u8) -> Duration {
        let query = format!("SELECT count(*), sum(total) FROM ({TOTALS}) AS account;\n");
        let script = format!(
            "SET max_parallel_workers_per_gather = {workers};\n\\timing on\n{}",
            query.repeat(ROUNDS)
        );
        let printed = self.psql(&script);
        let times = printed.lines().filter_map(|line| {
            let ms = line.strip_prefix("Time: ")?.split(' ').next()?;
            let (whole, fraction) = ms.split_once('.')?;
            let micros: u64 = format!("{whole}{fraction:0<3}").parse().ok()?;
            Some(Duration::from_micros(micros))
        });
        // The script ends with an empty statement, which is timed as well.
        times.take(ROUNDS).min().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        self.run(
            "pg_ctl",
            &["-D", data.to_str().unwrap(), "-m", "fast", "stop"],
        );
    }
}
