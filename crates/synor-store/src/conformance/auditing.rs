//! The audit log: whoever asks for a change is named in its commit, with what was and what is.

use serde_json::json;
use synor_economics::id::ApiKeyId;

use super::sample::{Note, account, acme, changes, gift, state};
use crate::actor::{Actor, ActorKind};
use crate::api_key::Access;
use crate::audit_log::{AuditEntry, AuditHead};
use crate::change_set::ChangeSet;
use crate::document::Kind;
use crate::store::{ListQuery, Store};

fn someone() -> Actor {
    Actor {
        kind: ActorKind::Key,
        key_id: Some(ApiKeyId::derived(&["key"])),
        access: Access::customer(account("acme")),
        address: Some("192.0.2.7".to_owned()),
        operation: "POST /somewhere".to_owned(),
    }
}

/// The same change, asked for by someone.
pub(super) fn asked_for(mut changes: ChangeSet) -> ChangeSet {
    changes.actor = Some(someone());
    changes
}

/// Who changed what is told in order, and what nobody asked for is not told.
pub async fn what_someone_changes_is_told(store: &dyn Store) {
    let mut first = asked_for(changes("first"));
    first.put(&Note::new("a")).expect("a document");
    first.entries.push(gift("given", 5));
    store.commit(first.clone()).await.expect("a commit");
    let mut by_itself = changes("by itself");
    by_itself.put(&Note::new("b")).expect("a document");
    store.commit(by_itself).await.expect("a commit");
    let mut again = asked_for(changes("again"));
    again.put(&Note::new("b")).expect("a document");
    again.put(&Note::new("c")).expect("a document");
    store.commit(again).await.expect("a commit");
    // Neither a repetition nor what is refused changes anything.
    assert!(store.commit(first).await.expect("a replay").replayed);
    let mut stale = asked_for(changes("stale"));
    stale.expect(acme(), 9);
    store.commit(stale).await.expect_err("a conflict");

    let log: Vec<AuditEntry> = store
        .list(ListQuery::all(Kind::AuditEntry))
        .await
        .expect("a list")
        .items;
    let told: Vec<_> = log
        .iter()
        .map(|entry| {
            let changes = entry.changes.iter();
            let changes = changes.map(|c| (c.id.as_str(), c.before.is_some(), c.after.is_some()));
            (entry.sequence, entry.command.as_str(), changes.collect())
        })
        .collect::<Vec<(_, _, Vec<_>)>>();
    let expected = vec![
        (1, "first", vec![("a", false, true)]),
        (2, "again", vec![("b", true, true), ("c", false, true)]),
    ];
    assert_eq!(told, expected);
    assert!(log.iter().all(|entry| entry.actor == someone()));
    assert_eq!(log[0].entries, [gift("given", 5).entry_id.to_string()]);
    let head: Option<AuditHead> = store.get("audit").await.expect("a read");
    let end = log.last().expect("entries");
    assert_eq!(
        head,
        Some(AuditHead {
            last: 2,
            chain: end.chain.clone()
        })
    );
    // It is sound; see `state`.
    state(store).await;
}

/// The actor of a task is that of each change that is begun in it, and of no other.
pub async fn whoever_acts_is_named(store: &dyn Store) {
    let acting = someone().acting(async { (changes("x").actor, changes("y").actor) });
    assert_eq!(acting.await, (Some(someone()), Some(someone())));
    assert_eq!(changes("z").actor, None);
    // A run over very many documents is told by their digests.
    let mut many = asked_for(changes("many"));
    for number in 0..100 {
        many.put(&Note::new(&format!("n{number}"))).expect("a note");
    }
    store.commit(many).await.expect("a commit");
    let entry: Option<AuditEntry> = store.get(&format!("{:020}", 1)).await.expect("a read");
    let entry = entry.expect("an entry");
    assert_eq!(entry.changes.len(), 100);
    let is_bare = |c: &crate::AuditChange| c.after.is_none() && c.digest.len() == 64;
    assert!(entry.changes.iter().all(is_bare));
    assert_eq!(json!(entry.actor)["role"], "customer");
    state(store).await;
}
