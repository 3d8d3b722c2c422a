//! One write: whole or not at all, once, and only on what it was decided on.

use serde_json::json;
use synor_economics::billing::JournalEntry;
use synor_economics::money::MicroSynor;

use super::sample::{Note, account, acme, changes, entry, gift, state};
use crate::change_set::{ChangeSet, Scope};
use crate::error::StoreError;
use crate::store::Store;

/// A change of everything that a change set can change.
fn everything(command: &str) -> ChangeSet {
    let mut all = changes(command);
    all.expect(acme(), 0);
    all.put(&Note::new("first")).expect("a document");
    all.entries.push(gift("gift", 5));
    all.request = "please".to_owned();
    all.reply = json!({ "given": 5, "deep": [1, null, "µ"] });
    all
}

#[allow(missing_docs)]
pub async fn a_command_is_applied_once_and_answers_the_same_ever_after(store: &dyn Store) {
    assert_eq!(store.replay("give", "please").await.expect("a read"), None);
    let first = store.commit(everything("give")).await.expect("a commit");
    assert_eq!(
        (first.replayed, &first.reply),
        (false, &everything("give").reply)
    );
    let before = state(store).await;
    // The repetition was decided on the new state, and came to something else.
    let mut again = everything("give");
    again.expect(acme(), 1);
    again.reply = json!("another reply");
    again.entries = vec![gift("another gift", 7)];
    for repetition in [everything("give"), again] {
        let second = store.commit(repetition).await.expect("a repetition");
        assert_eq!((second.replayed, &second.reply), (true, &first.reply));
    }
    let replay = store
        .replay("give", "please")
        .await
        .expect("a read")
        .expect("a reply");
    assert_eq!((replay.replayed, replay.reply), (true, first.reply));
    assert_eq!(state(store).await, before);
}

#[allow(missing_docs)]
pub async fn a_command_does_not_stand_for_two_requests(store: &dyn Store) {
    store.commit(everything("give")).await.expect("a commit");
    let before = state(store).await;
    let mut other = everything("give");
    other.request = "please, more".to_owned();
    let reused = |error: StoreError| match error {
        StoreError::CommandReused { command } => assert_eq!(command, "give"),
        other => panic!("{other}"),
    };
    reused(store.commit(other).await.expect_err("another request"));
    reused(
        store
            .replay("give", "please, more")
            .await
            .expect_err("another request"),
    );
    assert_eq!(state(store).await, before);
}

#[allow(missing_docs)]
pub async fn a_stale_decision_conflicts_and_changes_nothing(store: &dyn Store) {
    store.commit(everything("first")).await.expect("a commit");
    let before = state(store).await;
    for version in [0, 2, u64::from(u32::MAX)] {
        let mut stale = changes("second");
        stale.expect(acme(), version);
        stale.put(&Note::new("second")).expect("a document");
        stale.entries.push(gift("second gift", 1));
        match store.commit(stale).await.expect_err("a stale decision") {
            StoreError::Conflict { scope } => assert_eq!(scope, "account acme"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(state(store).await, before);
    assert_eq!(store.replay("second", "").await.expect("a read"), None);
}

#[allow(missing_docs)]
pub async fn one_stale_scope_of_several_is_enough(store: &dyn Store) {
    store.commit(everything("first")).await.expect("a commit");
    let before = state(store).await;
    let mut stale = changes("second");
    let other = Scope::Account(account("other"));
    stale
        .expect(acme(), 1)
        .expect(other, 0)
        .expect(Scope::InvoiceNumbers, 1);
    let error = store.commit(stale).await.expect_err("a stale decision");
    assert!(matches!(error, StoreError::Conflict { scope } if scope == "invoice numbers"));
    assert_eq!(state(store).await, before);
}

/// Each of these is refused at its end, after everything before it was fine.
fn refused() -> Vec<(&'static str, ChangeSet)> {
    let next = || {
        let mut next = changes("next");
        next.expect(acme(), 1);
        next.put(&Note::new("second")).expect("a document");
        next.entries.push(gift("second gift", 1));
        next
    };
    let mut unbalanced = next();
    let mut crooked = gift("crooked", 3);
    crooked.postings[0].amount_micro_synor = MicroSynor::new(4);
    unbalanced.entries.push(crooked);

    let mut empty = next();
    empty.entries.push(JournalEntry {
        postings: Vec::new(),
        ..gift("empty", 1)
    });

    let mut overdrawn = next();
    let sides = [("liabilities:credit:acme", 7), ("income:service_fees", -7)];
    overdrawn.entries.push(entry("spend", &sides));

    let mut overflow = next();
    let most = i64::MAX;
    let sides = [
        ("assets:chain_clearing", most),
        ("liabilities:treasury", -most),
    ];
    overflow.entries.push(entry("most", &sides));
    overflow.entries.push(entry(
        "more",
        &[("assets:chain_clearing", 1), ("liabilities:burn", -1)],
    ));

    let mut taken = next();
    let lookup = Some("key".to_owned());
    taken
        .put(&Note {
            lookup: lookup.clone(),
            ..Note::new("one")
        })
        .expect("a document");
    taken
        .put(&Note {
            lookup,
            ..Note::new("other")
        })
        .expect("a document");

    let mut twice = next();
    twice.entries.push(gift("gift", 5));

    let mut twice_at_once = next();
    twice_at_once.entries.push(gift("second gift", 1));
    vec![
        ("does not balance", unbalanced),
        ("moves nothing", empty),
        (
            "liabilities:credit:acme would be overdrawn by 0.000001 SYNOR",
            overdrawn,
        ),
        ("assets:chain_clearing: the amount is too large", overflow),
        ("auto_pay_charge key exists already", taken),
        ("exists already", twice),
        ("exists already", twice_at_once),
    ]
}

#[allow(missing_docs)]
pub async fn a_refused_change_leaves_nothing_behind(store: &dyn Store) {
    store.commit(everything("first")).await.expect("a commit");
    let before = state(store).await;
    for (reason, changes) in refused() {
        let error = store.commit(changes).await.expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(state(store).await, before, "{reason}");
        assert_eq!(
            store.replay("next", "").await.expect("a read"),
            None,
            "{reason}"
        );
    }
}

#[allow(missing_docs)]
pub async fn what_was_refused_may_be_committed_later(store: &dyn Store) {
    store.commit(everything("first")).await.expect("a commit");
    for (_, mut changes) in refused() {
        store.commit(changes.clone()).await.expect_err("a refusal");
        changes.command = "mended".to_owned();
        changes.documents.truncate(1);
        changes.entries.truncate(1);
        let committed = store.commit(changes).await.expect("the sound part of it");
        assert!(committed.reply.is_null());
    }
    // The first of them was applied, the others were its repetitions.
    let now = state(store).await;
    assert_eq!(
        (now.documents.len(), now.journal.len(), now.versions[0]),
        (2, 2, 2)
    );
}

#[allow(missing_docs)]
pub async fn an_entry_is_posted_once_whatever_command_brings_it(store: &dyn Store) {
    store.commit(everything("first")).await.expect("a commit");
    let before = state(store).await;
    for amount in [5, 6] {
        let mut again = changes("another command");
        again.entries.push(gift("gift", amount));
        let error = store.commit(again).await.expect_err("the entry is there");
        assert!(
            matches!(
                error,
                StoreError::Exists {
                    kind: "journal entry",
                    ..
                }
            ),
            "{error}"
        );
    }
    assert_eq!(state(store).await, before);
}

#[allow(missing_docs)]
pub async fn a_wallet_may_reach_zero_and_not_fall_below(store: &dyn Store) {
    store.commit(everything("first")).await.expect("a commit");
    let spend = |cause: &str, amount: i64| {
        let mut spend = changes(cause);
        let sides = [
            ("liabilities:credit:acme", amount),
            ("income:service_fees", -amount),
        ];
        spend.entries.push(entry(cause, &sides));
        spend
    };
    store
        .commit(spend("too much", 6))
        .await
        .expect_err("there are 5");
    store.commit(spend("all", 5)).await.expect("there are 5");
    store
        .commit(spend("more", 1))
        .await
        .expect_err("there are none");
    // Within one change set only its end counts.
    let mut both = spend("spend", 2);
    both.entries.push(gift("refill", 2));
    store.commit(both).await.expect("it ends at zero");
    for wallet in [
        "liabilities:prepaid:acme",
        "liabilities:operator:acme",
        "liabilities:suspense",
    ] {
        let mut overdraw = changes(wallet);
        overdraw
            .entries
            .push(entry(wallet, &[(wallet, 1), ("assets:chain_clearing", -1)]));
        let error = store
            .commit(overdraw)
            .await
            .expect_err("it is empty")
            .to_string();
        assert!(
            error.contains(&format!("{wallet} would be overdrawn")),
            "{error}"
        );
    }
    let now = state(store).await;
    assert_eq!(now.journal.len(), 4);
}
