//! A balance spent in two steps.

use serde_json::{Value, json};

use crate::NO_HOLD;
use crate::support::document::text;
use crate::support::server::Server;

const HOLDER: &str = "holder";

pub async fn holds(server: &Server) {
    let opened = json!({ "account_id": HOLDER });
    server.admin("openAccount").json(&opened).expect(201).await;
    let source = json!({ "type": "promotional", "campaign": "launch" });
    let grant = json!({ "amount": "98 SYNOR", "source": source });
    let call = server.admin("grantCredit").path("id", HOLDER).json(&grant);
    call.expect(201).await;

    let sufficient = |required: &str| {
        let call = server.admin("hasSufficientBalance").account(HOLDER);
        call.query("required", required)
    };
    let answer = sufficient("98 SYNOR").expect(200).await;
    assert_eq!(answer["has_sufficient_balance"], true);
    let answer = sufficient("98.000001 SYNOR").expect(200).await;
    assert_eq!(answer["has_sufficient_balance"], false);
    sufficient("much").problem(400, "invalid-request").await;
    let nobody = server.admin("hasSufficientBalance").account("nobody");
    let nobody = nobody.query("required_micro_synor", "1");
    nobody.problem(404, "unknown-account").await;

    let id = placing(server).await;
    capturing(server, &id).await;
    releasing(server).await;
}

async fn placing(server: &Server) -> String {
    let place = |order: Value| server.admin("placeHold").account(HOLDER).json(&order);
    let order = json!({ "amount": "30 SYNOR", "reason": "rendering", "expires_in_secs": 60 });
    let placed = || place(order.clone()).idempotency_key("h");
    let hold = placed().expect(201).await;
    assert_eq!(placed().expect(201).await, hold);
    let lasts = |at: &str| hold[at].as_i64().expect("a time");
    assert_eq!(lasts("expires_at") - lasts("created_at"), 60);
    assert_eq!(hold["remaining_balance_micro_synor"], 68_000_000);
    let other = json!({ "amount": "31 SYNOR", "reason": "rendering", "expires_in_secs": 60 });
    let reused = place(other).idempotency_key("h");
    reused.problem(422, "idempotency-key-reused").await;
    let much = json!({ "amount": "68.000001 SYNOR", "reason": "rendering" });
    place(much).problem(402, "insufficient-balance").await;
    for secs in [0, -1, 31 * 86_400 + 1] {
        let order = json!({ "amount": "1 SYNOR", "reason": "r", "expires_in_secs": secs });
        place(order).problem(422, "invalid-request").await;
    }
    let strange = json!({ "amount": "1 SYNOR", "reason": "r", "until": 1 });
    place(strange).problem(400, "invalid-request").await;
    let nobody = server.admin("placeHold").account("nobody");
    let order = json!({ "amount_micro_synor": 1, "reason": "r" });
    nobody.json(&order).problem(404, "unknown-account").await;

    let id = text(&hold["hold_id"]);
    let get = |id: &str| server.admin("getHold").account(HOLDER).path("id", id);
    let shown = get(id).expect(200).await;
    assert_eq!(shown["status"], "open");
    get(NO_HOLD).problem(404, "not-found").await;
    get("hld_1").problem(400, "invalid-request").await;
    let balance = server.admin("getBalance").account(HOLDER);
    let balance = balance.expect(200).await;
    assert_eq!(balance["on_hold_micro_synor"], 30_000_000);
    id.to_owned()
}

async fn capturing(server: &Server, id: &str) {
    let capture = |id: &str, order: Value| {
        let call = server.admin("captureHold").account(HOLDER).path("id", id);
        call.json(&order)
    };
    let part = json!({ "amount": "12 SYNOR", "final": false });
    let captured = || capture(id, part.clone()).idempotency_key("c");
    let first = captured().expect(200).await;
    assert_eq!(captured().expect(200).await, first);
    assert_eq!(first["hold"]["status"], "open");
    let reused = capture(id, json!({ "final": false })).idempotency_key("c");
    reused.problem(422, "idempotency-key-reused").await;
    let more = capture(id, json!({ "amount": "18.000001 SYNOR" }));
    more.problem(422, "hold-exceeded").await;
    let strange = capture(id, json!({ "amount": "1" }));
    strange.problem(400, "invalid-request").await;
    capture(NO_HOLD, json!({})).problem(404, "not-found").await;
    let last = capture(id, json!({ "amount_micro_synor": 1 }));
    let last = last.expect(200).await;
    assert_eq!(last["hold"]["status"], "captured");
    assert_eq!(last["remaining_balance_micro_synor"], 85_999_999);
    capture(id, json!({})).problem(409, "hold-closed").await;
}

async fn releasing(server: &Server) {
    let order = json!({ "amount": "5 SYNOR", "reason": "rendering" });
    let place = || server.admin("placeHold").account(HOLDER).json(&order);
    let hold = place().expect(201).await;
    let id = text(&hold["hold_id"]);
    let release = |id: &str| server.admin("releaseHold").account(HOLDER).path("id", id);
    let freed = release(id).idempotency_key("freed").expect(200).await;
    assert_eq!(freed["status"], "released");
    assert_eq!(
        release(id).idempotency_key("freed").expect(200).await,
        freed
    );
    release(id).problem(409, "hold-closed").await;
    release(NO_HOLD).problem(404, "not-found").await;
    release("x").problem(400, "invalid-request").await;
    let open = place().expect(201).await;
    let reused = release(text(&open["hold_id"])).idempotency_key("freed");
    reused.problem(422, "idempotency-key-reused").await;

    let list = || server.admin("listHolds").account(HOLDER);
    let all = list().query("limit", "1").expect(200).await;
    let next = text(&all["next_cursor"]).to_owned();
    list().query("cursor", &next).expect(200).await;
    let open = list().query("open", "true").expect(200).await;
    assert_eq!(open["items"].as_array().map(Vec::len), Some(1));
    list()
        .query("limit", "0")
        .problem(400, "invalid-request")
        .await;
    let nobody = server.admin("listHolds").account("nobody");
    nobody.problem(404, "unknown-account").await;
}
