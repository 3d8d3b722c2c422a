//! What is altered behind the book's back is found: through SQL, whatever the column, and in the
//! bytes of the closed file.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use synor_store::conformance::{Note, changes, entry, state};
use synor_store::{Access, Actor, ActorKind, SqliteStore, Store};

struct Book {
    folder: tempfile::TempDir,
    file: PathBuf,
}

/// A closed book with documents that have all keys, some or none, and five journal entries.
async fn book() -> Book {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.db");
    let store = SqliteStore::open(&file).unwrap();
    for n in 1..=5_i64 {
        let name = format!("number {n}");
        let mut set = changes(&name);
        set.put(&Note {
            account: (n > 1).then(|| "acme".parse().unwrap()),
            lookup: (n > 2).then(|| format!("key-{n}")),
            order: n,
            open: n > 3,
            text: format!("this is note number {n}, µ"),
            ..Note::new(&format!("note-{n}"))
        })
        .unwrap();
        let sides = [
            ("expenses:credits_granted", n),
            ("liabilities:credit:acme", -n),
        ];
        set.entries.push(entry(&name, &sides));
        store.commit(set).await.unwrap();
    }
    state(&store).await;
    drop(store);
    // Leaves no page that holds an earlier form of another.
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM")
        .unwrap();
    drop(connection);
    Book { folder, file }
}

impl Book {
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.folder.path().join(name);
        std::fs::copy(&self.file, &to).unwrap();
        to
    }

    /// What a check finds after this SQL.
    async fn after(&self, sql: &str, values: impl rusqlite::Params) -> Vec<String> {
        let file = self.copy("altered.db");
        let connection = Connection::open(&file).unwrap();
        assert_eq!(connection.execute(sql, values).unwrap(), 1, "{sql}");
        drop(connection);
        problems(&file).await
    }
}

async fn problems(file: &Path) -> Vec<String> {
    let store = SqliteStore::open(file).unwrap();
    store.check().await.unwrap().problems
}

/// A value like this one but for one byte, or for being there at all.
fn alterations(value: &Value) -> Vec<Value> {
    let flip = |bytes: &[u8], at: usize, bit: u8| {
        let mut other = bytes.to_vec();
        other[at] ^= bit;
        other
    };
    match value {
        Value::Null => vec![Value::Text(String::new()), Value::Text("?".to_owned())],
        Value::Integer(n) => [n ^ 1, n ^ 2, n ^ (1 << 40)].map(Value::Integer).to_vec(),
        Value::Real(_) => unreachable!("there are no such columns"),
        Value::Text(text) => [0, text.len() / 2, text.len() - 1]
            .map(|at| String::from_utf8_lossy(&flip(text.as_bytes(), at, 1)).into_owned())
            .map(Value::Text)
            .into_iter()
            .chain([Value::Null, Value::Text(String::new())])
            .collect(),
        Value::Blob(bytes) => [0, bytes.len() / 2, bytes.len() - 1]
            .map(|at| Value::Blob(flip(bytes, at, 0x80)))
            .to_vec(),
    }
}

/// Alters each column of each row of a table in turn.
async fn every_alteration_is_found(table: &str, key: &str, columns: &[&str]) {
    let book = book().await;
    let connection = Connection::open(&book.file).unwrap();
    let mut tried = 0;
    for row in 0..5 {
        for column in columns {
            let at =
                format!("SELECT {key}, {column} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {row}");
            let Ok((id, value)) = connection.query_row(&at, [], |r| {
                Ok((r.get::<_, Value>(0)?, r.get::<_, Value>(1)?))
            }) else {
                continue;
            };
            for other in alterations(&value) {
                let sql = format!("UPDATE OR IGNORE {table} SET {column} = ? WHERE {key} = ?");
                let file = book.copy("altered.db");
                let altered = Connection::open(&file).unwrap();
                // The schema itself refuses some, such as no value where there must be one.
                if altered.execute(&sql, params![other, id]).unwrap() == 0 {
                    continue;
                }
                drop(altered);
                let found = problems(&file).await;
                assert!(
                    !found.is_empty(),
                    "{table}.{column} of {id:?}: {value:?} became {other:?}"
                );
                tried += 1;
            }
        }
    }
    assert!(
        tried > 10 * columns.len(),
        "only {tried} alterations were possible"
    );
}

#[tokio::test]
async fn an_altered_byte_in_any_column_of_a_document_is_found() {
    let columns = [
        "kind", "id", "account", "lookup", "sort_key", "is_open", "body", "digest",
    ];
    every_alteration_is_found("documents", "id", &columns).await;
}

#[tokio::test]
async fn an_altered_byte_in_any_column_of_the_journal_is_found() {
    let columns = ["sequence", "entry_id", "body", "chain"];
    every_alteration_is_found("journal", "sequence", &columns).await;
}

#[tokio::test]
async fn an_altered_balance_is_found() {
    let book = book().await;
    let set = "UPDATE balances SET amount_micro_synor = amount_micro_synor";
    let credit = "WHERE account = 'liabilities:credit:acme'";
    for change in ["+ 1", "- 1", "* -1"] {
        let found = book.after(&format!("{set} {change} {credit}"), []).await;
        assert!(
            found[0].contains("liabilities:credit:acme: the balance is"),
            "{found:?}"
        );
    }
    let found = book
        .after(&format!("DELETE FROM balances {credit}"), [])
        .await;
    assert_eq!(found.len(), 1, "{found:?}");
    let add = "INSERT INTO balances VALUES ('liabilities:prepaid:mallory', -5)";
    let found = book.after(add, []).await;
    assert!(
        found[0].contains("mallory") && found[0].contains("has no entries"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_missing_journal_entry_is_found_wherever_it_was() {
    let book = book().await;
    for sequence in 1..=5 {
        let found = book
            .after("DELETE FROM journal WHERE sequence = ?", [sequence])
            .await;
        assert!(!found.is_empty(), "entry {sequence}");
        if sequence < 5 {
            let next = format!("journal entry {}: it follows entry", sequence + 1);
            assert!(found[0].starts_with(&next), "{found:?}");
        }
    }
}

/// An entry put in at the end with a chain of its own, as someone would who knows the format but
/// not that balances are kept.
#[tokio::test]
async fn an_entry_that_was_never_committed_is_found() {
    let book = book().await;
    let add = "INSERT INTO journal SELECT 6, 'jnl_x', body, chain FROM journal WHERE sequence = 5";
    let found = book.after(add, []).await;
    assert!(
        found
            .iter()
            .any(|p| p.contains("journal entry 6: it is not what was written"))
    );
    assert!(
        found.iter().any(|p| p.contains("the balance is")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_flipped_bit_in_the_stored_bodies_is_found() {
    let book = book().await;
    let connection = Connection::open(&book.file).unwrap();
    let sql = "SELECT body FROM documents UNION ALL SELECT body FROM journal";
    let mut statement = connection.prepare(sql).unwrap();
    let bodies = statement.query_map([], |row| row.get(0)).unwrap();
    let bodies: Vec<String> = bodies.collect::<Result<_, _>>().unwrap();
    drop(statement);
    drop(connection);
    assert_eq!(bodies.len(), 10);
    let bytes = std::fs::read(&book.file).unwrap();
    let file = book.folder.path().join("flipped.db");
    let mut flipped = 0;
    for body in &bodies {
        let body = body.as_bytes();
        let places: Vec<_> = (0..bytes.len() - body.len())
            .filter(|at| bytes[*at..].starts_with(body))
            .collect();
        assert_eq!(places.len(), 1, "each body lies in one piece, once");
        for offset in (0..body.len()).step_by(11) {
            // The lowest bit makes another text, the highest one makes what is no text.
            for bit in [0x01, 0x80] {
                let mut other = bytes.clone();
                other[places[0] + offset] ^= bit;
                std::fs::write(&file, &other).unwrap();
                let found = problems(&file).await;
                assert!(!found.is_empty(), "bit {bit} of byte {offset}");
                flipped += 1;
            }
        }
    }
    assert!(flipped > 200);
}

/// A read refuses a document that was altered; it does not pass it on.
#[tokio::test]
async fn an_altered_document_is_not_read() {
    let book = book().await;
    let file = book.copy("altered.db");
    let altered = Connection::open(&file).unwrap();
    let sql = "UPDATE documents SET body = replace(body, 'number 3', 'number 4')";
    altered.execute(sql, []).unwrap();
    drop(altered);
    let store = SqliteStore::open(&file).unwrap();
    let store: &dyn Store = &store;
    let error = store.get::<Note>("note-3").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "auto_pay_charge note-3 is corrupt: it is not what was written"
    );
    assert!(store.find::<Note>("key-3").await.is_err());
    assert!(store.get::<Note>("note-4").await.unwrap().is_some());
}

/// A closed book with three entries in its audit log.
async fn audited_book() -> Book {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.db");
    let store = SqliteStore::open(&file).unwrap();
    for n in 1..=3 {
        let mut set = changes(&format!("number {n}"));
        set.actor = Some(Actor {
            kind: ActorKind::Local,
            key_id: None,
            access: Access::admin(),
            address: None,
            operation: "POST /notes".to_owned(),
        });
        set.put(&Note::new("note")).unwrap();
        store.commit(set).await.unwrap();
    }
    state(&store).await;
    drop(store);
    Book { folder, file }
}

#[tokio::test]
async fn an_audit_entry_that_is_gone_or_altered_is_missed() {
    let book = audited_book().await;
    let id = |n: u64| format!("{n:020}");
    for n in 1..=3 {
        let gone = "DELETE FROM documents WHERE kind = 'audit_entry' AND id = ?";
        assert_ne!(book.after(gone, [id(n)]).await, [""; 0], "entry {n} gone");
        // Another's name in a row whose digest is as it was.
        let altered = "UPDATE documents SET body = replace(body, '\"admin\"', '\"finance\"')
            WHERE kind = 'audit_entry' AND id = ?";
        assert_ne!(book.after(altered, [id(n)]).await, [""; 0], "entry {n}");
    }
    let end = "DELETE FROM documents WHERE kind = 'audit_head'";
    assert_ne!(book.after(end, []).await, [""; 0]);
    // A row that is whole by itself, put in the place of another, breaks the chain.
    let copied =
        "UPDATE documents SET (body, digest, sort_key, id) = (SELECT body, digest, sort_key,
        '00000000000000000002' FROM documents WHERE kind = 'audit_entry' AND sort_key = 1)
        WHERE kind = 'audit_entry' AND id = ?";
    assert_ne!(book.after(copied, [id(2)]).await, [""; 0]);
}
