//! Proving the book from its rows: what every backend's check asks of what it has read.

use std::collections::BTreeMap;

use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;

use crate::audit_log::AuditTrail;
use crate::digest;
use crate::document::StoredDocument;
use crate::store::BookCheck;

/// A row of the journal, as it was read.
pub(crate) struct JournalRow {
    pub(crate) sequence: u64,
    pub(crate) entry_id: String,
    pub(crate) body: String,
    pub(crate) chain: Vec<u8>,
    /// Whether its columns hold what only the book writes.
    pub(crate) is_as_written: bool,
}

/// Follows the rows of a book, from the first to the last.
#[derive(Default)]
pub(crate) struct Audit {
    pub(crate) found: BookCheck,
    last: u64,
    chain: Vec<u8>,
    trail: AuditTrail,
}

impl Audit {
    /// Notes something that does not hold.
    pub(crate) fn problem(&mut self, what: String) {
        self.found.problems.push(what);
    }

    /// The next document, and whether it is what was written.
    pub(crate) fn document(&mut self, document: &StoredDocument, is_sound: bool) {
        self.found.documents = self.found.documents.saturating_add(1);
        if !is_sound {
            let (kind, id) = (document.kind.name(), &document.keys.id);
            self.problem(format!("{kind} {id} is not what was written"));
        }
        if let Some(problem) = self.trail.follow(document) {
            self.problem(problem);
        }
    }

    /// The next row of the journal.
    pub(crate) fn entry(&mut self, row: JournalRow) {
        let sequence = row.sequence;
        let mut problems = Vec::new();
        if sequence != self.last.saturating_add(1) {
            let last = self.last;
            problems.push(format!("it follows entry {last}, so some are missing"));
        }
        let link = digest::chain_after(&self.chain, sequence, &row.body);
        if row.chain != link || !row.is_as_written {
            problems.push("it is not what was written: the chain breaks here".to_owned());
        }
        match serde_json::from_str::<JournalEntry>(&row.body) {
            Err(e) => problems.push(format!("it cannot be read: {e}")),
            Ok(entry) => {
                if entry.entry_id.to_string() != row.entry_id {
                    problems.push("its id is not that of its content".to_owned());
                }
                if let Err(e) = entry.check() {
                    problems.push(e.to_string());
                }
                for posting in entry.postings {
                    let sum = self.found.balances.entry(posting.account).or_default();
                    match sum.checked_add(posting.amount_micro_synor) {
                        Ok(new) => *sum = new,
                        Err(e) => problems.push(e.to_string()),
                    }
                }
            }
        }
        for problem in problems {
            self.problem(format!("journal entry {sequence}: {problem}"));
        }
        self.chain = row.chain;
        self.last = sequence;
        self.found.entries = self.found.entries.saturating_add(1);
    }

    /// The end of the journal, as the book keeps it.
    pub(crate) fn journal_end(&mut self, sequence: u64, chain: &[u8]) {
        if sequence != self.last || chain != self.chain {
            let last = self.last;
            self.problem(format!(
                "the journal ends with entry {last}, but {sequence} is noted as its end"
            ));
        }
    }

    /// The balances, as the book keeps them, once all documents and entries were read.
    pub(crate) fn balances(&mut self, mut kept: BTreeMap<String, MicroSynor>) {
        let mut problems = Vec::from_iter(self.trail.end());
        for (account, sum) in &self.found.balances {
            let balance = kept.remove(&account.to_string()).unwrap_or_default();
            if balance != *sum {
                problems.push(format!(
                    "{account}: the balance is {balance}, its entries sum to {sum}"
                ));
            }
            if account.is_wallet() && sum.is_positive() {
                problems.push(format!("{account} is overdrawn by {sum}"));
            }
            if matches!(account, LedgerAccount::Receivable(_)) && sum.is_negative() {
                problems.push(format!("{account}: more was paid than was owed, by {sum}"));
            }
        }
        for (account, balance) in kept.into_iter().filter(|(_, b)| !b.is_zero()) {
            problems.push(format!(
                "{account}: the balance is {balance}, but it has no entries"
            ));
        }
        self.found.problems.extend(problems);
    }
}
