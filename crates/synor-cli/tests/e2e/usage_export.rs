//! Events go out as files that come in again, and are followed as they come.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::common::{Folder, Server, integer, list, seconds_from_now};

fn event(account: &str, id: u32, quantity: &str, more: Value) -> Value {
    let mut event = json!({
        "account": account, "service": "network", "resource": "egress", "quantity": quantity,
        "unit": "bytes", "time": "2026-01-15T12:00:00Z", "source": "node, \"1\"",
        "id": id.to_string(),
    });
    let all = event.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    event
}

/// More than two pages of events, of which one is withdrawn and one is of another month.
#[test]
fn what_is_exported_and_imported_elsewhere_comes_to_the_same() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    folder.open_account("acme");
    let mut events: Vec<_> = (0..2_500)
        .map(|n| event("acme", n, &n.max(1).to_string(), json!({})))
        .collect();
    events[7]["dimensions"] = json!({ "region": "eu,1" });
    events[1_800]["dimensions"] = json!({ "bucket": "b" });
    events[9]["provider"] = json!("op-1");
    events[11] = event("acme", 11, "-3", json!({ "correction": true }));
    events[12]["time"] = json!("2025-12-15T12:00:00Z");
    folder.import("events.ndjson", &events);
    let withdraw = folder.synor(&["usage", "withdraw", "node, \"1\"", "5"]);
    withdraw.account("acme").ok();
    let here = folder.usage("acme", "2026-01");
    for (format, lines) in [("csv", 1 + 2_498), ("json", 2_498)] {
        let out = folder.file(&format!("january.{format}"));
        let export = folder
            .type_in("usage export --period 2026-01 --out")
            .arg(&out);
        export.account("acme").arg("--format").arg(format).ok();
        let written = std::fs::read_to_string(&out).unwrap();
        assert_eq!(written.lines().count(), lines);
        let piped = folder
            .type_in("usage export --period 2026-01 --format")
            .arg(format);
        assert_eq!(piped.account("acme").ok(), written);

        let elsewhere = Folder::new();
        let other = Server::start(&elsewhere);
        elsewhere.open_account("acme");
        let imported = elsewhere.type_in("usage import").arg(&out).json();
        assert_eq!(imported["accepted"], 2_498);
        assert_eq!(elsewhere.usage("acme", "2026-01"), here, "{format}");
        other.stop();
    }
    let out = folder.file("january.parquet");
    let export = folder.type_in("usage export --period 2026-01 --format parquet --out");
    export.account("acme").arg(&out).ok();
    let written = std::fs::read(&out).unwrap();
    // A Parquet file begins and ends with its name.
    assert!(written.starts_with(b"PAR1") && written.ends_with(b"PAR1"));
    let summary = folder
        .type_in("usage summary --format parquet")
        .account("acme");
    summary.refused(&["Parquet"]);
    server.stop();
}

/// The follower sees what is there, what comes, and goes on when the server comes back; and a
/// server with a follower stops when it is asked to.
#[test]
fn a_follower_sees_every_event_once_across_a_restart() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let address = server.url.trim_start_matches("http://").to_owned();
    let key = folder.open_account("acme");
    let now = seconds_from_now(0);
    let send = |id: u32| {
        let event = event("acme", id, "1", json!({ "time": now }));
        folder.import("one.ndjson", &[event]);
    };
    send(1);
    let mut tail = folder
        .type_in("usage tail --after 0 --limit 3 --format json --server")
        .arg(&server.url)
        .key(&key)
        .spawn();
    let mut seen = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || {
        let line: Value = serde_json::from_str(&seen.next().unwrap().unwrap()).unwrap();
        (integer(&line["position"]), line["id"].clone())
    };
    assert_eq!(next(), (1, json!("1")));
    send(2);
    assert_eq!(next(), (2, json!("2")));
    server.stop();
    let _server = Server::start_at(&folder, &address);
    send(3);
    assert_eq!(next(), (3, json!("3")));
    assert!(tail.wait().unwrap().success());
    let unknown = folder.type_in("usage tail --limit 1 --account nobody");
    unknown.refused(&["nobody"]);
    assert_eq!(
        list(&folder.type_in("usage events").key(&key).json()["items"]).len(),
        3
    );
}
