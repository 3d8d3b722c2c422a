#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use synor_chain::{DevChain, DevChainConfig, Wallet};
use synor_economics::pricing::PriceList;
use synor_engine::{EngineConfig, NewAccount, NewQuota, SystemClock};
use synor_store::SqliteStore;
use synor_streams::dead_letters::DeadLettersError;
use synor_streams::{DeadLetterPage, Entry, Place};
use synor_usage::SqliteUsageLog;
use tempfile::TempDir;

use super::*;

/// Dead letters in memory, which can be away.
#[derive(Default)]
struct Letters {
    is_away: AtomicBool,
    stored: Mutex<Vec<DeadLetter>>,
}

#[async_trait]
impl DeadLetters for Letters {
    async fn store(&self, letters: Vec<DeadLetter>) -> Result<(), DeadLettersError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(DeadLettersError {
                place: "memory".to_owned(),
                doing: "storing",
                source: "they are away".into(),
            });
        }
        self.stored.lock().unwrap().extend(letters);
        Ok(())
    }

    async fn list(&self, _: u64, _: usize) -> Result<DeadLetterPage, DeadLettersError> {
        Ok(DeadLetterPage::default())
    }
}

struct Setup {
    engine: Arc<Engine>,
    letters: Arc<Letters>,
    sink: EngineSink,
    _folder: TempDir,
}

/// An engine that knows one account, `acme`.
async fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let chain = DevChain::open(file("chain.db"), DevChainConfig::default()).unwrap();
    let engine = Engine::new(
        Arc::new(SqliteUsageLog::open(file("usage.db")).unwrap()),
        Arc::new(SqliteStore::open(&file("book.db")).unwrap()),
        Arc::new(chain),
        Arc::new(SystemClock),
        Wallet::development("synor-dev", "billing"),
        EngineConfig::default(),
        PriceList::built_in().unwrap(),
    );
    let engine = Arc::new(engine.await.unwrap());
    engine.open_account(account("acme")).await.unwrap();
    let letters = Arc::new(Letters::default());
    let sink = EngineSink::new(Arc::clone(&engine), letters.clone(), Arc::default());
    Setup {
        engine,
        letters,
        sink,
        _folder: folder,
    }
}

fn account(id: &str) -> NewAccount {
    serde_json::from_value(serde_json::json!({ "account_id": id })).unwrap()
}

fn json(id: u32, account: &str, quantity: i64) -> String {
    format!(
        r#"{{"specversion":"1.0","type":"network.egress","source":"n","id":"{id}","subject":"{account}",
            "time":"2026-01-05T00:00:00Z","data":{{"quantity":{quantity}}}}}"#
    )
}

fn record(offset: u64, bytes: &str) -> Record {
    Record {
        place: Place {
            stream: "usage".into(),
            partition: 0,
            entry: Entry::Offset(offset),
        },
        bytes: bytes.as_bytes().to_vec(),
    }
}

fn read_to(next: u64) -> Vec<StreamPosition> {
    vec![StreamPosition {
        stream: "usage".to_owned(),
        partition: 0,
        next_offset: next,
    }]
}

fn accepted(accepted: u64, duplicates: u64) -> RecordOutcome {
    RecordOutcome {
        accepted,
        duplicates,
        ..RecordOutcome::default()
    }
}

#[tokio::test]
async fn what_the_engine_refuses_is_kept_before_the_position_moves() {
    let Setup {
        engine,
        letters,
        sink,
        _folder,
    } = setup().await;
    let array = format!("[{},{}]", json(2, "acme", 1), json(3, "nobody", 1));
    let records = [
        record(0, &json(1, "acme", 1)),
        record(1, &array),
        record(2, "{"),
    ];

    letters.is_away.store(true, Ordering::SeqCst);
    let error = sink.accept(&records, &read_to(3)).await.unwrap_err();
    assert_eq!(error.doing, "storing dead letters");
    assert_eq!(sink.positions("usage").await.unwrap(), []);
    assert_eq!(engine.usage().position().await.unwrap(), 2);

    letters.is_away.store(false, Ordering::SeqCst);
    let outcomes = sink.accept(&records, &read_to(3)).await.unwrap();
    assert_eq!(outcomes[0], accepted(0, 1));
    assert_eq!((outcomes[1].accepted, outcomes[1].duplicates), (0, 1));
    assert_eq!(
        outcomes[1].refused.as_deref(),
        Some("event 1: account `nobody`: there is no such account")
    );
    assert!(outcomes[2].refused.is_some());
    assert_eq!(sink.positions("usage").await.unwrap(), read_to(3));
    assert_eq!(engine.usage().position().await.unwrap(), 2);
    let stored = letters.stored.lock().unwrap().clone();
    let places: Vec<_> = stored.iter().map(|l| l.record.place.to_string()).collect();
    assert_eq!(places, ["usage/0/1", "usage/0/2"]);
}

#[tokio::test]
async fn a_batch_in_which_everything_holds_is_one_commit() {
    let Setup {
        letters,
        sink,
        _folder,
        ..
    } = setup().await;
    letters.is_away.store(true, Ordering::SeqCst);
    let records = [
        record(0, &json(1, "acme", 1)),
        record(1, &json(2, "acme", 1)),
    ];
    let outcomes = sink.accept(&records, &read_to(2)).await.unwrap();
    assert_eq!(outcomes, [accepted(1, 0), accepted(1, 0)]);
    assert_eq!(sink.positions("usage").await.unwrap(), read_to(2));
    // A position never moves back.
    let again = sink.accept(&records[..1], &read_to(1)).await.unwrap();
    assert_eq!(again, [accepted(0, 1)]);
    assert_eq!(sink.positions("usage").await.unwrap(), read_to(2));
}

#[tokio::test]
async fn what_a_quota_stops_is_a_dead_letter_and_what_it_let_through_stays_counted() {
    let setup = setup().await;
    let quota = NewQuota {
        resource: "network.egress".parse().unwrap(),
        per: "month".parse().unwrap(),
        quantity: synor_economics::money::Exact::parse_decimal("10").unwrap(),
        unit: "bytes".parse().unwrap(),
        effect: "stop".parse().unwrap(),
    };
    let acme = "acme".parse().unwrap();
    setup.engine.set_quota(&acme, quota).await.unwrap();
    let records = [
        record(0, &json(1, "acme", 10)),
        record(1, &json(2, "acme", 1)),
    ];
    for round in 0..2 {
        let outcomes = setup.sink.accept(&records, &read_to(2)).await.unwrap();
        assert_eq!(
            outcomes[0],
            accepted(1 - round, round),
            "a duplicate is no dead letter"
        );
        assert!(outcomes[1].refused.is_some());
    }
    let stored = setup.letters.stored.lock().unwrap().clone();
    assert!(stored.iter().all(|letter| letter.record == records[1]));
}
