//! The tables, and how they come into a database.

use tokio_postgres::Client;

/// The newest schema; each step leads from the one before. Texts are compared byte by byte, as
/// everywhere else.
const STEPS: &[&str] = &[
    r#"
    CREATE TABLE documents (
        kind      text COLLATE "C" NOT NULL,
        id        text COLLATE "C" NOT NULL,
        account   text COLLATE "C",
        lookup    text COLLATE "C",
        sort_key  bigint NOT NULL,
        is_open   boolean NOT NULL,
        body      text COLLATE "C" NOT NULL,
        digest    bytea NOT NULL,           -- of all other columns
        PRIMARY KEY (kind, id)
    );
    CREATE UNIQUE INDEX documents_lookup ON documents (kind, lookup) WHERE lookup IS NOT NULL;
    CREATE INDEX documents_of_account ON documents (kind, account, sort_key, id);
    CREATE INDEX documents_in_order ON documents (kind, sort_key, id);
    CREATE INDEX documents_open ON documents (kind, account, sort_key, id) WHERE is_open;

    CREATE TABLE journal (
        sequence  bigint PRIMARY KEY,
        entry_id  text COLLATE "C" NOT NULL UNIQUE,
        body      text COLLATE "C" NOT NULL,
        chain     bytea NOT NULL            -- of the chain before, sequence and body
    );
    -- The end of the journal: whoever holds this row decides.
    CREATE TABLE journal_head (
        only_one  boolean PRIMARY KEY CHECK (only_one),
        sequence  bigint NOT NULL,
        chain     bytea NOT NULL
    );
    INSERT INTO journal_head VALUES (true, 0, '');
    CREATE TABLE balances (
        account             text COLLATE "C" PRIMARY KEY,
        amount_micro_synor  bigint NOT NULL
    );
    CREATE TABLE scopes (
        name     text COLLATE "C" PRIMARY KEY,
        version  bigint NOT NULL
    );
    CREATE TABLE commands (
        command   text COLLATE "C" PRIMARY KEY,
        request   bytea NOT NULL,           -- digest of what was asked
        reply     text COLLATE "C" NOT NULL,
        at        bigint NOT NULL
    );
"#,
    r#"
    -- What is open of all accounts, such as the holds that expire next.
    CREATE INDEX documents_open_in_order ON documents (kind, sort_key, id) WHERE is_open;
    -- Their rows change all the time; with room beside them no index is touched.
    ALTER TABLE balances SET (fillfactor = 50);
    ALTER TABLE scopes SET (fillfactor = 50);
    ALTER TABLE documents SET (fillfactor = 80);
"#,
    r#"
    CREATE TABLE leases (
        job       text COLLATE "C" PRIMARY KEY,
        holder    text COLLATE "C" NOT NULL,
        until_ms  bigint NOT NULL           -- Unix time of this database
    );
"#,
];

/// The newest schema that this program knows.
pub const KNOWN: i64 = STEPS.len() as i64;

/// Holds other processes off while one of them makes the tables. Any number does that nothing else
/// uses: "SynB".
const MIGRATION_LOCK: i64 = 0x5379_6e42;

/// Brings the schema up to date. Returns the schema version found, which is too new if it is above
/// [`KNOWN`]; nothing was changed then.
pub async fn migrate(client: &mut Client, schema: &str) -> Result<i64, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK])
        .await?;
    transaction
        .batch_execute(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};
             CREATE TABLE IF NOT EXISTS {schema}.migrations (step bigint PRIMARY KEY);
             SET LOCAL search_path = {schema};"
        ))
        .await?;
    let found: i64 = transaction
        .query_one("SELECT coalesce(max(step), 0) FROM migrations", &[])
        .await?
        .get(0);
    let done = usize::try_from(found).unwrap_or_default();
    for (step, sql) in (1_i64..).zip(STEPS).skip(done) {
        transaction.batch_execute(sql).await?;
        transaction
            .execute("INSERT INTO migrations (step) VALUES ($1)", &[&step])
            .await?;
    }
    transaction.commit().await?;
    Ok(found)
}
