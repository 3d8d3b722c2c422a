//! Many at once: decisions about one thing are made one after another, and nobody pays for another's
//! mistake.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::sample::{Note, acme, changes, gift, state};
use crate::change_set::Scope;
use crate::document::{Counter, Document};
use crate::error::StoreError;
use crate::store::Store;

const TASKS: u64 = 16;

/// Sixteen tasks count in one counter. Every success has raised the version by one and seen the
/// success before it.
#[allow(missing_docs)]
pub async fn decisions_that_race_are_made_one_after_another(store: Arc<dyn Store>) {
    const EACH: u64 = 15;
    let tasks = (0..TASKS).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let (mut won, mut conflicts) = (Vec::new(), 0);
            while (won.len() as u64) < EACH {
                let version = store
                    .version(&Scope::InvoiceNumbers)
                    .await
                    .expect("a version");
                let counter: Option<Counter> = store.get("n").await.expect("a read");
                let last = counter.map_or(0, |c| c.last) + 1;
                let mut set = changes(&format!("{task}/{}/{conflicts}", won.len()));
                set.expect(Scope::InvoiceNumbers, version);
                set.put(&Counter {
                    name: "n".to_owned(),
                    last,
                })
                .expect("a document");
                set.entries.push(gift(&format!("{task}/{}", won.len()), 1));
                match store.commit(set).await {
                    Ok(_) => won.push((version, last)),
                    Err(StoreError::Conflict { .. }) => conflicts += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            (won, conflicts)
        })
    });
    let (mut won, mut conflicts) = (BTreeSet::new(), 0);
    for task in tasks.collect::<Vec<_>>() {
        let (mine, lost) = task.await.expect("a task ends well");
        won.extend(mine);
        conflicts += lost;
    }
    let expected: BTreeSet<_> = (0..TASKS * EACH).map(|n| (n, n + 1)).collect();
    assert_eq!(won, expected, "no update was lost");
    assert!(conflicts > 0, "nothing raced");
    let counter: Option<Counter> = store.get("n").await.expect("a read");
    assert_eq!(counter.map(|c| c.last), Some(TASKS * EACH));
    assert_eq!(
        state(store.as_ref()).await.journal.len() as u64,
        TASKS * EACH
    );
}

/// Sixteen tasks number invoices and credit notes, and every third decision is refused after it took
/// its number: a number that was not used is given to the next, and none twice.
#[allow(missing_docs)]
pub async fn numbers_have_no_gaps_however_many_threads_take_them(store: Arc<dyn Store>) {
    const EACH: u64 = 12;
    let sequences = [
        ("invoices", Scope::InvoiceNumbers),
        ("credit notes", Scope::CreditNoteNumbers),
    ];
    let tasks = (0..TASKS).map(|task| {
        let (store, sequences) = (Arc::clone(&store), sequences.clone());
        tokio::spawn(async move {
            let (name, scope) = sequences[usize::from(task % 2 == 0)].clone();
            let mut attempts = 0;
            let mut mine = Vec::new();
            while (mine.len() as u64) < EACH {
                attempts += 1;
                let version = store.version(&scope).await.expect("a version");
                let counter: Option<Counter> = store.get(name).await.expect("a read");
                let last = counter.map_or(0, |c| c.last) + 1;
                let mut set = changes(&format!("{task}/{attempts}"));
                set.expect(scope.clone(), version);
                let name_of = name.to_owned();
                set.put(&Counter {
                    name: name_of,
                    last,
                })
                .expect("a document");
                set.put(&Note::new(&format!("{name} {last}")))
                    .expect("a document");
                let mut entry = gift(&format!("{task}/{attempts}"), 1);
                if attempts % 3 == 0 {
                    entry.postings.truncate(1);
                }
                set.entries.push(entry);
                match store.commit(set).await {
                    Ok(_) => mine.push((name, last)),
                    Err(StoreError::Conflict { .. } | StoreError::Invariant(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            mine
        })
    });
    let mut given = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        given.extend(task.await.expect("a task ends well"));
    }
    given.sort_unstable();
    let all = |name| (1..=TASKS / 2 * EACH).map(move |n| (name, n));
    let expected: Vec<_> = all("credit notes").chain(all("invoices")).collect();
    assert_eq!(given, expected);
    let notes = state(store.as_ref()).await.documents;
    let numbered = notes.iter().filter(|d| d.kind == Note::KIND).count() as u64;
    assert_eq!(numbered, TASKS * EACH, "a refused number left nothing");
}

#[allow(missing_docs)]
pub async fn a_command_that_races_with_itself_is_applied_once(store: Arc<dyn Store>) {
    let tasks = (0..TASKS).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut set = changes("once");
            set.expect(acme(), 0);
            set.entries.push(gift("once", 1));
            set.reply = json!(task);
            store.commit(set).await.expect("applied or replayed")
        })
    });
    let mut replies = BTreeSet::new();
    let mut applied = 0;
    for task in tasks.collect::<Vec<_>>() {
        let committed = task.await.expect("a task ends well");
        applied += u32::from(!committed.replayed);
        replies.insert(committed.reply.to_string());
    }
    assert_eq!((applied, replies.len()), (1, 1));
    let now = state(store.as_ref()).await;
    assert_eq!((now.journal.len(), now.versions[0]), (1, 1));
}

/// Good and bad commits arrive together, so that a backend that groups them has both in one group.
#[allow(missing_docs)]
pub async fn a_refused_commit_spoils_no_other_in_its_group(store: Arc<dyn Store>) {
    let mut first = changes("first");
    first.expect(acme(), 0);
    first.entries.push(gift("first", 1));
    store.commit(first).await.expect("a commit");
    let tasks = (0..240u64).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut set = changes(&format!("commit {n}"));
            set.put(&Note::new(&n.to_string())).expect("a document");
            set.entries.push(gift(&format!("gift {n}"), 1));
            match n % 6 {
                1 => set.entries.push(gift("first", 1)),
                3 => drop(set.expect(acme(), 0)),
                5 => set.entries[0].postings.truncate(1),
                _ => {}
            }
            (n, store.commit(set).await)
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let (n, result) = task.await.expect("a task ends well");
        match (n % 6, result) {
            (1, Err(StoreError::Exists { .. }))
            | (3, Err(StoreError::Conflict { .. }))
            | (5, Err(StoreError::Invariant(_)))
            | (0 | 2 | 4, Ok(_)) => {}
            (_, result) => panic!("commit {n}: {result:?}"),
        }
    }
    let now = state(store.as_ref()).await;
    assert_eq!((now.documents.len(), now.journal.len()), (120, 121));
    let even = |d: &crate::StoredDocument| d.keys.id.parse::<u64>().is_ok_and(|n| n % 2 == 0);
    assert!(now.documents.iter().all(even));
}

/// A check sees the book as it was at one moment, whatever is committed beside it.
#[allow(missing_docs)]
pub async fn a_check_beside_commits_finds_nothing(store: Arc<dyn Store>) {
    let writing = Arc::clone(&store);
    let writer = tokio::spawn(async move {
        for n in 0..400 {
            let mut set = changes(&format!("commit {n}"));
            set.put(&Note::new(&n.to_string())).expect("a document");
            set.entries.push(gift(&format!("gift {n}"), 1));
            writing.commit(set).await.expect("a commit");
        }
    });
    while !writer.is_finished() {
        let check = store.check().await.expect("a check");
        assert_eq!(check.problems, [""; 0]);
        assert_eq!(check.documents, check.entries, "of one moment");
    }
    writer.await.expect("all was committed");
}
