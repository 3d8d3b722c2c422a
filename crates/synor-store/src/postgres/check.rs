//! Reading the whole book again, to find what was altered since it was written.

use std::collections::BTreeMap;

use deadpool_postgres::{Client, Transaction};
use synor_economics::money::MicroSynor;
use tokio_postgres::Row;

use super::read::{self, COLUMNS, stored};
use super::{DatabaseError, unsigned};
use crate::audit::{Audit, JournalRow};
use crate::store::BookCheck;

/// Rows that are read at once, so that a large book takes little memory.
const ROWS: i32 = 5_000;

pub async fn check(client: &mut Client) -> Result<BookCheck, DatabaseError> {
    let view = read::snapshot(client).await?;
    let mut audit = Audit::default();
    let mut strange = 0_u64;
    let sql = format!("SELECT {COLUMNS} FROM documents ORDER BY kind, id");
    each(&view, &sql, |row| {
        match stored(row)? {
            Some((document, is_sound)) => audit.document(&document, is_sound),
            None => strange = strange.saturating_add(1),
        }
        Ok(())
    })
    .await?;
    if strange > 0 {
        audit.problem(format!("{strange} documents are of no known kind"));
    }
    let sql = "SELECT sequence, entry_id, body, chain FROM journal ORDER BY sequence";
    each(&view, sql, |row| {
        audit.entry(JournalRow {
            sequence: unsigned(row.try_get(0)?)?,
            entry_id: row.try_get(1)?,
            body: row.try_get(2)?,
            chain: row.try_get(3)?,
            is_as_written: true,
        });
        Ok(())
    })
    .await?;
    match view
        .query_opt("SELECT sequence, chain FROM journal_head", &[])
        .await?
    {
        Some(head) => audit.journal_end(unsigned(head.try_get(0)?)?, head.try_get(1)?),
        None => audit.problem("the end of the journal is not noted".to_owned()),
    }
    let mut kept = BTreeMap::new();
    let sql = "SELECT account, amount_micro_synor FROM balances";
    each(&view, sql, |row| {
        kept.insert(row.try_get(0)?, MicroSynor::new(row.try_get(1)?));
        Ok(())
    })
    .await?;
    audit.balances(kept);
    view.commit().await?;
    Ok(audit.found)
}

/// Calls `row` with each row of a query, a few at a time.
async fn each(
    view: &Transaction<'_>,
    sql: &str,
    mut row: impl FnMut(&Row) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let statement = view.prepare(sql).await?;
    let portal = view.bind(&statement, &[]).await?;
    loop {
        let rows = view.query_portal(&portal, ROWS).await?;
        rows.iter().try_for_each(&mut row)?;
        if rows.is_empty() {
            return Ok(());
        }
    }
}
