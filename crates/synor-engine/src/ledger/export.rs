//! The journal in formats that other programs read, written as it is read.

use std::collections::BTreeSet;

use serde::Serialize;
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::period::Timestamp;
use synor_store::JournalLine;

use super::plain_text::{Transaction, beancount_open};
use super::{JournalPages, PostedIn};
use crate::engine::Engine;
use crate::error::EngineError;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerFormat {
    /// A journal of hledger (and ledger).
    Hledger,
    /// A ledger of beancount.
    Beancount,
    /// One row for each posting.
    Csv,
    /// One object a line for each entry.
    Json,
}

/// The journal of a time, part by part. What it remembers grows with the accounts of the journal,
/// not with its entries.
#[derive(Debug)]
pub struct LedgerExport {
    pages: JournalPages,
    format: LedgerFormat,
    /// What comes before the first entry.
    head: Option<String>,
    /// The accounts that beancount knows of.
    opened: BTreeSet<LedgerAccount>,
}

#[derive(Serialize)]
struct Line<'a> {
    sequence: u64,
    #[serde(flatten)]
    entry: &'a JournalEntry,
}

impl Engine {
    /// Exports what was posted in a time. For plain-text accounting, what came before is one
    /// transaction of opening balances, so that balances there are those here.
    pub async fn export_ledger(
        &self,
        posted: PostedIn,
        format: LedgerFormat,
    ) -> Result<LedgerExport, EngineError> {
        let mut export = LedgerExport {
            pages: self.journal_pages(posted, 0),
            format,
            head: None,
            opened: BTreeSet::new(),
        };
        let mut head = match format {
            LedgerFormat::Hledger => "commodity 1000.000000 SYNOR\n\n".to_owned(),
            LedgerFormat::Beancount => "option \"operating_currency\" \"SYNOR\"\n\n".to_owned(),
            LedgerFormat::Csv => {
                let columns = ["sequence", "entry_id", "posted_at", "description"];
                let mut row = csv::Writer::from_writer(Vec::new());
                let amounts = ["account", "amount_micro_synor"];
                row.write_record(columns.iter().chain(&amounts))
                    .map_err(unwritable)?;
                written(row)?
            }
            LedgerFormat::Json => String::new(),
        };
        let is_plain_text = matches!(format, LedgerFormat::Hledger | LedgerFormat::Beancount);
        if let Some(from) = posted.from.filter(|_| is_plain_text) {
            let before = self.sums_before(Some(from)).await?.balances;
            let moved = before.iter().filter(|(_, balance)| !balance.is_zero());
            let opening = Transaction {
                at: from,
                description: "opening balances",
                entry: None,
                sides: moved.map(|(account, sum)| (account, *sum)).collect(),
            };
            if !opening.sides.is_empty() {
                export.write(&opening, &mut head)?;
            }
        }
        export.head = Some(head);
        Ok(export)
    }
}

impl LedgerExport {
    /// The next part of the text, maybe an empty one; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<String>, EngineError> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        match self.pages.next().await? {
            Some(lines) => Ok(Some(self.part(&lines)?)),
            None => Ok(None),
        }
    }

    fn part(&mut self, lines: &[JournalLine]) -> Result<String, EngineError> {
        let mut out = String::new();
        match self.format {
            LedgerFormat::Hledger | LedgerFormat::Beancount => {
                for line in lines {
                    self.write(&Transaction::of(line.sequence, &line.entry), &mut out)?;
                }
            }
            LedgerFormat::Csv => return csv_rows(lines),
            LedgerFormat::Json => {
                for line in lines {
                    let (sequence, entry) = (line.sequence, &line.entry);
                    let text = serde_json::to_string(&Line { sequence, entry });
                    out.push_str(&text.map_err(unwritable)?);
                    out.push('\n');
                }
            }
        }
        Ok(out)
    }

    fn write(
        &mut self,
        transaction: &Transaction<'_>,
        out: &mut String,
    ) -> Result<(), EngineError> {
        if self.format == LedgerFormat::Hledger {
            return transaction.hledger(out).map_err(unwritable);
        }
        for (account, _) in &transaction.sides {
            if !self.opened.contains(*account) {
                self.opened.insert((*account).clone());
                beancount_open(account, out).map_err(unwritable)?;
            }
        }
        transaction.beancount(out).map_err(unwritable)
    }
}

fn csv_rows(lines: &[JournalLine]) -> Result<String, EngineError> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    for JournalLine { sequence, entry } in lines {
        let posted_at = shown(entry.posted_at);
        for posting in &entry.postings {
            let record = [
                sequence.to_string(),
                entry.entry_id.to_string(),
                posted_at.clone(),
                entry.description.clone(),
                posting.account.to_string(),
                posting.amount_micro_synor.micro().to_string(),
            ];
            rows.write_record(record).map_err(unwritable)?;
        }
    }
    written(rows)
}

fn shown(at: Timestamp) -> String {
    at.to_string()
}

fn written(rows: csv::Writer<Vec<u8>>) -> Result<String, EngineError> {
    let bytes = rows.into_inner().map_err(unwritable)?;
    String::from_utf8(bytes).map_err(unwritable)
}

fn unwritable(error: impl std::fmt::Display) -> EngineError {
    EngineError::Invalid {
        field: "export",
        reason: error.to_string(),
    }
}
