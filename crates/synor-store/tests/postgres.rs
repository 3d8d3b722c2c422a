//! The PostgreSQL book passes the tests that every book must pass, and those of several nodes.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;

use synor_store::conformance::{Note, changes, entry, state};
use synor_store::{
    PostgresStore, Scope, SqliteStore, Store, StoreError, copy_book, store_conformance,
};
use synor_testkit::postgres::{fresh_schema, url};
use tokio_postgres::NoTls;

async fn open() -> (Arc<dyn Store>, ()) {
    let store = PostgresStore::connect(url(), &fresh_schema())
        .await
        .unwrap();
    (Arc::new(store), ())
}

store_conformance!(open().await);

async fn client() -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Nodes that decide about the same accounts at once: the versions settle who decides, and the
/// journal has no gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_race_decide_one_after_another() {
    const NODES: usize = 3;
    const COMMANDS: usize = 40;
    let schema = fresh_schema();
    let mut nodes = Vec::new();
    for node in 0..NODES {
        let store = PostgresStore::connect(url(), &schema).await.unwrap();
        nodes.push(tokio::spawn(async move {
            let store: &dyn Store = &store;
            for n in 0..COMMANDS {
                let scope = Scope::Account("acme".parse().unwrap());
                loop {
                    let version = store.version(&scope).await.unwrap();
                    let name = format!("{node}/{n}");
                    let mut set = changes(&name);
                    set.expect(scope.clone(), version);
                    set.put(&Note::new(&name)).unwrap();
                    let sides = [
                        ("expenses:credits_granted", 3),
                        ("liabilities:credit:acme", -3),
                    ];
                    set.entries.push(entry(&name, &sides));
                    match store.commit(set).await {
                        Ok(_) => break,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        }));
    }
    for node in nodes {
        node.await.unwrap();
    }
    let store = PostgresStore::connect(url(), &schema).await.unwrap();
    let state = state(&store).await;
    assert_eq!(state.journal.len(), NODES * COMMANDS);
    assert_eq!(state.versions[0], (NODES * COMMANDS) as u64);
}

/// A node whose connections are cut goes on; what was acknowledged is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_connection_loses_nothing_acknowledged() {
    let schema = fresh_schema();
    let store = PostgresStore::connect(url(), &schema).await.unwrap();
    let admin = client().await;
    let (mut refused, mut connections_cut) = (0, 0);
    for n in 0..60u64 {
        if n % 7 == 3 {
            let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                       WHERE application_name = $1";
            let (cut, commit) = tokio::join!(
                async { admin.query_one(cut, &[&format!("synor {schema}")]).await },
                store.commit(numbered(n))
            );
            connections_cut += cut.unwrap().get::<_, i64>(0);
            refused += u32::from(commit.is_err());
        }
        // Repeating is always safe.
        while let Err(error) = store.commit(numbered(n)).await {
            assert!(
                error.to_string().contains("database postgres://"),
                "{error}"
            );
            refused += 1;
            assert!(refused < 1_000, "{error}");
        }
    }
    assert!(connections_cut > 0, "the test cut no connection");
    assert_eq!(state(&store).await.journal.len(), 60);
}

fn numbered(n: u64) -> synor_store::ChangeSet {
    let name = format!("commit {n}");
    let mut set = changes(&name);
    set.expect(Scope::Chain, n);
    let sides = [
        ("expenses:credits_granted", 3),
        ("liabilities:credit:acme", -3),
    ];
    set.entries.push(entry(&name, &sides));
    set
}

/// Whoever alters a row is found out.
#[tokio::test]
async fn what_is_altered_is_found() {
    let cases = [
        (
            "UPDATE documents SET body = body || ' '",
            "is not what was written",
        ),
        (
            "UPDATE documents SET sort_key = 9",
            "is not what was written",
        ),
        ("UPDATE documents SET kind = 'strange'", "of no known kind"),
        (
            "UPDATE journal SET body = replace(body, '3', '4')",
            "the chain breaks here",
        ),
        (
            "DELETE FROM journal WHERE sequence = 2",
            "it follows entry 1",
        ),
        (
            "DELETE FROM journal WHERE sequence = 3",
            "the journal ends with entry 2",
        ),
        (
            "UPDATE balances SET amount_micro_synor = 5",
            "its entries sum to",
        ),
        (
            "DELETE FROM journal_head",
            "the end of the journal is not noted",
        ),
    ];
    let admin = client().await;
    for (sql, words) in cases {
        let schema = fresh_schema();
        let store = PostgresStore::connect(url(), &schema).await.unwrap();
        for n in 0..3 {
            let mut set = numbered(n);
            set.put(&Note::new(&n.to_string())).unwrap();
            store.commit(set).await.unwrap();
        }
        assert_eq!(store.check().await.unwrap().problems, [""; 0]);
        admin
            .batch_execute(&format!("SET search_path = {schema}; {sql}"))
            .await
            .unwrap();
        let problems = store.check().await.unwrap().problems;
        let is_found = problems.iter().any(|p| p.contains(words));
        assert!(is_found, "{sql}: {problems:?}");
    }
}

#[tokio::test]
async fn a_newer_schema_and_a_wrong_address_are_refused_by_name() {
    let schema = fresh_schema();
    drop(PostgresStore::connect(url(), &schema).await.unwrap());
    client()
        .await
        .batch_execute(&format!("INSERT INTO {schema}.migrations VALUES (99)"))
        .await
        .unwrap();
    let error = PostgresStore::connect(url(), &schema).await.unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 99, .. }),
        "{error}"
    );
    let nowhere = "postgres://postgres:secret@localhost:1/nothing";
    let error = PostgresStore::connect(nowhere, &schema).await.unwrap_err();
    let text = format!("{error:?} {error}");
    assert!(text.contains("localhost:1/nothing"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

/// A book goes from SQLite to PostgreSQL and back, and is the same book: what was answered once is
/// answered again, and the next commit follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_book_moves_between_backends_without_loss() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = |name: &str| SqliteStore::open(&folder.path().join(name)).unwrap();
    let first = sqlite("first.db");
    for n in 0..50 {
        let mut set = numbered(n);
        set.put(&Note {
            lookup: (n % 2 == 0).then(|| format!("key {n}")),
            ..Note::new(&n.to_string())
        })
        .unwrap();
        set.reply = serde_json::json!({ "n": n });
        first.commit(set).await.unwrap();
    }
    let postgres = PostgresStore::connect(url(), &fresh_schema())
        .await
        .unwrap();
    let check = copy_book(&first, &postgres, &|_| {}).await.unwrap();
    assert_eq!((check.documents, check.entries), (50, 50));
    let last = sqlite("last.db");
    copy_book(&postgres, &last, &|_| {}).await.unwrap();
    let before = state(&first).await;
    for store in [&postgres as &dyn Store, &last] {
        assert_eq!(state(store).await, before);
        let again = store.commit(numbered(7)).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.reply, serde_json::json!({ "n": 7 }));
        store.commit(numbered(50)).await.unwrap();
        assert_eq!(state(store).await.journal.len(), 51);
    }
    let error = copy_book(&first, &postgres, &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("is not empty"), "{error}");
}
