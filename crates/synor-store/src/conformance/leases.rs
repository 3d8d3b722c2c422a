//! Leases: one holder at a time, until it ends or is given up.

use std::sync::Arc;
use std::time::Duration;

use crate::store::Store;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(40);

#[allow(missing_docs)]
pub async fn a_lease_has_one_holder_until_it_is_given_up(store: &dyn Store) {
    let lease = async |job: &str, holder: &str| {
        let taken = store.lease(job, holder, LONG).await;
        taken.expect("an answer")
    };
    assert!(lease("follow", "one").await);
    assert!(!lease("follow", "two").await);
    assert!(lease("follow", "one").await, "a holder renews");
    assert!(
        lease("collect", "two").await,
        "another job is another lease"
    );
    let held = store.leases().await.expect("the leases");
    let held: Vec<_> = held
        .iter()
        .map(|l| (l.job.as_str(), l.holder.as_str()))
        .collect();
    assert_eq!(held, [("collect", "two"), ("follow", "one")]);
    store.release("follow", "two").await.expect("an answer");
    assert!(!lease("follow", "two").await, "only the holder gives it up");
    store.release("follow", "one").await.expect("an answer");
    assert!(lease("follow", "two").await);
    assert!(!lease("follow", "one").await);
}

#[allow(missing_docs)]
pub async fn a_lease_that_has_ended_is_taken_over(store: &dyn Store) {
    assert!(store.lease("job", "one", SHORT).await.expect("an answer"));
    assert!(!store.lease("job", "two", LONG).await.expect("an answer"));
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(store.leases().await.expect("the leases"), []);
    assert!(store.lease("job", "two", LONG).await.expect("an answer"));
    assert!(!store.lease("job", "one", LONG).await.expect("an answer"));
    let held = store.leases().await.expect("the leases");
    let left = held[0].left;
    assert!(left > LONG / 2 && left <= LONG, "{left:?}");
}

#[allow(missing_docs)]
pub async fn nodes_that_race_for_a_lease_get_it_once(store: Arc<dyn Store>) {
    let nodes = (0..16).map(|node| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let holder = format!("node {node}");
            store.lease("job", &holder, LONG).await.expect("an answer")
        })
    });
    let mut winners = 0;
    for node in nodes.collect::<Vec<_>>() {
        winners += u32::from(node.await.expect("a node ends well"));
    }
    assert_eq!(winners, 1);
}
