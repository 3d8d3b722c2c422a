//! The stream beside the server: what could not be counted, how far its worker is, and usage that
//! goes into it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use synor_economics::id::AccountId;
use synor_economics::period::Timestamp;
use synor_streams::{DeadLetter, DeadLetters, Entry, Place, Record, StreamError, StreamProducer};
use synor_usage::import::EventReader;

use crate::support::server::{NOW_SECS, Server};
use crate::usage::event;
use crate::{ACME, BETA};

fn letter(offset: u64, bytes: &str) -> DeadLetter {
    DeadLetter {
        record: Record {
            place: Place {
                stream: "usage-events".into(),
                partition: 2,
                entry: Entry::Offset(offset),
            },
            bytes: bytes.as_bytes().to_vec(),
        },
        reason: "the body is not JSON".to_owned(),
        stored: Timestamp::from_secs(NOW_SECS),
    }
}

pub async fn stream(server: &Server) {
    let status = server.admin("getStream").expect(200).await;
    assert_eq!(status["produces"], false);
    assert_eq!(status["worker"]["state"], "sink_away");

    let long = "x".repeat(1_000);
    let letters = [letter(7, "{"), letter(3, "["), letter(9, &long)];
    server
        .dead_letters
        .store(letters.to_vec())
        .await
        .expect("stored");
    // A place has one letter, however often it is stored.
    server
        .dead_letters
        .store(vec![letter(3, "[")])
        .await
        .expect("stored");
    let first = server.admin("listDeadLetters").query("limit", "2");
    let first = first.expect(200).await;
    let entries = |page: &Value| -> Vec<Value> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["entry"].clone()).collect()
    };
    assert_eq!(entries(&first), ["7", "3"]);
    let after = first["next_after"].to_string();
    let rest = server.admin("listDeadLetters").query("after", &after);
    let rest = rest.expect(200).await;
    assert_eq!(entries(&rest), ["9"]);
    assert_eq!(rest["items"][0]["bytes"], 1_000);
    assert_eq!(rest["items"][0]["excerpt"], format!("{}…", &long[..200]));
    assert!(rest.get("next_after").is_none());
    let call = server.admin("listDeadLetters").query("after", "-1");
    call.problem(400, "invalid-request").await;
}

/// A stream in memory, which can be away.
#[derive(Default)]
struct Memory {
    is_away: AtomicBool,
    records: Mutex<Vec<(AccountId, Vec<u8>)>>,
}

#[async_trait]
impl StreamProducer for Memory {
    async fn send(&self, records: Vec<(AccountId, Vec<u8>)>) -> Result<(), StreamError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StreamError::Broker {
                stream: "memory".to_owned(),
                doing: "being written to",
                source: "it is away".into(),
            });
        }
        self.records.lock().expect("the records").extend(records);
        Ok(())
    }
}

#[tokio::test]
async fn usage_goes_into_the_stream_and_is_not_counted_yet() {
    const TIME: &str = "2026-01-20T08:00:00Z";
    let memory = Arc::new(Memory::default());
    let server = Server::start_before(memory.clone()).await;
    server.open_account(ACME).await;
    server.open_account(BETA).await;
    let good = event("network.egress", "1.5", ACME, TIME, 1, "GB");
    let other = event("network.egress", "2", BETA, TIME, 2, "GB");
    let nobody = event("network.egress", "2", "nobody", TIME, 3, "GB");
    let bad = event("network.egress", "-2", ACME, TIME, 4, "GB");

    let body = json!([good, nobody, other, bad]);
    let answer = server.admin("ingestEvents").json(&body).expect(202).await;
    assert_eq!(
        (&answer["queued"], &answer["rejected"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(answer["results"][0]["index"], 1);
    assert_eq!(answer["results"][1]["index"], 3);
    let line = json!({ "account": ACME, "service": "network", "resource": "egress", "quantity": 5,
        "time": TIME, "source": "s", "id": "5" });
    let call = server.admin("ingestEvents");
    let call = call.body("application/x-ndjson", format!("{line}\n"));
    assert_eq!(call.expect(202).await["queued"], 1);

    let call = server.admin("ingestEvents").query("atomic", "true");
    call.json(&json!([other, nobody]))
        .problem(422, "events-rejected")
        .await;
    let call = server.admin("ingestEvents").json(&nobody);
    call.problem(422, "events-rejected").await;
    let call = server.admin("ingestEvents").json(&good);
    let call = call.header("Prefer", "return=minimal");
    call.expect(204).await;

    let sent = std::mem::take(&mut *memory.records.lock().expect("the records"));
    let reader = EventReader::new(Timestamp::from_secs(NOW_SECS));
    let read = sent.iter().map(|(account, record)| {
        let event = reader.cloudevent(record).expect("an event");
        assert_eq!(event.identity.account, *account);
        (event.identity.id, event.quantity.get())
    });
    let expected = [
        ("e-1", 1_500_000_000),
        ("e-2", 2_000_000_000),
        ("5", 5),
        ("e-1", 1_500_000_000),
    ];
    assert_eq!(
        read.collect::<Vec<_>>(),
        expected.map(|(id, bytes)| (id.to_owned(), bytes))
    );
    assert_eq!(
        server.engine.usage().position().await.expect("a position"),
        0
    );

    memory.is_away.store(true, Ordering::SeqCst);
    let call = server.admin("ingestEvents").json(&good);
    call.problem(503, "stream-unavailable").await;
    memory.is_away.store(false, Ordering::SeqCst);
    server.admin("ingestEvents").json(&good).expect(202).await;
}
