//! What the writer keeps of the book from one group to the next: the end of the journal, versions
//! and balances, which hardly anybody else changes, so that a hot account is not read again and
//! again.

use std::collections::HashMap;

use rusqlite::Connection;
use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;

use super::read;
use crate::group::Writes;

/// The most versions, and the most balances, that are kept.
const KEPT_MAX: usize = 100_000;

/// What is known of the book while nobody else writes.
#[derive(Default)]
pub struct Kept {
    /// SQLite's count of the commits of other connections.
    data_version: Option<i64>,
    head: Option<(u64, Vec<u8>)>,
    versions: HashMap<String, u64>,
    balances: HashMap<LedgerAccount, MicroSynor>,
}

impl Kept {
    /// Forgets everything if another connection has written since. Asked in the transaction, so
    /// that none can before it ends.
    pub fn drop_if_stale(&mut self, c: &Connection) -> rusqlite::Result<()> {
        let mut asked = c.prepare_cached("PRAGMA data_version")?;
        let now = Some(asked.query_row([], |row| row.get(0))?);
        let is_full = self.versions.len().max(self.balances.len()) > KEPT_MAX;
        if self.data_version != now || is_full {
            *self = Self {
                data_version: now,
                ..Self::default()
            };
        }
        Ok(())
    }

    pub fn head(&mut self, c: &Connection) -> rusqlite::Result<(u64, Vec<u8>)> {
        if let Some(head) = &self.head {
            return Ok(head.clone());
        }
        let head = read::journal_head(c)?;
        self.head = Some(head.clone());
        Ok(head)
    }

    pub fn version(&mut self, c: &Connection, scope: &str) -> rusqlite::Result<u64> {
        if let Some(version) = self.versions.get(scope) {
            return Ok(*version);
        }
        let version = read::version(c, scope)?;
        self.versions.insert(scope.to_owned(), version);
        Ok(version)
    }

    pub fn balance(
        &mut self,
        c: &Connection,
        account: &LedgerAccount,
    ) -> rusqlite::Result<MicroSynor> {
        if let Some(balance) = self.balances.get(account) {
            return Ok(*balance);
        }
        let balance = read::balance(c, &account.to_string())?;
        self.balances.insert(account.clone(), balance);
        Ok(balance)
    }

    /// Takes in what has just become durable.
    pub fn remember(&mut self, writes: &Writes) {
        if let Some(last) = writes.entries.last() {
            self.head = Some((last.sequence, last.chain.clone()));
        }
        self.versions.extend(writes.versions.iter().cloned());
        self.balances.extend(writes.balances.iter().cloned());
    }
}
