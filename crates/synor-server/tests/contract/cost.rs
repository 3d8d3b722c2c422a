//! What usage would cost, what the month will come to, and what other prices would change.

use serde_json::{Value, json};

use crate::ACME;
use crate::support::server::Server;

pub async fn cost(server: &Server, acme: &str) {
    let estimate = |order: &Value| server.call("estimateCost").key(acme).json(order);
    let own = server.call("estimateCost").key(acme).expect(200).await;
    assert_eq!(own["estimates"][0]["account_id"], ACME);
    let stored = json!({ "flags": { "storage": ["500GB"] }, "plan": "standard",
        "usd_per_synor": "0.25", "compare": true, "commitments": [{ "kind": "amount",
        "amount_micro_synor": 1_000_000, "discount_percent": "15", "scope": "everything" }] });
    let cost = estimate(&stored).expect(200).await;
    assert_eq!(cost["total_micro_synor"], 9_000_000);
    assert_eq!(cost["plans"].as_array().map(Vec::len), Some(4));
    let nobody = server.admin("estimateCost").json(&stored);
    assert!(
        nobody.expect(200).await["estimates"][0]
            .get("account_id")
            .is_none()
    );
    let usage =
        json!({ "usage": [{ "resource": "network.egress", "quantity": "2", "unit": "GB" }] });
    let bills = json!({ "bills": [usage], "period": "2026-01" });
    estimate(&bills).expect(200).await;
    let mut ancient = usage.clone();
    ancient["period"] = json!("1969-11");
    estimate(&ancient).problem(409, "no-price").await;
    for (kind, field, value) in [
        ("invalid-request", "usd_per_synor", json!("0")),
        ("price-list-refused", "price_list", json!("version =")),
        (
            "commitment-refused",
            "commitments",
            json!([{ "kind": "amount",
            "amount_micro_synor": 0, "discount_percent": "15", "scope": "everything" }]),
        ),
    ] {
        let mut refused = usage.clone();
        refused[field] = value;
        estimate(&refused).problem(422, kind).await;
    }
    estimate(&json!({ "colour": "red" }))
        .problem(400, "invalid-request")
        .await;

    let forecast = server.call("getForecast").key(acme).expect(200).await;
    assert_eq!(forecast["month"], "2026-02");
    let call = server.admin("getForecast").account("gamma");
    call.problem(409, "no-price").await;

    let rerate = |order: &Value| server.admin("rerateUsage").json(order);
    let plan = json!({ "plan": "standard", "period": "2026-01" });
    let rerated = rerate(&plan).expect(200).await;
    assert!(rerated["difference_micro_synor"].as_i64() < Some(0));
    rerate(&json!({})).problem(422, "invalid-request").await;
    let broken = json!({ "price_list": "version =" });
    rerate(&broken).problem(422, "price-list-refused").await;
    let nobody = json!({ "plan": "free", "account_id": "nobody" });
    rerate(&nobody).problem(404, "unknown-account").await;
    rerate(&json!({ "plan": "gold" }))
        .problem(400, "invalid-request")
        .await;
}
