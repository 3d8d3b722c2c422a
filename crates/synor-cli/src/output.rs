//! Answers: the same one as a table for people, JSON for programs, CSV for spreadsheets.

use std::io::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table as Grid};
use serde::Serialize;
use serde_json::Value;
use synor_economics::money::MicroSynor;

use crate::args::Format;
use crate::error::error_with_help;
use crate::format;

/// A value in a table: what people see, and what a spreadsheet gets.
#[derive(Debug, Clone)]
pub struct Field {
    shown: String,
    raw: String,
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self {
            shown: text.to_owned(),
            raw: text.to_owned(),
        }
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self {
            shown: text.clone(),
            raw: text,
        }
    }
}

impl From<MicroSynor> for Field {
    fn from(amount: MicroSynor) -> Self {
        Self {
            shown: format::amount(amount),
            raw: amount.micro().to_string(),
        }
    }
}

impl From<u64> for Field {
    fn from(number: u64) -> Self {
        Self {
            shown: format::count(number),
            raw: number.to_string(),
        }
    }
}

impl Field {
    /// What people see of it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// A value whose two forms differ.
    pub fn new(shown: impl Into<String>, raw: impl ToString) -> Self {
        Self {
            shown: shown.into(),
            raw: raw.to_string(),
        }
    }
}

/// A column: its title, its name in CSV, and whether it is aligned to the right.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    name: &'static str,
    right: bool,
}

/// A column of text.
pub const fn text(title: &'static str, name: &'static str) -> Column {
    Column {
        title,
        name,
        right: false,
    }
}

/// A column of numbers.
pub const fn number(title: &'static str, name: &'static str) -> Column {
    Column {
        title,
        name,
        right: true,
    }
}

/// A table with a rule above its totals.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Field>>,
    totals: Vec<Vec<Field>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
            totals: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, fields: impl IntoIterator<Item = Field>) {
        self.rows.push(fields.into_iter().collect());
    }

    /// Adds a row under the rule; it is not in the CSV.
    pub fn total(&mut self, fields: impl IntoIterator<Item = Field>) {
        self.totals.push(fields.into_iter().collect());
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn grid(&self) -> Grid {
        let mut grid = Grid::new();
        grid.load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        let header = self
            .columns
            .iter()
            .map(|c| Cell::new(c.title).add_attribute(Attribute::Dim));
        if self.columns.iter().any(|c| !c.title.is_empty()) {
            grid.set_header(header);
        }
        let shown = |row: &Vec<Field>| row.iter().map(|f| Cell::new(&f.shown)).collect::<Vec<_>>();
        grid.add_rows(self.rows.iter().map(shown));
        if !self.totals.is_empty() {
            let all = self.rows.iter().chain(&self.totals);
            let rule = self.columns.iter().enumerate().map(|(at, column)| {
                let width = |row: &Vec<Field>| row.get(at).map_or(0, |f| f.shown.chars().count());
                let widest = all.clone().map(width).chain([column.title.len()]).max();
                Cell::new("─".repeat(widest.unwrap_or_default())).add_attribute(Attribute::Dim)
            });
            grid.add_row(rule.collect::<Vec<_>>());
            grid.add_rows(self.totals.iter().map(shown));
        }
        for (at, column) in self.columns.iter().enumerate() {
            if let Some(of_grid) = grid.column_mut(at) {
                of_grid.set_padding((0, 2));
                if column.right {
                    of_grid.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        grid
    }

    /// The table as lines of text.
    pub fn lines(&self) -> String {
        let grid = self.grid().to_string();
        grid.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    /// Writes the table as CSV.
    pub fn write_csv_to(&self, to: impl Write) -> anyhow::Result<()> {
        let mut to = to;
        self.write_csv(&mut to)
    }

    fn write_csv(&self, to: &mut impl Write) -> anyhow::Result<()> {
        let mut csv = csv::Writer::from_writer(to);
        csv.write_record(self.columns.iter().map(|c| c.name))?;
        for row in &self.rows {
            csv.write_record(row.iter().map(|f| &f.raw))?;
        }
        csv.flush()?;
        Ok(())
    }
}

/// An answer, in parts.
#[derive(Debug, Default)]
pub struct Answer {
    json: Value,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Line(String),
    Table(Table),
    CsvOnly(Table),
}

impl Answer {
    /// An answer whose JSON is this.
    pub fn new(json: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self {
            json: serde_json::to_value(json)?,
            parts: Vec::new(),
        })
    }

    /// Adds a line for people.
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.parts.push(Part::Line(line.into()));
        self
    }

    /// Adds a table; the first one is the CSV.
    pub fn table(mut self, table: Table) -> Self {
        self.parts.push(Part::Table(table));
        self
    }

    /// Adds a table that people need not see because it is empty.
    pub fn table_only_in_csv(mut self, table: Table) -> Self {
        self.parts.push(Part::CsvOnly(table));
        self
    }

    /// Prints the answer to stdout.
    pub fn print(&self, format: Format) -> anyhow::Result<()> {
        let out = &mut std::io::stdout().lock();
        let written = self.write(format, out);
        match written {
            // Whoever reads has seen enough (`| head`).
            Err(error) if is_broken_pipe(&error) => Ok(()),
            result => result,
        }
    }

    fn write(&self, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
        match format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&self.json)?)?,
            Format::Csv => {
                for part in &self.parts {
                    if let Part::Table(table) | Part::CsvOnly(table) = part {
                        return table.write_csv(out);
                    }
                }
                writeln!(out, "{}", serde_json::to_string(&self.json)?)?;
            }
            Format::Parquet => {
                let help = "`synor usage export --format parquet` writes it";
                return Err(error_with_help(
                    "this answer is not written as Parquet",
                    help,
                ));
            }
            Format::Focus => {
                let help = "`synor billing export --format focus` writes it";
                return Err(error_with_help("this answer is not written as FOCUS", help));
            }
            Format::Hledger | Format::Beancount => {
                let help = "`synor admin export-journal` writes the journal so";
                let message = "this answer is not written for plain-text accounting";
                return Err(error_with_help(message, help));
            }
            Format::Table => {
                for part in &self.parts {
                    match part {
                        Part::Line(line) => writeln!(out, "{line}")?,
                        Part::Table(table) => write!(out, "{}", table.lines())?,
                        Part::CsvOnly(_) => {}
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref::<std::io::Error>().is_some_and(kind)
}
