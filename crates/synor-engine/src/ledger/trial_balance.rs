//! The trial balance: every account's balance on its side. Debits and credits come to the same, or
//! the journal is not one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synor_economics::billing::LedgerAccount;
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::period::Timestamp;
use synor_store::JournalLine;

use super::{PostedIn, kind_of};
use crate::engine::Engine;
use crate::error::EngineError;

/// An account of the journal, or all of one kind, with its balance on one of the two sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRow {
    /// `assets:receivable:acme`; `assets:receivable` if all of a kind are in one row.
    pub account: String,
    /// How many accounts of the journal are in the row.
    pub accounts: u64,
    /// A balance above zero, in µSYNOR; the sum of those in the row.
    pub debit_micro_synor: MicroSynor,
    /// A balance below zero, in µSYNOR without its sign; the sum of those in the row.
    pub credit_micro_synor: MicroSynor,
}

/// What every account came to at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialBalance {
    /// What was posted before this instant counts; absent if everything does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Timestamp>,
    /// How many entries were summed.
    pub entries: u64,
    /// The accounts, by name.
    pub rows: Vec<TrialRow>,
    /// All debit balances, in µSYNOR.
    pub debit_micro_synor: MicroSynor,
    /// All credit balances, in µSYNOR; the same.
    pub credit_micro_synor: MicroSynor,
}

/// Balances as entries add up to them.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) entries: u64,
    pub(super) balances: BTreeMap<LedgerAccount, MicroSynor>,
}

impl Sums {
    fn add(&mut self, lines: &[JournalLine]) -> Result<(), MoneyError> {
        for line in lines {
            self.entries = self.entries.saturating_add(1);
            for posting in &line.entry.postings {
                match self.balances.get_mut(&posting.account) {
                    Some(sum) => *sum = sum.checked_add(posting.amount_micro_synor)?,
                    None => {
                        let account = posting.account.clone();
                        self.balances.insert(account, posting.amount_micro_synor);
                    }
                }
            }
        }
        Ok(())
    }

    /// One row for each account, or for all of a kind.
    fn into_trial(self, at: Option<Timestamp>, by_kind: bool) -> Result<TrialBalance, MoneyError> {
        let mut rows: BTreeMap<String, TrialRow> = BTreeMap::new();
        let mut sides = (MicroSynor::ZERO, MicroSynor::ZERO);
        for (account, balance) in self.balances {
            let name = if by_kind {
                kind_of(&account)
            } else {
                account.to_string()
            };
            let (debit, credit) = if balance.is_negative() {
                (MicroSynor::ZERO, balance.checked_neg()?)
            } else {
                (balance, MicroSynor::ZERO)
            };
            let row = rows.entry(name.clone()).or_insert_with(|| TrialRow {
                account: name,
                accounts: 0,
                debit_micro_synor: MicroSynor::ZERO,
                credit_micro_synor: MicroSynor::ZERO,
            });
            row.accounts = row.accounts.saturating_add(1);
            row.debit_micro_synor = row.debit_micro_synor.checked_add(debit)?;
            row.credit_micro_synor = row.credit_micro_synor.checked_add(credit)?;
            sides = (sides.0.checked_add(debit)?, sides.1.checked_add(credit)?);
        }
        Ok(TrialBalance {
            at,
            entries: self.entries,
            rows: rows.into_values().collect(),
            debit_micro_synor: sides.0,
            credit_micro_synor: sides.1,
        })
    }
}

impl Engine {
    /// Every account's balance from the entries that were posted before an instant, or from all;
    /// one row for each account of the journal, or for each kind of account.
    pub async fn trial_balance(
        &self,
        at: Option<Timestamp>,
        by_kind: bool,
    ) -> Result<TrialBalance, EngineError> {
        Ok(self.sums_before(at).await?.into_trial(at, by_kind)?)
    }

    pub(super) async fn sums_before(&self, at: Option<Timestamp>) -> Result<Sums, EngineError> {
        let mut pages = self.journal_pages(PostedIn::before(at), 0);
        let mut sums = Sums::default();
        while let Some(lines) = pages.next().await? {
            sums.add(&lines)?;
        }
        Ok(sums)
    }
}
