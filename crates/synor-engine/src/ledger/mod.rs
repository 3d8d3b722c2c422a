//! Reading the journal: balances at a moment, statements of an account, and exports to plain-text
//! accounting. Everything here is summed from the entries themselves, a page in memory at a time,
//! never from a balance that was kept.

mod export;
mod plain_text;
mod statement;
mod trial_balance;

use std::sync::Arc;

use synor_economics::billing::LedgerAccount;
use synor_economics::period::Timestamp;
use synor_store::{JournalLine, Store};

pub use export::{LedgerExport, LedgerFormat};
pub use statement::{Statement, StatementCursor, StatementLine, StatementQuery};
pub use trial_balance::{TrialBalance, TrialRow};

use crate::engine::Engine;
use crate::error::EngineError;

/// Entries that are read at once.
const PAGE: usize = 2_000;

/// When entries were posted: from the first instant, and before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PostedIn {
    /// From when on; from the first entry if absent.
    pub from: Option<Timestamp>,
    /// Before when; to the last entry if absent.
    pub to: Option<Timestamp>,
}

impl PostedIn {
    /// All that was posted before an instant, or all.
    pub const fn before(to: Option<Timestamp>) -> Self {
        Self { from: None, to }
    }

    /// Whether an entry of this moment is in it.
    pub fn contains(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

/// Reads the entries of a time in the journal's order. Clocks of several nodes may differ by a
/// little, so the journal is read to its end however late an entry says it was posted.
pub struct JournalPages {
    store: Arc<dyn Store>,
    posted: PostedIn,
    after: u64,
    is_done: bool,
}

impl std::fmt::Debug for JournalPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalPages")
            .field("posted", &self.posted)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

impl JournalPages {
    /// The next entries, maybe none of a page; `None` after the last page.
    pub async fn next(&mut self) -> Result<Option<Vec<JournalLine>>, EngineError> {
        if self.is_done {
            return Ok(None);
        }
        let mut lines = self.store.journal(self.after, PAGE).await?;
        self.is_done = lines.len() < PAGE;
        if let Some(last) = lines.last() {
            self.after = last.sequence;
        }
        lines.retain(|line| self.posted.contains(line.entry.posted_at));
        Ok(Some(lines))
    }
}

impl Engine {
    /// Reads the entries that were posted in a time, after a place of the journal.
    pub fn journal_pages(&self, posted: PostedIn, after: u64) -> JournalPages {
        JournalPages {
            store: Arc::clone(&self.store),
            posted,
            after,
            is_done: false,
        }
    }
}

/// The account of the chart that an account of the journal is one of: `assets:receivable` for
/// `assets:receivable:acme`.
fn kind_of(account: &LedgerAccount) -> String {
    let text = account.to_string();
    let mut parts = text.splitn(3, ':');
    match (parts.next(), parts.next()) {
        (Some(class), Some(name)) => format!("{class}:{name}"),
        _ => text,
    }
}
