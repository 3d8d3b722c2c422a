//! What limits an account and fills it up: budgets, alerts, top-ups, a credit's statement, and
//! credits for incidents.

use serde_json::{Value, json};

use crate::support::document::text;
use crate::support::server::{NOW_SECS, Server};
use crate::{ACME, BETA};

/// An id that no credit has.
pub const NO_CREDIT: &str = "crd_00000000000000000000000000000000";

/// The statement of a credit that was used, before anything expired.
pub async fn credits(server: &Server, acme: &str) {
    let credits = server.call("listCredits").key(acme).expect(200).await;
    let first = text(&credits["credits"][0]["credit_id"]);
    let show = |id: &str| server.call("getCredit").key(acme).path("id", id);
    let told = show(first).expect(200).await;
    assert_eq!(told["lines"][0]["what"], "granted");
    assert_eq!(told["lines"][1]["what"], "used_by_deduction");
    let last = told["lines"].as_array().and_then(|l| l.last());
    let left = last.map(|line| &line["left_micro_synor"]);
    assert_eq!(left, Some(&told["remaining_micro_synor"]));
    show("crd_1").problem(400, "invalid-request").await;
    show(NO_CREDIT).problem(404, "not-found").await;
}

pub async fn budgets(server: &Server, acme: &str) {
    let set = |body: &Value| server.call("setBudget").key(acme).json(body);
    let all = json!({ "name": "all", "on": "spend", "amount": "500 SYNOR",
        "thresholds": ["0.000001", "100%"], "effect": "warn" });
    set(&all).expect(201).await;
    let traffic = json!({ "name": "traffic", "on": "usage", "resource": "network.egress",
        "quantity": "1.5", "unit": "TB", "thresholds": ["80%"], "effect": "warn" });
    set(&traffic).expect(201).await;
    let floor = json!({ "name": "floor", "on": "balance", "amount_micro_synor": 1,
        "thresholds": ["100%"], "effect": "warn" });
    set(&floor).expect(201).await;
    let ahead = json!({ "name": "ahead", "on": "forecast", "service": "network",
        "amount": "500 SYNOR", "thresholds": ["100%"], "effect": "warn" });
    set(&ahead).expect(201).await;
    let with = |field: &str, value: Value| {
        let mut body = all.clone();
        body[field] = value;
        body
    };
    for unreadable in [
        json!({}),
        with("on", json!("time")),
        with("amount", json!("500")),
        with("thresholds", json!(["most"])),
        with("resource", json!("network.egress")),
        with("limit", json!(1)),
    ] {
        set(&unreadable).problem(400, "invalid-request").await;
    }
    for refused in [
        with("name", json!("All")),
        with("thresholds", json!([])),
        with("thresholds", json!(["0%"])),
    ] {
        set(&refused).problem(422, "budget-refused").await;
    }
    let listed = server.call("listBudgets").key(acme).expect(200).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(4));
    server.engine.watch_budgets().await.expect("budgets");
    let alerts = server.call("listAlerts").key(acme).query("firing", "true");
    let alerts = alerts.expect(200).await;
    assert_eq!(alerts["items"][0]["budget"], "all");
    let page = server.call("listAlerts").key(acme).query("limit", "0");
    page.problem(400, "invalid-request").await;

    // A stop is kept to at once.
    let stop = json!({ "name": "stop", "on": "spend", "amount_micro_synor": 1,
        "thresholds": ["100%"], "effect": "stop" });
    set(&stop).expect(201).await;
    let order = json!({ "amount": "1 SYNOR", "reason": "inference" });
    let deduct = server.admin("deductBalance").account(ACME).json(&order);
    deduct.problem(402, "budget-exceeded").await;
    let remove = |name: &str| {
        let call = server.call("removeBudget").key(acme);
        call.query("name", name)
    };
    for name in ["all", "traffic", "floor", "ahead", "stop"] {
        remove(name).expect(200).await;
    }
    remove("all").problem(404, "not-found").await;
    let call = server.call("removeBudget").key(acme);
    call.problem(400, "invalid-request").await;
    let rearmed = server.call("listAlerts").key(acme).expect(200).await;
    assert_eq!(rearmed["items"][0]["rearmed_at"], NOW_SECS);
}

/// Top-ups of beta, whose auto-pay is on, and the resuming of auto-pay.
pub async fn top_ups(server: &Server, beta: &str) {
    let configure = |order: &Value| server.call("configureTopUp").key(beta).json(order);
    let order = json!({ "enabled": true, "threshold_micro_synor": 5_000_000,
        "amount_micro_synor": 20_000_000, "monthly_max_micro_synor": 20_000_000 });
    let on = configure(&order).expect(200).await;
    assert_eq!(on["now"]["state"], "due");
    configure(&json!({ "enabled": true, "amount_micro_synor": 30_000_000 }))
        .problem(422, "top-up-refused")
        .await;
    configure(&json!({ "on": true }))
        .problem(400, "invalid-request")
        .await;
    let show = || server.call("getTopUp").key(beta);
    server.engine.run_top_ups().await.expect("top-ups");
    assert_eq!(show().expect(200).await["now"]["state"], "under_way");
    server.confirm().await;
    server.engine.run_top_ups().await.expect("top-ups");
    let done = show().expect(200).await;
    assert_eq!(done["top_ups"][0]["end"]["state"], "credited");
    assert_eq!(done["now"]["state"], "enough");
    configure(&json!({ "enabled": false })).expect(200).await;
    let none = server.call("configureTopUp").key(beta);
    none.json(&json!({})).problem(400, "invalid-request").await;

    let resume = || server.call("resumeAutoPay").key(beta);
    resume().problem(422, "invalid-request").await;
}

/// Auto-pay of beta fails for want of a grant until it is paused, and is resumed.
pub async fn paused_auto_pay(server: &Server, beta: &str) {
    let policy = server.engine.auto_pay_policy().clone();
    let last = policy.retry_days.last().copied().unwrap_or_default();
    for day in 0..=i64::from(last) {
        server.set_later(day * 86_400);
        server.engine.run_auto_pay().await.expect("auto-pay");
    }
    let paused = server.call("getAutoPay").key(beta).expect(200).await;
    assert_eq!(paused["state"], "paused", "{paused}");
    assert_eq!(paused["paused"]["failures"], 5);
    server.set_later(0);
    let resumed = server.call("resumeAutoPay").key(beta).expect(200).await;
    assert_eq!(resumed["state"], "on");
}

/// An incident of January, whose invoices are there.
pub async fn incidents(server: &Server) {
    let report = |body: &Value| server.admin("reportIncident").json(body);
    let start = 1_768_903_200;
    let hour = json!({ "incident_id": "2026-015", "service": "network", "start": start,
        "end": start + 86_400, "note": "a cable was cut" });
    report(&hour).expect(201).await;
    report(&hour).expect(201).await;
    let with = |field: &str, value: Value| {
        let mut body = hour.clone();
        body[field] = value;
        body
    };
    report(&with("note", json!("another")))
        .problem(422, "invalid-request")
        .await;
    report(&with("incident_id", json!("a b")))
        .problem(422, "incident-refused")
        .await;
    report(&with("colour", json!("red")))
        .problem(400, "invalid-request")
        .await;
    let nobody = with("accounts", json!(["nobody"]));
    report(&nobody).problem(404, "unknown-account").await;
    let measured = json!({ "incident_id": "2026-016", "service": "compute", "start": start,
        "end": start + 3_600, "availability_percent": "99.5", "accounts": [ACME, BETA] });
    let measured = report(&measured).expect(201).await;
    assert_eq!(measured["downtime_secs"], 18);
    server.engine.settle_incidents().await.expect("incidents");
    let show = |id: &str| server.admin("getIncident").path("id", id);
    let settled = show("2026-015").expect(200).await;
    let outcomes = settled["outcomes"].as_array().expect("outcomes");
    assert!(!outcomes.is_empty(), "{settled}");
    show("2026-017").problem(404, "not-found").await;
    let all = server.admin("listIncidents").expect(200).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
}
