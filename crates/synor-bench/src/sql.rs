//! The same totals by SQL in PostgreSQL, on a throwaway cluster in a temporary folder.

use std::fmt::Write as _;
use std::time::Duration;

use synor_economics::pricing::PriceList;

use crate::cluster::Cluster;
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
    let folder = tempfile::tempdir().unwrap();
    let settings = "shared_buffers=1GB work_mem=256MB fsync=off jit=off";
    let Some(cluster) = Cluster::start(folder, settings) else {
        return;
    };
    let totals = Totals { cluster };
    totals.load(usage);
    let found = totals.cluster.psql(&format!("{TOTALS} ORDER BY account"));
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
        let elapsed = totals.time(workers);
        let tenths = elapsed.as_micros() * 10 / ours.as_micros().max(1);
        println!(
            "  sums by SQL, {what}: {} invoices/s; rating lines here is {}.{} times as fast",
            grouped(per_second(usage.len(), elapsed)),
            tenths / 10,
            tenths % 10
        );
    }
}

/// Works out totals by SQL.
struct Totals {
    cluster: Cluster,
}

impl Totals {
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
        self.cluster.psql(&script);
    }

    /// The best of some rounds with so many workers beside the first process.
    fn time(&self, workers: u8) -> Duration {
        let query = format!("SELECT count(*), sum(total) FROM ({TOTALS}) AS account;\n");
        let script = format!(
            "SET max_parallel_workers_per_gather = {workers};\n\\timing on\n{}",
            query.repeat(ROUNDS)
        );
        let printed = self.cluster.psql(&script);
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
