//! A backup that is made while the server works, and what is left when it is put back elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::common::{Folder, Server, integer, ndjson};

/// Events of one request, far fewer than a segment holds.
const BATCH: u64 = 20;
/// Requests that must have been answered before the backup begins.
const WARM_UP: u64 = 10;

fn events(batch: u64) -> Vec<Value> {
    let of = batch * BATCH..(batch + 1) * BATCH;
    of.map(|id| {
        json!({
            "account": "acme", "service": "network", "resource": "egress", "quantity": "1",
            "unit": "GB", "time": "2026-01-15T00:00:00Z", "source": "node-1", "id": id.to_string(),
        })
    })
    .collect()
}

fn wait_for(count: &AtomicU64, at_least: u64) {
    while count.load(Ordering::SeqCst) < at_least {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_backup_under_load_holds_what_was_acknowledged_before_it_began() {
    let folder = Folder::new();
    folder.configure("block_interval_ms = 10\n[storage]\nsegment_events = 100\n");
    folder.open_account("acme");
    let server = Server::start(&folder);
    let (url, secret) = (server.url.clone(), server.secret.clone());
    let grant =
        json!({ "amount": "1000 SYNOR", "source": { "type": "promotional", "campaign": "x" } });
    let path = "/admin/accounts/acme/credits";
    server
        .api()
        .post_once(&secret, path, &grant, "g")
        .expect(201);

    let is_over = Arc::new(AtomicBool::new(false));
    let [batches, deductions] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
    let worker = |count: &Arc<AtomicU64>, one: fn(&crate::common::Api, &str, u64)| {
        let (count, is_over) = (Arc::clone(count), Arc::clone(&is_over));
        let (api, secret) = (crate::common::Api::new(&url), secret.clone());
        std::thread::spawn(move || {
            for number in 0.. {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                one(&api, &secret, number);
                count.store(number + 1, Ordering::SeqCst);
            }
        })
    };
    let reports = worker(&batches, |api, secret, number| {
        let body = ndjson(&events(number));
        api.post_text(secret, "/events", "application/x-ndjson", &body)
            .expect(200);
    });
    let takers = worker(&deductions, |api, secret, number| {
        let take = json!({ "amount": "0.01 SYNOR", "reason": "an hour" });
        let name = format!("d{number}");
        let path = "/billing/deduct?account=acme";
        api.post_once(secret, path, &take, &name).expect(200);
    });
    wait_for(&batches, WARM_UP);
    wait_for(&deductions, WARM_UP);

    let before = (
        batches.load(Ordering::SeqCst),
        deductions.load(Ordering::SeqCst),
    );
    let backup = folder.file("backup");
    let made = folder
        .synor(&["admin", "backup", backup.to_str().unwrap()])
        .json();
    let after = (
        batches.load(Ordering::SeqCst),
        deductions.load(Ordering::SeqCst),
    );
    wait_for(&batches, after.0 + 1);
    is_over.store(true, Ordering::SeqCst);
    reports.join().unwrap();
    takers.join().unwrap();
    server.stop();
    println!(
        "before {before:?}, after {after:?}, {} files",
        made["files"].as_array().unwrap().len()
    );

    let elsewhere = Folder::new();
    std::fs::remove_dir_all(elsewhere.data()).unwrap();
    elsewhere
        .synor(&["admin", "restore", backup.to_str().unwrap()])
        .ok();
    let verified = elsewhere.verified();
    let held = verified["events"].as_u64().unwrap();
    assert!(held >= before.0 * BATCH, "{held} events, {before:?}");
    assert!(held <= (after.0 + 2) * BATCH, "{held} events, {after:?}");
    let credit = integer(&elsewhere.balance("acme")["credit_micro_synor"]);
    let taken = u64::try_from(1_000_000_000 - credit).unwrap() / 10_000;
    assert!(
        (before.1..=after.1 + 1).contains(&taken),
        "{taken} of {before:?} {after:?}"
    );

    // What was acknowledged before is there, event by event; and the restored folder goes on.
    let sent: Vec<_> = (0..before.0).flat_map(events).collect();
    let again = elsewhere.import("again.ndjson", &sent);
    assert_eq!(again["accepted"], 0);
    assert_eq!(again["duplicate"], before.0 * BATCH);
    elsewhere.import("more.ndjson", &events(1_000_000));
    assert_eq!(elsewhere.verified()["events"], held + BATCH);
    folder.verified();
}

#[test]
fn a_backup_that_was_altered_or_broken_off_is_refused() {
    let folder = Folder::new();
    folder.open_account("acme");
    folder.import("events.ndjson", &events(0));
    let backup = folder.file("backup");
    let place = backup.to_str().unwrap();
    folder.synor(&["admin", "backup", place]).ok();
    folder
        .synor(&["admin", "backup", place])
        .refused(&["backup", "not empty"]);
    folder
        .synor(&["admin", "restore", place])
        .refused(&["data", "not empty"]);

    let elsewhere = Folder::new();
    std::fs::remove_dir_all(elsewhere.data()).unwrap();
    let restore = || elsewhere.synor(&["admin", "restore", place]);
    let book = backup.join("book.sqlite");
    let was = std::fs::read(&book).unwrap();
    let mut altered = was.clone();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&book, altered).unwrap();
    restore().refused(&["book.sqlite", "differs"]);
    assert!(!elsewhere.data().exists(), "nothing was restored");
    std::fs::write(&book, was).unwrap();

    let list = backup.join("backup.json");
    let text = std::fs::read_to_string(&list).unwrap();
    let leading_out = text.replacen("\"book.sqlite\"", "\"../book.sqlite\"", 1);
    std::fs::write(&list, leading_out).unwrap();
    restore().refused(&["../book.sqlite", "elsewhere"]);
    std::fs::remove_file(&list).unwrap();
    restore().refused(&["not a whole backup"]);
    std::fs::write(&list, text).unwrap();
    restore().ok();
    assert_eq!(elsewhere.verified()["events"], BATCH);
}
