//! A statement: what moved one account of the journal, with the balance after each movement.

use serde::{Deserialize, Serialize};
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::id::EntryId;
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::period::Timestamp;
use synor_store::JournalLine;

use super::PostedIn;
use crate::engine::Engine;
use crate::error::EngineError;

/// Where a statement goes on, and the balance there, so that what comes before need not be read
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementCursor {
    /// The place in the journal of the last line before.
    pub sequence: u64,
    /// The balance after it.
    pub balance: MicroSynor,
}

/// Which part of a statement.
#[derive(Debug, Clone, Copy)]
pub struct StatementQuery {
    /// When the entries were posted.
    pub posted: PostedIn,
    /// Where to go on.
    pub after: Option<StatementCursor>,
    /// How many lines at most.
    pub limit: usize,
}

/// A movement of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine {
    /// The entry's place in the journal.
    pub sequence: u64,
    /// The entry.
    pub entry_id: EntryId,
    /// When it was posted.
    pub posted_at: Timestamp,
    /// What people read.
    pub description: String,
    /// What it moved in this account: a debit is above zero, a credit below.
    pub amount_micro_synor: MicroSynor,
    /// The balance after it.
    pub balance_micro_synor: MicroSynor,
}

/// A part of an account's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The balance before the first line.
    pub opening: MicroSynor,
    /// The movements, in the journal's order.
    pub lines: Vec<StatementLine>,
    /// The balance after the last line.
    pub closing: MicroSynor,
    /// Where the next part starts, if there is one.
    pub next: Option<StatementCursor>,
}

impl Engine {
    /// A part of the statement of an account of the journal. An account that nothing has moved has
    /// an empty one.
    pub async fn statement(
        &self,
        account: &LedgerAccount,
        query: StatementQuery,
    ) -> Result<Statement, EngineError> {
        let opening = match query.after {
            Some(cursor) => cursor.balance,
            None => self.balance_before(account, query.posted.from).await?,
        };
        let after = query.after.map_or(0, |cursor| cursor.sequence);
        let mut pages = self.journal_pages(query.posted, after);
        let mut statement = Statement {
            opening,
            lines: Vec::new(),
            closing: opening,
            next: None,
        };
        while let Some(lines) = pages.next().await? {
            for line in lines {
                let Some(amount) = moved(&line.entry, account)? else {
                    continue;
                };
                if statement.lines.len() == query.limit {
                    statement.next = statement.lines.last().map(|last| StatementCursor {
                        sequence: last.sequence,
                        balance: last.balance_micro_synor,
                    });
                    return Ok(statement);
                }
                statement.push(line, amount)?;
            }
        }
        Ok(statement)
    }

    /// What an account came to before an instant; zero before the first entry.
    async fn balance_before(
        &self,
        account: &LedgerAccount,
        from: Option<Timestamp>,
    ) -> Result<MicroSynor, EngineError> {
        let mut balance = MicroSynor::ZERO;
        if from.is_none() {
            return Ok(balance);
        }
        let mut pages = self.journal_pages(PostedIn::before(from), 0);
        while let Some(lines) = pages.next().await? {
            for line in lines {
                if let Some(amount) = moved(&line.entry, account)? {
                    balance = balance.checked_add(amount)?;
                }
            }
        }
        Ok(balance)
    }
}

impl Statement {
    fn push(&mut self, line: JournalLine, amount: MicroSynor) -> Result<(), MoneyError> {
        self.closing = self.closing.checked_add(amount)?;
        self.lines.push(StatementLine {
            sequence: line.sequence,
            entry_id: line.entry.entry_id,
            posted_at: line.entry.posted_at,
            description: line.entry.description,
            amount_micro_synor: amount,
            balance_micro_synor: self.closing,
        });
        Ok(())
    }
}

/// What an entry moves in an account; none if it does not touch it.
fn moved(entry: &JournalEntry, account: &LedgerAccount) -> Result<Option<MicroSynor>, MoneyError> {
    let mut sum = None;
    for posting in entry.postings.iter().filter(|p| p.account == *account) {
        let before = sum.unwrap_or(MicroSynor::ZERO);
        sum = Some(before.checked_add(posting.amount_micro_synor)?);
    }
    Ok(sum)
}
