//! Usage: reporting it and looking at it.

use serde_json::{Value, json};

use crate::ACME;
use crate::BETA;
use crate::refusals::anything;
use crate::support::server::Server;

const CLOUDEVENT: &str = "application/cloudevents+json";
const CLOUDEVENTS: &str = "application/cloudevents-batch+json";
const NDJSON: &str = "application/x-ndjson";

/// A CloudEvent; its number makes its id.
pub fn event(kind: &str, quantity: &str, account: &str, time: &str, id: u32, unit: &str) -> Value {
    json!({
        "specversion": "1.0",
        "type": kind,
        "source": "node-fra-1",
        "id": format!("e-{id}"),
        "subject": account,
        "time": time,
        "datacontenttype": "application/json",
        "data": { "quantity": quantity, "unit": unit, "provider": "op-fra" },
    })
}

pub async fn ingest(server: &Server, batch: &[Value]) -> Value {
    let call = server
        .admin("ingestEvents")
        .body(CLOUDEVENTS, json!(batch).to_string());
    call.expect(200).await
}

pub async fn events(server: &Server) {
    let single = event(
        "network.egress",
        "300",
        ACME,
        "2025-12-10T08:00:00Z",
        1,
        "GB",
    );
    let call = server
        .admin("ingestEvents")
        .body(CLOUDEVENT, single.to_string());
    assert_eq!(call.expect(200).await["accepted"], 1);
    for body in [single.clone(), json!([single])] {
        let call = server.admin("ingestEvents").json(&body);
        assert_eq!(call.expect(200).await["duplicate"], 1);
    }
    for media in ["text/csv", "text/plain", ""] {
        let call = server.admin("ingestEvents").body(media, single.to_string());
        call.problem(415, "unsupported-media-type").await;
    }
    let mut gpu = event(
        "compute.gpu",
        "12",
        ACME,
        "2026-01-20T08:00:00Z",
        2,
        "gpu-hours",
    );
    gpu["data"]["dimensions"] = json!({ "gpu_model": "rtx4090", "region": "eu-central" });
    let mut unpriced = event(
        "compute.gpu",
        "1",
        "gamma",
        "2026-01-20T08:00:00Z",
        3,
        "gpu-hours",
    );
    unpriced["data"]["dimensions"] = json!({ "gpu_model": "Abacus" });
    let mut unpriced_now = unpriced.clone();
    unpriced_now["id"] = json!("e-4");
    unpriced_now["time"] = json!("2026-02-01T08:00:00Z");
    let mut integer = event(
        "database.queries",
        "0",
        ACME,
        "2026-01-21T08:00:00Z",
        5,
        "queries",
    );
    integer["data"] = json!({ "quantity": 25_000_000, "provider": null });
    let mut tiered = event(
        "network.requests",
        "8500000",
        BETA,
        "2026-01-16T08:00:00Z",
        10,
        "requests",
    );
    tiered["data"]["dimensions"] = json!({ "region": "eu-central" });
    let batch = ingest(
        server,
        &[
            tiered,
            gpu,
            unpriced,
            unpriced_now,
            integer,
            event(
                "storage.stored_data",
                "7500",
                ACME,
                "2026-01-11T00:00:00Z",
                6,
                "GB",
            ),
            event(
                "network.egress",
                "120",
                BETA,
                "2025-12-15T08:00:00Z",
                7,
                "GB",
            ),
            event(
                "network.egress",
                "80",
                BETA,
                "2026-01-15T08:00:00Z",
                8,
                "GB",
            ),
            event(
                "compute.cpu",
                "4",
                ACME,
                "2026-02-02T08:00:00Z",
                9,
                "core-hours",
            ),
        ],
    )
    .await;
    assert_eq!(batch["accepted"], 9);
    let lines = [
        json!({ "account": ACME, "service": "storage", "resource": "retrieval", "quantity": 5,
            "unit": "GB", "time": "2026-01-05T00:00:00Z", "source": "import", "id": "1",
            "provider": "op-nyc", "dimensions": { "bucket": "backups" } }),
        json!({ "account": ACME, "service": "storage", "resource": "retrieval", "quantity": "-1.5",
            "unit": "GB", "time": "2026-01-06T00:00:00Z", "source": "import", "id": "2",
            "correction": true }),
        single.clone(),
        event(
            "network.egress",
            "301",
            ACME,
            "2025-12-10T08:00:00Z",
            1,
            "GB",
        ),
    ];
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    let call = server.admin("ingestEvents").body(NDJSON, lines.join("\n"));
    let appended = call.expect(200).await;
    assert_eq!(
        (&appended["accepted"], &appended["duplicate"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(appended["conflicting"], 1);
    let results = json!([
        { "index": 2, "line": 3, "status": "duplicate", "id": "e-1" },
        { "index": 3, "line": 4, "status": "conflicting", "id": "e-1" },
    ]);
    assert_eq!(appended["results"], results);

    let stranger = event(
        "network.egress",
        "1",
        "nobody",
        "2026-01-01T00:00:00Z",
        20,
        "GB",
    );
    let late = event(
        "network.egress",
        "1",
        ACME,
        "2027-01-01T00:00:00Z",
        21,
        "GB",
    );
    // One that holds among those that do not is counted, unless it is all or nothing.
    // Of the running month, and too little to be seen on a bill.
    let time = "2026-02-02T08:00:00Z";
    let good = event("compute.cpu", "1", ACME, time, 22, "core-milliseconds");
    let mixed = json!([late, good, stranger]).to_string();
    let call = || {
        server
            .admin("ingestEvents")
            .body(CLOUDEVENTS, mixed.clone())
    };
    let atomic = call().query("atomic", "true");
    let problem = atomic.problem(422, "events-rejected").await;
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(2));
    let answer = call().expect(200).await;
    let counts = ["accepted", "duplicate", "rejected"].map(|name| &answer[name]);
    assert_eq!(counts, [1, 0, 2]);
    assert_eq!(answer["results"][1]["index"], 2);
    assert_eq!(answer["results"][1]["id"], "e-20");
    assert_eq!(answer["results"][1]["value"], "nobody");
    let call = call().query("atomic", "perhaps");
    call.problem(400, "invalid-request").await;
    // A client that wants no body gets one only if something was rejected.
    let minimal = |body: String| {
        let call = server.admin("ingestEvents").body(CLOUDEVENTS, body);
        call.header("Prefer", "return=minimal")
    };
    minimal(json!([good]).to_string()).expect(204).await;
    let problem = minimal(mixed.clone()).problem(422, "events-rejected").await;
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        detail.ends_with("(and 1 more); the other 1 are counted"),
        "{detail}"
    );

    let refused = [
        (CLOUDEVENT, stranger.to_string()),
        (CLOUDEVENTS, json!([late, stranger]).to_string()),
        (NDJSON, "account,service".to_owned()),
        (NDJSON, json!({ "account": ACME }).to_string()),
    ];
    for (media, body) in refused {
        let call = server.admin("ingestEvents").body(media, body);
        let problem = call.problem(422, "events-rejected").await;
        assert!(!problem["errors"].as_array().expect("errors").is_empty());
    }
    let call = server
        .admin("ingestEvents")
        .body(CLOUDEVENT, single.to_string());
    let call = call.header("Content-Encoding", "br").malformed();
    call.problem(415, "unsupported-media-type").await;
    // A key with a limit of its own.
    let limits = json!({ "label": "collector", "requests_per_second": 2, "events_per_second": 2 });
    let none = json!({ "requests_per_second": 0 });
    let call = server.admin("createAdminKey").json(&none);
    call.problem(400, "invalid-request").await;
    let key = server
        .admin("createAdminKey")
        .json(&limits)
        .expect(201)
        .await;
    let key = key["secret"].as_str().expect("a secret");
    let call = |events: &[Value]| {
        let call = server.call("ingestEvents").key(key);
        call.body(CLOUDEVENTS, json!(events).to_string())
    };
    let three = [single.clone(), single.clone(), single.clone()];
    call(&three).problem(413, "invalid-request").await;
    let two = &three[..2];
    call(two).expect(200).await;
    let refused = call(two).problem(429, "rate-limited").await;
    let detail = refused["detail"].as_str().expect("a detail");
    assert_eq!(detail, "this key may send 2 requests a second");

    for body in ["[{]", "", "account,service"] {
        let call = server.admin("ingestEvents").body(CLOUDEVENTS, body);
        call.problem(400, "invalid-request").await;
    }
}

/// A correction is done whole, or names what it stumbled over and does nothing. It leaves the month
/// as it was.
pub async fn corrections(server: &Server) {
    let before = server
        .admin("getUsage")
        .account(ACME)
        .query("period", "2026-01");
    let before = before.expect(200).await["rows"].clone();
    let wrong = event(
        "network.ingress",
        "5",
        ACME,
        "2026-01-10T00:00:00Z",
        40,
        "GB",
    );
    ingest(server, std::slice::from_ref(&wrong)).await;
    let right = event(
        "network.ingress",
        "3",
        ACME,
        "2026-01-10T00:00:00Z",
        41,
        "GB",
    );
    let withdraw = |id: &str| json!({ "source": "node-fra-1", "id": id });
    let amendment = json!({ "account_id": ACME, "withdraw": [withdraw("e-40")],
        "events": [right] });
    for (withdrawn, accepted) in [(1, 1), (0, 0)] {
        let call = server.admin("correctUsage").json(&amendment);
        let done = call.expect(200).await;
        assert_eq!(
            (&done["withdrawn"], &done["accepted"]),
            (&json!(withdrawn), &json!(accepted))
        );
    }
    let conflicting = json!({ "events": [event("network.ingress", "4", ACME,
        "2026-01-10T00:00:00Z", 41, "GB")] });
    let done = server
        .admin("correctUsage")
        .json(&conflicting)
        .expect(200)
        .await;
    assert_eq!(done["conflicting"][0]["id"], "e-41");

    let one_unknown =
        json!({ "account_id": ACME, "withdraw": [withdraw("e-41"), withdraw("e-99")] });
    let problem = server.admin("correctUsage").json(&one_unknown);
    let problem = problem.problem(404, "unknown-event").await;
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|d| d.contains("e-99")),
        "{problem}"
    );
    let zero = event(
        "network.ingress",
        "0",
        ACME,
        "2026-01-10T00:00:00Z",
        42,
        "GB",
    );
    let bad_event = json!({ "account_id": ACME, "withdraw": [withdraw("e-41")], "events": [zero] });
    let call = server.admin("correctUsage").json(&bad_event);
    call.problem(422, "events-rejected").await;
    let of_beta = event(
        "network.ingress",
        "1",
        BETA,
        "2026-01-10T00:00:00Z",
        43,
        "GB",
    );
    for refused in [
        json!({}),
        json!({ "account_id": ACME, "events": [of_beta] }),
    ] {
        let call = server.admin("correctUsage").json(&refused);
        call.problem(422, "invalid-request").await;
    }
    for unreadable in [
        json!({ "withdraw": [withdraw("e-41")] }),
        json!({ "withdrawals": [] }),
    ] {
        let call = server.admin("correctUsage").json(&unreadable);
        call.problem(400, "invalid-request").await;
    }
    let rows = || async {
        let call = server
            .admin("getUsage")
            .account(ACME)
            .query("period", "2026-01");
        call.expect(200).await["rows"].clone()
    };
    let three_gb = json!(3_000_000_000_u64);
    let counted = rows().await;
    let counted = counted.as_array().expect("rows");
    assert!(
        counted.iter().any(|row| row["quantity"] == three_gb),
        "nothing refused was done"
    );
    let last = json!({ "withdraw": [{ "account": ACME, "source": "node-fra-1", "id": "e-41" }] });
    server.admin("correctUsage").json(&last).expect(200).await;
    assert_eq!(rows().await, before);
}

/// Quotas are set, looked at, replaced and removed.
pub async fn quotas(server: &Server, acme: &str) {
    let set = |body: Value| server.admin("setQuota").path("id", ACME).json(&body);
    let quota = |resource: &str, per: &str, quantity: &str, unit: &str, effect: &str| {
        json!({ "resource": resource, "per": per, "quantity": quantity, "unit": unit,
            "effect": effect })
    };
    let cpu = quota("compute.cpu", "month", "8", "core-hours", "stop");
    set(cpu.clone()).expect(201).await;
    set(quota(
        "storage.stored_data",
        "month",
        "1.5",
        "GB-months",
        "warn",
    ))
    .expect(201)
    .await;
    let listed = server.call("listQuotas").key(acme).expect(200).await;
    let of_cpu = &listed["items"][1];
    // Four core-hours were used on the second of February, and a millisecond among mistakes.
    assert_eq!(
        (&of_cpu["used"], &of_cpu["used_percent"]),
        (&json!(14_400_001), &json!("50"))
    );
    for refused in [
        quota("compute.cpu", "month", "1", "GB", "stop"),
        quota("compute.cpu", "day", "0", "core-hours", "warn"),
        quota("storage.stored_data", "month", "1", "GB-months", "stop"),
    ] {
        set(refused).problem(422, "quota-refused").await;
    }
    for unreadable in [
        json!({}),
        quota("compute.cpu", "year", "1", "core-hours", "stop"),
    ] {
        set(unreadable).problem(400, "invalid-request").await;
    }
    let nobody = server.admin("setQuota").path("id", "nobody").json(&cpu);
    nobody.problem(404, "unknown-account").await;
    let remove = |resource: &str| {
        let call = server.admin("removeQuota").path("id", ACME);
        call.query("resource", resource).query("per", "month")
    };
    for resource in ["compute.cpu", "storage.stored_data"] {
        assert!(remove(resource).expect(200).await["removed_at"].is_i64());
    }
    remove("compute.cpu").problem(404, "not-found").await;
    let call = server
        .admin("removeQuota")
        .path("id", ACME)
        .query("per", "month");
    call.problem(400, "invalid-request").await;
    let listed = server.call("listQuotas").key(acme).expect(200).await;
    assert_eq!(listed["items"], json!([]));
}

pub async fn usage(server: &Server, acme: &str) {
    let month = server.call("getUsage").key(acme).query("period", "2026-01");
    let month = month.expect(200).await;
    let rows = month["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    // 7.5 TB for 21 days leaves what a float keeps.
    assert_eq!(rows[0]["quantity"], "13608000000000000000");
    server.call("getUsage").key(acme).expect(200).await;
    let times = [("start", "1767225600"), ("end", "1769904000")];
    let whole = times
        .iter()
        .fold(server.admin("getUsage"), |call, (n, v)| call.query(n, v));
    assert_eq!(whole.account(ACME).expect(200).await["rows"], month["rows"]);

    for group in ["provider", "region"] {
        let call = server
            .call("getUsageSeries")
            .key(acme)
            .query("period", "2026-01");
        let call = call.query("step", "day").query("group_by", group);
        let series = call.expect(200).await;
        assert_eq!(series["steps"].as_array().map(Vec::len), Some(31));
    }
    let call = server
        .call("getUsageSeries")
        .key(acme)
        .query("resource", "compute.cpu");
    call.query("step", "hour").expect(200).await;

    // 12 GPU-hours in one event on the 20th; in Kiritimati it was the 20th for ten hours more.
    for (aggregate, zone, expected) in [
        ("sum", "Pacific/Kiritimati", 43_200_000),
        ("maximum", "UTC", 43_200_000),
        ("unique:region", "UTC", 1),
        ("unique:provider", "UTC", 1),
    ] {
        let call = server.call("getUsageSeries").key(acme);
        let call = call.query("period", "2026-01").query("step", "whole");
        let call = call.query("resource", "compute.gpu").query("zone", zone);
        let series = call.query("aggregate", aggregate).expect(200).await;
        assert_eq!(
            series["lines"][0]["quantities"],
            json!([expected]),
            "{aggregate}"
        );
    }
    for (name, value) in [
        ("aggregate", "mean"),
        ("zone", "Mars/Base"),
        ("step", "week"),
    ] {
        let call = server.call("getUsageSeries").key(acme).query(name, value);
        call.problem(400, "invalid-request").await;
    }
    let first = server.call("listUsageEvents").key(acme).query("limit", "2");
    let first = first.expect(200).await;
    let next = first["next"].to_string();
    let call = server
        .call("listUsageEvents")
        .key(acme)
        .query("after", &next);
    let call = call
        .query("period", "2026-01")
        .query("resource", "storage.retrieval");
    let page = call.expect(200).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["items"][1]["correction"], true);
    let call = server.call("listUsageEvents").key(acme);
    let withdrawn = call.query("resource", "network.ingress").expect(200).await;
    for item in withdrawn["items"].as_array().expect("items") {
        assert!(item["withdrawn"].is_u64(), "{item}");
    }

    let written = |format: &str| {
        let call = server.call("listUsageEvents").key(acme);
        call.query("period", "2026-01").query("format", format)
    };
    let csv = written("csv").expect(200).await;
    let csv = csv.as_str().expect("CSV");
    assert!(
        csv.starts_with("account,service,resource,quantity,"),
        "{csv}"
    );
    let ndjson = written("ndjson").expect(200).await;
    let ndjson = ndjson.as_str().expect("NDJSON");
    // Five events of January count; the two of network.ingress were withdrawn.
    assert_eq!(
        (csv.lines().count(), ndjson.lines().count()),
        (1 + 5, 5),
        "{ndjson}"
    );
    written("xml").problem(400, "invalid-request").await;

    let follow = |after: &str| {
        let call = server.call("streamUsage").key(acme).query("after", after);
        call.query("limit", "2")
    };
    let stream = follow("0").expect(200).await;
    let stream = stream.as_str().expect("messages");
    let ids = stream
        .lines()
        .filter(|line| line.starts_with("id: "))
        .count();
    assert_eq!(ids, 2, "{stream}");
    follow("x").problem(400, "invalid-request").await;

    for operation in ["getUsage", "getUsageSeries", "listUsageEvents"] {
        for (name, value) in [("start", "5"), ("period", "January"), ("end", "x")] {
            let call = server.call(operation).key(acme).query(name, value);
            call.problem(400, "invalid-request").await;
        }
        let call = server.call(operation).key(acme);
        let empty = call.query("start", "5").query("end", "5");
        empty.problem(422, "invalid-request").await;
    }
    let call = server
        .call("getUsageSeries")
        .key(acme)
        .query("step", "hour");
    let call = call.query("start", "0").query("end", "1769904000");
    call.problem(422, "invalid-request").await;

    // What an admin asks for without saying of whom, or of nobody.
    let of_an_account: Vec<_> = server
        .document
        .operations()
        // The audit log is of all, and takes an account to show less.
        .filter(|o| o.id != "listAudit")
        .filter(|o| server.document.parameters(o).contains_key("account"))
        .cloned()
        .collect();
    let wallet = server.wallet("nobody", 1).await;
    let request = json!({ "pay_to": server.engine.pay_to() });
    let signed = server.transfer_of(&wallet, &request, 1, "nothing").await;
    let transfer = json!({ "signed_transfer": signed });
    for operation in of_an_account {
        let call = || {
            let call = server.admin(&operation.id);
            let call = anything(&operation)
                .into_iter()
                .fold(call, |call, (name, value)| call.path(name, value));
            match operation.id.as_str() {
                "exportMonth" => call.query("period", "2026-01"),
                "deductBalance" => call.json(&json!({ "amount": "1 SYNOR", "reason": "r" })),
                "placeHold" => call.json(&json!({ "amount": "1 SYNOR", "reason": "r" })),
                "hasSufficientBalance" => call.query("required_micro_synor", "1"),
                "announceDeposit" => call.json(&json!({ "amount": "1 SYNOR" })),
                "transferDeposit" => call.json(&transfer),
                "redeemPromoCode" => call.json(&json!({ "code": "NOTHING" })),
                "placeSpotBid" => call.json(&json!({ "resource": "compute.cpu",
                    "quantity": "1", "price": "1 SYNOR" })),
                "configureAutoPay" | "configureTopUp" => call.json(&json!({ "enabled": false })),
                "setBudget" => call.json(&json!({ "name": "all", "on": "spend",
                    "amount": "1 SYNOR", "thresholds": ["80%"], "effect": "warn" })),
                "addWebhook" => call.json(&json!({ "url": "https://example.com/" })),
                "replayWebhook" => call.json(&json!({ "message_id":
                    "msg_00000000000000000000000000000000" })),
                "removeBudget" => call.query("name", "all"),
                _ => call,
            }
        };
        call().problem(400, "invalid-request").await;
        let (status, _) = call().account("nobody").send().await;
        assert_eq!(status, 404, "{}", operation.id);
    }
}
