//! What was acknowledged outlives the process that acknowledged it, at any moment that it ends.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde_json::json;
use synor_store::conformance::{Note, changes, entry, state};
use synor_store::{ChangeSet, Scope, SqliteStore, Store, StoreError};

/// Tells the child of [`a_killed_process_loses_nothing_acknowledged`] which file to write to.
const CHILD_BOOK: &str = "SYNOR_STORE_TEST_CHILD_BOOK";

/// The commit of this number, from 0: it touches everything that a commit can touch.
fn numbered(n: u64) -> ChangeSet {
    let name = format!("commit {n}");
    let mut set = changes(&name);
    set.expect(Scope::Chain, n);
    set.put(&Note::new(&n.to_string())).unwrap();
    let sides = [
        ("expenses:credits_granted", 3),
        ("liabilities:credit:acme", -3),
    ];
    set.entries.push(entry(&name, &sides));
    set.reply = json!(n);
    set
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.db");
    let store = SqliteStore::open(&file).unwrap();
    for n in 0..20 {
        store.commit(numbered(n)).await.unwrap();
    }
    let before = state(&store).await;
    drop(store);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(
        left.len(),
        1,
        "closing leaves one file, which is the whole book"
    );
    let store = SqliteStore::open(&file).unwrap();
    assert_eq!(state(&store).await, before);
    for n in 0..20 {
        let again = store.commit(numbered(n)).await.unwrap();
        assert_eq!((again.replayed, again.reply), (true, json!(n)));
    }
    store.commit(numbered(20)).await.unwrap();
}

/// Two processes on one machine may have the book open: the versions settle who decides.
#[tokio::test]
async fn two_may_have_the_book_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.db");
    let (one, two) = (
        SqliteStore::open(&file).unwrap(),
        SqliteStore::open(&file).unwrap(),
    );
    for n in 0..20 {
        let (first, second) = if n % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        assert!(!first.commit(numbered(n)).await.unwrap().replayed);
        assert!(second.commit(numbered(n)).await.unwrap().replayed);
        let mut late = numbered(n);
        late.command = "late".to_owned();
        let error = second.commit(late).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
    }
    assert_eq!(state(&one).await, state(&two).await);
}

/// The process that [`a_killed_process_loses_nothing_acknowledged`] starts and kills: this test
/// program itself.
#[tokio::test]
#[ignore = "only of use as a child process"]
async fn child_that_commits_until_it_is_killed() {
    let Ok(file) = std::env::var(CHILD_BOOK) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&file)).unwrap();
    for n in store.version(&Scope::Chain).await.unwrap().. {
        store.commit(numbered(n)).await.unwrap();
        println!("acknowledged {n}");
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.db");
    let mut acknowledged = None;
    for round in 0..12_u32 {
        let child_test = "child_that_commits_until_it_is_killed";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child_test, "--ignored", "--nocapture"])
            .env(CHILD_BOOK, &file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(n) = line.unwrap().strip_prefix("acknowledged ") {
                acknowledged = Some(n.parse::<u64>().unwrap());
                heard += 1;
            }
            // Each round ends after another number of commits, the child in the middle of the next.
            if heard == 1 + round * 7 {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        let store = SqliteStore::open(&file).unwrap();
        let last = acknowledged.unwrap();
        let now = state(&store).await;
        let made = now.versions[3];
        assert!(
            made > last,
            "{made} commits were kept, {last} was acknowledged"
        );
        // Each is there whole: its document, its entry, its command; and none after the last.
        assert_eq!(now.documents.len() as u64, made);
        assert_eq!(now.journal.len() as u64, made);
        for n in 0..made {
            let replay = store.replay(&format!("commit {n}"), "").await.unwrap();
            assert_eq!(replay.unwrap().reply, json!(n));
        }
        assert_eq!(
            store.replay(&format!("commit {made}"), "").await.unwrap(),
            None
        );
    }
}

/// The power goes while the write-ahead file is being written: wherever it is cut off, the book
/// opens with whole commits, in order, and sound.
#[tokio::test]
async fn a_torn_tail_is_cut_at_a_whole_commit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.db");
    let store = SqliteStore::open(&file).unwrap();
    for n in 0..8 {
        store.commit(numbered(n)).await.unwrap();
    }
    // Nothing writes now, so the two files are as a crash would leave them.
    let wal = |path: &Path| path.with_extension("db-wal");
    let (main, log) = (
        std::fs::read(&file).unwrap(),
        std::fs::read(wal(&file)).unwrap(),
    );
    let mut kept = Vec::new();
    for length in (0..=log.len()).step_by(2_003).chain([log.len()]) {
        let torn = folder.path().join(format!("torn-{length}.db"));
        std::fs::write(&torn, &main).unwrap();
        std::fs::write(wal(&torn), &log[..length]).unwrap();
        let torn = SqliteStore::open(&torn).unwrap();
        let now = state(&torn).await;
        assert_eq!(now.documents.len(), now.journal.len(), "cut at {length}");
        assert_eq!(now.journal.len() as u64, now.versions[3], "cut at {length}");
        kept.push(now.versions[3]);
    }
    assert!(kept.is_sorted());
    kept.dedup();
    assert_eq!(
        kept,
        (0..=8).collect::<Vec<_>>(),
        "every commit was once the last"
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.db");
    let store = SqliteStore::open(&file).unwrap();
    store.commit(numbered(0)).await.unwrap();
    drop(store);
    let raise = |to: i64| {
        Connection::open(&file)
            .unwrap()
            .pragma_update(None, "user_version", to)
    };
    let found: i64 = Connection::open(&file)
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    raise(found + 1).unwrap();
    let error = SqliteStore::open(&file).map(drop).unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { known, .. } if known == found),
        "{error}"
    );
    let newer = found + 1;
    let told = format!("book.db has schema {newer}, this program knows up to {found}");
    assert!(error.to_string().contains(&told), "{error}");
    raise(found).unwrap();
    let store = SqliteStore::open(&file).unwrap();
    assert_eq!(
        state(&store).await.journal.len(),
        1,
        "the refusal changed nothing"
    );
}

#[test]
fn what_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to be one ".repeat(30),
    )
    .unwrap();
    let error = SqliteStore::open(&text).map(drop).unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert!(SqliteStore::open(&folder.path().join("no/such/folder/book.db")).is_err());
}

/// Schema 1 kept documents in order of their ids.
#[tokio::test]
async fn a_book_of_the_first_schema_is_carried_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.db");
    let store = SqliteStore::open(&file).unwrap();
    for n in 0..20 {
        store.commit(numbered(n)).await.unwrap();
    }
    let before = state(&store).await;
    drop(store);
    Connection::open(&file)
        .unwrap()
        .execute_batch(
            "CREATE TABLE old (
                kind TEXT NOT NULL, id TEXT NOT NULL, account TEXT, lookup TEXT,
                sort_key INTEGER NOT NULL, is_open INTEGER NOT NULL, body TEXT NOT NULL,
                digest BLOB NOT NULL, PRIMARY KEY (kind, id)
             ) WITHOUT ROWID;
             INSERT INTO old SELECT * FROM documents;
             DROP TABLE documents;
             ALTER TABLE old RENAME TO documents;
             CREATE UNIQUE INDEX documents_lookup ON documents (kind, lookup)
                WHERE lookup IS NOT NULL;
             CREATE INDEX documents_of_account ON documents (kind, account, sort_key, id);
             CREATE INDEX documents_in_order ON documents (kind, sort_key, id);
             CREATE INDEX documents_open ON documents (kind, account, sort_key, id)
                WHERE is_open = 1;
             DROP TABLE leases;
             PRAGMA user_version = 1",
        )
        .unwrap();
    let store = SqliteStore::open(&file).unwrap();
    assert_eq!(state(&store).await, before);
    store.commit(numbered(20)).await.unwrap();
}
