//! Medians, and the table of all measurements beside each other.

use std::time::Duration;

use crate::machine::{grouped, per_second};

/// How often each measurement is made, behind one that warms up; the median is told.
pub const ROUNDS: usize = 3;

/// What other rows are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yardstick {
    /// The best of those on PostgreSQL.
    Postgres,
    /// The best of those that only parse, write and sync.
    Floor,
}

/// One row.
struct Row {
    what: String,
    is: Option<Yardstick>,
    events: u64,
    median: Duration,
    worst: Duration,
}

/// All measurements of a run.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds rounds of a measurement, each of so many events.
    pub fn add(&mut self, what: impl Into<String>, events: u64, rounds: Vec<Duration>) {
        self.push(what.into(), None, events, rounds);
    }

    /// The same, for one that others are compared with.
    pub fn add_yardstick(
        &mut self,
        is: Yardstick,
        what: impl Into<String>,
        events: u64,
        rounds: Vec<Duration>,
    ) {
        self.push(what.into(), Some(is), events, rounds);
    }

    fn push(
        &mut self,
        what: String,
        is: Option<Yardstick>,
        events: u64,
        mut rounds: Vec<Duration>,
    ) {
        rounds.sort();
        let row = Row {
            what,
            is,
            events,
            median: rounds[rounds.len() / 2],
            worst: rounds[rounds.len() - 1],
        };
        println!("  {}: {} events/s", row.what, grouped(row.rate()));
        self.rows.push(row);
    }

    /// Prints the table.
    pub fn print(&self) {
        let titles = [
            "",
            "events",
            "seconds",
            "events/s",
            "worst round",
            "× PostgreSQL",
            "× floor",
        ];
        let mut lines = vec![titles.map(str::to_owned)];
        for row in &self.rows {
            let secs = row.median.as_secs_f64();
            lines.push([
                row.what.clone(),
                grouped(row.events.into()),
                format!("{secs:.2}"),
                grouped(row.rate()),
                grouped(rate(row.events, row.worst)),
                self.ratio(row, Yardstick::Postgres),
                self.ratio(row, Yardstick::Floor),
            ]);
        }
        let width = |column: usize| {
            let widths = lines.iter().map(|line| line[column].chars().count());
            widths.max().unwrap_or(0)
        };
        println!("\nmedian of {ROUNDS} rounds");
        for line in &lines {
            let first = format!("{:<1$}", line[0], width(0));
            let rest = (1..line.len()).map(|at| format!("  {:>1$}", line[at], width(at)));
            println!("{first}{}", rest.collect::<String>());
        }
    }

    fn ratio(&self, row: &Row, to: Yardstick) -> String {
        let yardsticks = self.rows.iter().filter(|row| row.is == Some(to));
        let Some(best) = yardsticks.map(Row::rate).max() else {
            return "–".to_owned();
        };
        let hundredths = row.rate() * 100 / best.max(1);
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

impl Row {
    fn rate(&self) -> u128 {
        rate(self.events, self.median)
    }
}

/// Events a second.
pub fn rate(events: u64, elapsed: Duration) -> u128 {
    per_second(usize::try_from(events).unwrap(), elapsed)
}
