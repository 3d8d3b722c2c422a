//! Lists and the journal: complete, in order, without repeats, however they are paged.

use std::collections::BTreeMap;

use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;

use super::sample::{Note, account, changes, entry, state};
use crate::document::Document;
use crate::store::{ListQuery, Store};

/// Notes of two accounts and of none, with sort keys that repeat, and ids in another order.
async fn fill(store: &dyn Store) -> Vec<Note> {
    let mut notes: Vec<Note> = (0..60i64)
        .map(|n| Note {
            account: [Some("acme"), Some("other"), None][(n % 3) as usize].map(account),
            order: (n * 7) % 5 - 2,
            open: n % 4 == 0,
            ..Note::new(&format!("{:02}", (n * 37) % 60))
        })
        .collect();
    for chunk in notes.chunks(13) {
        let mut set = changes(&chunk[0].id);
        for note in chunk {
            set.put(note).expect("a document");
        }
        store.commit(set).await.expect("a commit");
    }
    // Something of another kind, which no list of notes may hold.
    let mut set = changes("another kind");
    set.put(&crate::Counter {
        name: "01".to_owned(),
        last: 1,
    })
    .expect("a document");
    store.commit(set).await.expect("a commit");
    notes.sort_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
    notes
}

async fn page_through(store: &dyn Store, query: ListQuery) -> Vec<Note> {
    let mut query = query;
    let mut all = Vec::new();
    loop {
        let page = store.list::<Note>(query.clone()).await.expect("a page");
        assert!(page.items.len() <= query.limit);
        all.extend(page.items);
        match page.next {
            None => return all,
            Some(next) => query.after = Some(next),
        }
        assert!(all.len() <= 1_000, "the pages do not end");
    }
}

#[allow(missing_docs)]
pub async fn lists_are_complete_in_every_order_and_page_size(store: &dyn Store) {
    let expected = fill(store).await;
    let backwards: Vec<_> = expected.iter().rev().cloned().collect();
    for limit in [1, 2, 7, 59, 60, 61, usize::MAX] {
        let oldest = ListQuery {
            limit,
            ..ListQuery::all(Note::KIND)
        };
        let newest = ListQuery {
            newest_first: true,
            ..oldest.clone()
        };
        assert_eq!(
            page_through(store, oldest).await,
            expected,
            "pages of {limit}"
        );
        assert_eq!(
            page_through(store, newest).await,
            backwards,
            "pages of {limit}"
        );
    }
}

#[allow(missing_docs)]
pub async fn lists_of_an_account_and_of_open_work(store: &dyn Store) {
    let all = fill(store).await;
    for name in [
        None,
        Some("acme"),
        Some("other"),
        Some("nobody"),
        Some("acm"),
    ] {
        for open_only in [false, true] {
            for limit in [1, 4, usize::MAX] {
                let fits = |n: &&Note| {
                    (name.is_none() || n.account.as_ref().map(|a| a.as_str()) == name)
                        && (!open_only || n.open)
                };
                let mut expected: Vec<_> = all.iter().filter(fits).cloned().collect();
                let query = ListQuery {
                    account: name.map(account),
                    open_only,
                    limit,
                    ..ListQuery::all(Note::KIND)
                };
                assert_eq!(
                    page_through(store, query.clone()).await,
                    expected,
                    "{query:?}"
                );
                expected.reverse();
                let query = ListQuery {
                    newest_first: true,
                    ..query
                };
                assert_eq!(
                    page_through(store, query.clone()).await,
                    expected,
                    "{query:?}"
                );
            }
        }
    }
}

/// What is put while a list is read may or may not be in it; what was there is, once.
#[allow(missing_docs)]
pub async fn pages_go_on_where_they_were_left_while_documents_come(store: &dyn Store) {
    let before = fill(store).await;
    let mut query = ListQuery {
        limit: 7,
        ..ListQuery::all(Note::KIND)
    };
    let mut seen = Vec::new();
    for round in 0.. {
        let page = store.list::<Note>(query.clone()).await.expect("a page");
        seen.extend(page.items);
        let Some(next) = page.next else { break };
        query.after = Some(next);
        let mut set = changes(&format!("meanwhile {round}"));
        let order = round % 5 - 2;
        set.put(&Note {
            order,
            ..Note::new(&format!("new {round}"))
        })
        .expect("a document");
        store.commit(set).await.expect("a commit");
    }
    let old: Vec<_> = seen
        .iter()
        .filter(|n| !n.id.starts_with("new"))
        .cloned()
        .collect();
    assert_eq!(old, before);
    assert!(
        seen.is_sorted_by(|a, b| (a.order, &a.id) < (b.order, &b.id)),
        "no repeats"
    );
}

#[allow(missing_docs)]
pub async fn balances_are_the_sums_of_the_postings(store: &dyn Store) {
    let mut expected: BTreeMap<LedgerAccount, i64> = BTreeMap::new();
    let accounts = [
        "assets:chain_clearing",
        "assets:receivable:acme",
        "liabilities:prepaid:acme",
        "liabilities:treasury",
        "income:service_fees",
    ];
    for n in 0..40i64 {
        let (to, from) = (accounts[(n % 5) as usize], accounts[(n % 4) as usize]);
        if to == from || to.contains("prepaid") {
            continue;
        }
        let amount = n * n + 1;
        let cause = format!("move {n}");
        let mut set = changes(&cause);
        set.entries
            .push(entry(&cause, &[(to, amount), (from, -amount)]));
        store.commit(set).await.expect("a commit");
        for (name, amount) in [(to, amount), (from, -amount)] {
            *expected
                .entry(name.parse().expect("an account"))
                .or_default() += amount;
        }
    }
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(account, sum)| (account, MicroSynor::new(sum)))
        .collect();
    assert!(expected.len() >= 4);
    let check = store.check().await.expect("a check");
    assert_eq!(check.balances, expected);
    for (account, sum) in expected {
        assert_eq!(
            store.balance(&account).await.expect("a balance"),
            sum,
            "{account}"
        );
    }
}

#[allow(missing_docs)]
pub async fn the_journal_is_in_order_and_can_be_read_on(store: &dyn Store) {
    let mut posted = Vec::new();
    for group in 0..10 {
        let mut set = changes(&format!("group {group}"));
        for n in 0..group {
            let cause = format!("{group}.{n}");
            let sides = [("assets:chain_clearing", 1), ("liabilities:suspense", -1)];
            set.entries.push(entry(&cause, &sides));
        }
        posted.extend(set.entries.clone());
        store.commit(set).await.expect("a commit");
    }
    let all = state(store).await.journal;
    let places: Vec<_> = all.iter().map(|line| line.sequence).collect();
    assert_eq!(places, (1..=posted.len() as u64).collect::<Vec<_>>());
    assert_eq!(
        all.iter()
            .map(|line| line.entry.clone())
            .collect::<Vec<_>>(),
        posted
    );
    for limit in [1, 4, 1_000] {
        let mut read = Vec::new();
        loop {
            let after = read
                .last()
                .map_or(0, |line: &crate::JournalLine| line.sequence);
            let lines = store.journal(after, limit).await.expect("the journal");
            assert!(lines.len() <= limit);
            if lines.is_empty() {
                break;
            }
            read.extend(lines);
        }
        assert_eq!(read, all, "read {limit} at a time");
    }
}
