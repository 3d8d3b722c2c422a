//! What many accounts have, read in one call: the same as account by account, and of one moment.

use std::sync::Arc;

use super::sample::{Note, account, changes};
use crate::change_set::Scope;
use crate::document::{Counter, Deduction, Document, Kind};
use crate::store::{AccountRecords, ListQuery, RecordsQuery, Store};

const NAMES: [&str; 4] = ["acme", "other", "zoo", "acm"];

/// Notes of some accounts and of none, in another order than they are listed in.
async fn fill(store: &dyn Store) {
    for n in 0..40i64 {
        let name = [Some("acme"), Some("other"), Some("zoo"), None][(n % 4) as usize];
        let mut set = changes(&format!("fill {n}"));
        set.put(&Note {
            account: name.map(account),
            order: (n * 7) % 5 - 2,
            open: n % 3 == 0,
            ..Note::new(&format!("{:02}", (n * 37) % 40))
        })
        .expect("a document");
        if let Some(name) = name {
            let scope = Scope::Account(account(name));
            let version = store.version(&scope).await.expect("a version");
            set.expect(scope, version);
        }
        store.commit(set).await.expect("a commit");
    }
}

async fn one_by_one(store: &dyn Store, name: &str, open_only: bool) -> AccountRecords {
    let query = ListQuery {
        open_only,
        ..ListQuery::of(Note::KIND, &account(name))
    };
    let scope = Scope::Account(account(name));
    AccountRecords {
        version: store.version(&scope).await.expect("a version"),
        documents: store.documents(query).await.expect("a list").items,
    }
}

#[allow(missing_docs)]
pub async fn records_of_many_accounts_are_those_of_each(store: &dyn Store) {
    fill(store).await;
    // Not in order, one twice, one that has nothing.
    let names = ["zoo", "acme", "nobody", "other", "acm", "zoo"];
    for open_only in [false, true] {
        let kinds = vec![Note::KIND];
        let mut query = RecordsQuery {
            accounts: names.map(account).to_vec(),
            ..RecordsQuery::default()
        };
        match open_only {
            true => query.open_kinds = kinds,
            false => query.kinds = kinds,
        }
        let found = store.records(query).await.expect("records");
        assert_eq!(found.len(), names.len());
        for (name, records) in names.iter().zip(&found) {
            let expected = one_by_one(store, name, open_only).await;
            assert_eq!(*records, expected, "{name}");
        }
        let versions: Vec<_> = found.iter().map(|records| records.version).collect();
        assert_eq!(versions, [10, 10, 0, 10, 0, 10]);
        let notes = found[1].of::<Note>().expect("notes");
        assert_eq!(notes.len(), if open_only { 4 } else { 10 });
    }
    let none = store.records(RecordsQuery::default()).await;
    assert_eq!(none.expect("no records"), []);
}

#[allow(missing_docs)]
pub async fn records_hold_the_kinds_that_were_asked_for(store: &dyn Store) {
    let mut set = changes("three kinds");
    set.put(&Note {
        account: Some(account("acme")),
        ..Note::new("note")
    })
    .expect("a document");
    let deduction = Deduction {
        hold_id: None,
        deduction_id: "ded_000000000000500080000000000000aa"
            .parse()
            .expect("an id"),
        account_id: account("acme"),
        amount_micro_synor: synor_economics::money::MicroSynor::new(5),
        credits: Vec::new(),
        reason: "test".to_owned(),
        created_at: super::sample::NOW,
    };
    set.put(&deduction).expect("a document");
    set.put(&Counter {
        name: "acme".to_owned(),
        last: 1,
    })
    .expect("a document");
    store.commit(set).await.expect("a commit");
    let asked = [
        (vec![], vec![], 0, 0),
        (vec![Note::KIND], vec![], 1, 0),
        (vec![Kind::Deduction, Kind::Counter], vec![], 0, 1),
        (vec![Kind::Deduction, Note::KIND], vec![], 1, 1),
        // Neither is open.
        (vec![Kind::Deduction], vec![Note::KIND], 0, 1),
        (vec![], vec![Note::KIND, Kind::Deduction], 0, 0),
    ];
    for (kinds, open_kinds, notes, deductions) in asked {
        let query = RecordsQuery {
            accounts: NAMES.map(account).to_vec(),
            kinds,
            open_kinds,
        };
        let found = store.records(query.clone()).await.expect("records");
        let of_acme = &found[0];
        let counts = (
            of_acme.of::<Note>().expect("notes").len(),
            of_acme.of::<Deduction>().expect("deductions").len(),
        );
        assert_eq!(counts, (notes, deductions), "{query:?}");
        assert_eq!(of_acme.documents.len(), notes + deductions);
        assert!(found[1..].iter().all(|r| r.documents.is_empty()));
    }
}

/// Each commit gives two accounts a note and raises both versions; no call may see one of them
/// without the other, nor a note without its version.
#[allow(missing_docs)]
pub async fn records_are_of_one_moment_while_commits_go_on(store: Arc<dyn Store>) {
    let writing = Arc::clone(&store);
    let writer = tokio::spawn(async move {
        for n in 0..200 {
            let mut set = changes(&format!("pair {n}"));
            for name in ["acme", "zoo"] {
                set.expect(Scope::Account(account(name)), n);
                set.put(&Note {
                    account: Some(account(name)),
                    ..Note::new(&format!("{name} {n}"))
                })
                .expect("a document");
            }
            writing.commit(set).await.expect("a commit");
        }
    });
    while !writer.is_finished() {
        let query = RecordsQuery {
            accounts: vec![account("acme"), account("zoo")],
            kinds: vec![Note::KIND],
            open_kinds: Vec::new(),
        };
        let found = store.records(query).await.expect("records");
        let seen: Vec<_> = found
            .iter()
            .map(|records| (records.version, records.documents.len() as u64))
            .collect();
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0].0, seen[0].1);
    }
    writer.await.expect("all was committed");
}
