//! Reading the whole book again, to find what was altered since it was written.

use std::collections::BTreeMap;

use rusqlite::Connection;
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;

use super::read::{self, Columns, ReadError};
use crate::document::Kind;
use crate::store::BookCheck;

pub fn check(c: &Connection) -> Result<BookCheck, ReadError> {
    let mut found = BookCheck::default();
    // One transaction, so that all is read as it was at one moment.
    let c = c.unchecked_transaction()?;
    structure(&c, &mut found)?;
    documents(&c, &mut found)?;
    journal(&c, &mut found)?;
    balances(&c, &mut found)?;
    Ok(found)
}

fn structure(c: &Connection, found: &mut BookCheck) -> Result<(), ReadError> {
    let mut statement = c.prepare("PRAGMA integrity_check")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines {
        let line = line?;
        if line != "ok" {
            found.problems.push(format!("the file's structure: {line}"));
        }
    }
    Ok(())
}

fn documents(c: &Connection, found: &mut BookCheck) -> Result<(), ReadError> {
    let total: u64 = c.query_row("SELECT count(*) FROM documents", [], |row| row.get(0))?;
    for kind in Kind::ALL {
        read::each_document(c, kind, |document, is_sound| {
            found.documents += 1;
            if !is_sound {
                let id = &document.keys.id;
                found
                    .problems
                    .push(format!("{} {id} is not what was written", kind.name()));
            }
        })?;
    }
    if total != found.documents {
        let strange = total.abs_diff(found.documents);
        found
            .problems
            .push(format!("{strange} documents are of no known kind"));
    }
    Ok(())
}

fn journal(c: &Connection, found: &mut BookCheck) -> Result<(), ReadError> {
    let mut statement =
        c.prepare("SELECT sequence, entry_id, body, chain FROM journal ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    let mut chain: Vec<u8> = Vec::new();
    let mut expected = 1u64;
    while let Some(row) = rows.next()? {
        let sequence: u64 = row.get(0)?;
        let mut columns = Columns::of(row);
        let id = columns.text(1)?.unwrap_or_default();
        let body = columns.text(2)?.unwrap_or_default();
        let link = columns.bytes(3)?;
        let mut problem = |what: String| {
            found
                .problems
                .push(format!("journal entry {sequence}: {what}"))
        };
        if sequence != expected {
            problem(format!(
                "it follows entry {}, so some are missing",
                expected - 1
            ));
        }
        if link != read::chain_after(&chain, sequence, &body) || !columns.are_as_written {
            problem("it is not what was written: the chain breaks here".to_owned());
        }
        match serde_json::from_str::<JournalEntry>(&body) {
            Err(e) => problem(format!("it cannot be read: {e}")),
            Ok(entry) => {
                if entry.entry_id.to_string() != id {
                    problem("its id is not that of its content".to_owned());
                }
                if let Err(e) = entry.check() {
                    problem(e.to_string());
                }
                for posting in entry.postings {
                    let sum = found.balances.entry(posting.account).or_default();
                    match sum.checked_add(posting.amount_micro_synor) {
                        Ok(new) => *sum = new,
                        Err(e) => found
                            .problems
                            .push(format!("journal entry {sequence}: {e}")),
                    }
                }
            }
        }
        chain = link;
        expected = sequence + 1;
        found.entries += 1;
    }
    Ok(())
}

fn balances(c: &Connection, found: &mut BookCheck) -> Result<(), ReadError> {
    let mut kept: BTreeMap<String, MicroSynor> = BTreeMap::new();
    let mut statement = c.prepare("SELECT account, amount_micro_synor FROM balances")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        kept.insert(row.get(0)?, MicroSynor::new(row.get(1)?));
    }
    for (account, sum) in &found.balances {
        let balance = kept.remove(&account.to_string()).unwrap_or_default();
        if balance != *sum {
            found.problems.push(format!(
                "{account}: the balance is {balance}, its entries sum to {sum}"
            ));
        }
        if account.is_wallet() && sum.is_positive() {
            found
                .problems
                .push(format!("{account} is overdrawn by {sum}"));
        }
        if matches!(account, LedgerAccount::Receivable(_)) && sum.is_negative() {
            found
                .problems
                .push(format!("{account}: more was paid than was owed, by {sum}"));
        }
    }
    for (account, balance) in kept.into_iter().filter(|(_, b)| !b.is_zero()) {
        found.problems.push(format!(
            "{account}: the balance is {balance}, but it has no entries"
        ));
    }
    Ok(())
}
