//! The tables: created, and brought to the format that this program knows, when a log is opened.

use deadpool_postgres::{Client, Transaction};

use super::fault::Fault;
use crate::error::UsageLogError;

/// What makes each format of the one before; the first makes it of nothing.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];

/// What an audit expects to find.
pub(super) const RELATIONS: [(&str, &str); 13] = [
    ("head", "r"),
    ("commits", "r"),
    ("account_commits", "r"),
    ("account_commits_by_position", "i"),
    ("meters", "r"),
    ("events", "p"),
    ("events_of_levels", "I"),
    ("events_by_commit", "I"),
    ("withdrawals", "r"),
    ("withdrawals_by_position", "i"),
    ("sums", "p"),
    ("streams", "r"),
    ("usage_log_migrations", "r"),
];

/// Creates what is missing. Several processes may do so at once: one does it, the others wait.
pub(super) async fn migrate(client: &mut Client, log: &str, schema: &str) -> Result<(), Fault> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    // A log that is as it should be needs no lock, and no right to create anything.
    let tx = client.transaction().await?;
    let found = format_of(&tx, log, schema).await?;
    tx.rollback().await?;
    if found == Some(known) {
        return Ok(());
    }
    let tx = client.transaction().await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('synor usage log ' || $1, 0))";
    tx.execute(lock, &[&schema]).await?;
    let found = format_of(&tx, log, schema).await?;
    if found.is_none() {
        // The name holds nothing that would have to be quoted.
        tx.batch_execute(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};
             CREATE TABLE usage_log_migrations (
                 format bigint PRIMARY KEY,
                 applied_at timestamptz NOT NULL DEFAULT now()
             )"
        ))
        .await?;
    }
    let found = found.unwrap_or(0);
    for (format, migration) in (1_i64..).zip(MIGRATIONS) {
        if format > found {
            tx.batch_execute(migration).await?;
            let note = "INSERT INTO usage_log_migrations (format) VALUES ($1)";
            tx.execute(note, &[&format]).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// The format of the log in the schema, none if there is nothing yet. Refuses a schema that holds
/// something else, and a later format.
async fn format_of(tx: &Transaction<'_>, log: &str, schema: &str) -> Result<Option<i64>, Fault> {
    let sql = "SELECT count(*), count(*) FILTER (WHERE c.relname = 'usage_log_migrations') \
               FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1";
    let row = tx.query_one(sql, &[&schema]).await?;
    let (relations, migrations): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if relations == 0 {
        return Ok(None);
    }
    if migrations == 0 {
        let reason = "the schema holds something else".to_owned();
        let log = log.to_owned();
        return Err(UsageLogError::NotALog { log, reason }.into());
    }
    let sql = "SELECT coalesce(max(format), 0) FROM usage_log_migrations";
    let found: i64 = tx.query_one(sql, &[]).await?.try_get(0)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(UsageLogError::NewerFormat {
            log: log.to_owned(),
            found,
            known,
        }
        .into());
    }
    Ok(Some(found))
}
