//! Reading the whole book again, to find what was altered since it was written.

use std::collections::BTreeMap;

use rusqlite::Connection;
use synor_economics::money::MicroSynor;

use super::read::{self, Columns, ReadError};
use crate::audit::{Audit, JournalRow};
use crate::document::Kind;
use crate::store::BookCheck;

pub fn check(c: &Connection) -> Result<BookCheck, ReadError> {
    let mut audit = Audit::default();
    // One transaction, so that all is read as it was at one moment.
    let c = c.unchecked_transaction()?;
    structure(&c, &mut audit)?;
    documents(&c, &mut audit)?;
    journal(&c, &mut audit)?;
    audit.balances(balances(&c)?);
    Ok(audit.found)
}

fn structure(c: &Connection, audit: &mut Audit) -> Result<(), ReadError> {
    let mut statement = c.prepare("PRAGMA integrity_check")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines {
        let line = line?;
        if line != "ok" {
            audit.problem(format!("the file's structure: {line}"));
        }
    }
    Ok(())
}

fn documents(c: &Connection, audit: &mut Audit) -> Result<(), ReadError> {
    let total: u64 = c.query_row("SELECT count(*) FROM documents", [], |row| row.get(0))?;
    for kind in Kind::ALL {
        read::each_document(c, kind, |document, is_sound| {
            audit.document(&document, is_sound);
        })?;
    }
    if total != audit.found.documents {
        let strange = total.abs_diff(audit.found.documents);
        audit.problem(format!("{strange} documents are of no known kind"));
    }
    Ok(())
}

fn journal(c: &Connection, audit: &mut Audit) -> Result<(), ReadError> {
    let mut statement =
        c.prepare("SELECT sequence, entry_id, body, chain FROM journal ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut columns = Columns::of(row);
        let (entry_id, body) = (columns.text(1)?, columns.text(2)?);
        audit.entry(JournalRow {
            sequence: row.get(0)?,
            entry_id: entry_id.unwrap_or_default(),
            body: body.unwrap_or_default(),
            chain: columns.bytes(3)?,
            is_as_written: columns.are_as_written,
        });
    }
    Ok(())
}

fn balances(c: &Connection) -> Result<BTreeMap<String, MicroSynor>, ReadError> {
    let mut statement = c.prepare("SELECT account, amount_micro_synor FROM balances")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, MicroSynor::new(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
