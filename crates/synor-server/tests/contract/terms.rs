//! What an account pays less for: its plan, commitments and promo codes; referrals; new prices.

use serde_json::{Value, json};

use crate::ACME;
use crate::invoices::whole;
use crate::support::document::text;
use crate::support::server::{NOW_SECS, Server};
use crate::usage::{event, ingest};

const OMEGA: &str = "omega";
/// 2026-01-01 and 2026-01-16, at midnight.
const NEW_YEAR: i64 = 1_767_225_600;
const MIDDLE: i64 = NEW_YEAR + 15 * 86_400;
const MARCH: i64 = 1_772_323_200;

pub async fn terms(server: &Server) {
    let omega = server.open_account(OMEGA).await;
    plans(server).await;
    commitments(server).await;
    referrals(server).await;
    billed(server).await;
    promotions(server, &omega).await;
    price_lists(server).await;

    let terms = server.call("getTerms").key(&omega).expect(200).await;
    assert_eq!(terms["plan"], "premium");
    assert_eq!(terms["plan_changes"].as_array().map(Vec::len), Some(3));
    assert_eq!(terms["referred_by"], ACME);
    assert_eq!(terms["commitments"].as_array().map(Vec::len), Some(2));
    assert_eq!(terms["redemptions"].as_array().map(Vec::len), Some(2));
    let named = server.admin("getTerms").account(OMEGA).expect(200).await;
    assert_eq!(named, terms);
    let all = server.admin("listAccounts").expect(200).await;
    let mut all = all["items"].as_array().expect("accounts").iter();
    let own = all.find(|account| account["account_id"] == OMEGA);
    assert_eq!(own.expect("omega")["plan_changes"], terms["plan_changes"]);
}

async fn plans(server: &Server) {
    let change = |order: Value| {
        let call = server.admin("changePlan").path("id", OMEGA);
        call.json(&order)
    };
    for (plan, from) in [
        ("standard", NEW_YEAR),
        ("premium", MIDDLE),
        ("enterprise", MARCH),
    ] {
        let changed = change(json!({ "plan": plan, "from": from }));
        let changed = changed.expect(200).await;
        let last = changed["plan_changes"]
            .as_array()
            .and_then(|all| all.last());
        assert_eq!(last, Some(&json!({ "from": from, "plan": plan })));
    }
    // Before the latest change, and now that is before it, too.
    for order in [
        json!({ "plan": "free", "from": MIDDLE }),
        json!({ "plan": "free" }),
    ] {
        change(order).problem(422, "invalid-request").await;
    }
    for order in [
        json!({ "plan": "gold" }),
        json!({}),
        json!({ "plan": "free", "until": 1 }),
    ] {
        change(order).problem(400, "invalid-request").await;
    }
    let call = server.admin("changePlan").path("id", "nobody");
    let call = call.json(&json!({ "plan": "free" }));
    call.problem(404, "unknown-account").await;
}

async fn commitments(server: &Server) {
    let commit = |key: &str, order: &Value| {
        let call = server.admin("commitAccount").path("id", OMEGA);
        call.idempotency_key(&format!("commit-{key}")).json(order)
    };
    let year = |committed: &Value| json!({ "committed": committed, "starts": "2026-01", "ends": "2026-12" });
    let amount = json!({ "kind": "amount", "amount_micro_synor": 50_000_000,
        "discount_percent": "15", "scope": "service", "of": "network" });
    let taken = commit("1", &year(&amount)).expect(201).await;
    assert_eq!(commit("1", &year(&amount)).expect(201).await, taken);
    let capacity = json!({ "kind": "capacity", "resource": "compute.gpu",
        "dimensions": { "gpu_model": "rtx4090" }, "units": "20", "per": "gpu-hour",
        "rate_micro_synor": "800001/2" });
    let reused = commit("1", &year(&capacity));
    reused.problem(422, "idempotency-key-reused").await;
    commit("2", &year(&capacity)).expect(201).await;

    let changed = |field: &str, value: Value| {
        let mut changed = capacity.clone();
        changed[field] = value;
        changed
    };
    let mut whole = amount.clone();
    whole["discount_percent"] = json!("100");
    for (key, committed) in [
        ("3", changed("units", json!("0"))),
        ("4", changed("per", json!("GB"))),
        ("5", whole),
    ] {
        let call = commit(key, &year(&committed));
        call.problem(422, "commitment-refused").await;
    }
    let backwards = json!({ "committed": amount, "starts": "2026-12", "ends": "2026-01" });
    commit("6", &backwards)
        .problem(422, "commitment-refused")
        .await;
    for order in [
        json!({}),
        year(&json!({ "kind": "promise" })),
        year(&changed("per", json!("parsec"))),
    ] {
        commit("7", &order).problem(400, "invalid-request").await;
    }
    let call = server.admin("commitAccount").path("id", "nobody");
    let call = call.json(&year(&amount));
    call.problem(404, "unknown-account").await;
    let call = server.admin("commitAccount").path("id", ACME);
    let billed = call.json(&year(&amount));
    billed.problem(422, "invalid-request").await;
}

async fn referrals(server: &Server) {
    let refer = |account: &str, referrer: &str| {
        let call = server.admin("recordReferral").path("id", account);
        call.json(&json!({ "referrer_id": referrer }))
    };
    refer(OMEGA, OMEGA).problem(422, "invalid-request").await;
    let referral = refer(OMEGA, ACME).expect(201).await;
    assert_eq!(referral["referrer_id"], ACME);
    refer(OMEGA, ACME).problem(422, "invalid-request").await;
    refer(ACME, OMEGA).problem(422, "invalid-request").await;
    refer("nobody", ACME).problem(404, "unknown-account").await;
    refer("gamma", "nobody")
        .problem(404, "unknown-account")
        .await;
    let call = server.admin("recordReferral").path("id", OMEGA);
    let call = call.json(&json!({ "referrer": ACME }));
    call.problem(400, "invalid-request").await;
}

/// A bill with the discounts of both plans and commitments, and with fees.
async fn billed(server: &Server) {
    let at = |time: &str, id| event("network.egress", "100", OMEGA, time, id, "GB");
    let mut gpu = event(
        "compute.gpu",
        "12",
        OMEGA,
        "2026-01-20T08:00:00Z",
        52,
        "gpu-hours",
    );
    gpu["data"]["dimensions"] = json!({ "gpu_model": "rtx4090", "region": "eu-central" });
    ingest(
        server,
        &[
            at("2026-01-10T00:00:00Z", 50),
            at("2026-01-20T00:00:00Z", 51),
            gpu,
            at("2026-02-02T00:00:00Z", 53),
        ],
    )
    .await;
    let closed = server.admin("closePeriod").path("month", "2026-01");
    let closed = closed.expect(200).await;
    let listed = &closed["invoices"][0];
    assert_eq!(listed["account_id"], OMEGA);
    let invoice = whole(server, OMEGA, listed).await;
    let kinds: Vec<_> = invoice["discounts"]
        .as_array()
        .expect("discounts")
        .iter()
        .map(|discount| text(&discount["discount_type"]["type"]))
        .collect();
    assert!(kinds.starts_with(&["plan", "plan"]), "{kinds:?}");
    assert!(kinds.contains(&"commitment"), "{kinds:?}");
    let fees = invoice["fees"].as_array().expect("fees");
    assert_eq!(fees.len(), 2);

    let late = json!({ "plan": "free", "from": NEW_YEAR });
    let late = server.admin("changePlan").path("id", OMEGA).json(&late);
    late.problem(422, "invalid-request").await;
}

async fn promotions(server: &Server, omega: &str) {
    let code = |code: &str, amount: Value| {
        json!({ "code": code, "amount": amount, "scope": "everything",
            "starts_at": NEW_YEAR, "months": 3, "stacks": true })
    };
    let percent = |value: &str| json!({ "kind": "percent", "value": value });
    let with = |name: &str, field: &str, value: Value| {
        let mut changed = code(name, percent("5"));
        changed[field] = value;
        changed
    };
    let create = |order: &Value| server.admin("createPromotion").json(order);
    let spring = with("Spring-26", "max_redemptions", json!(1));
    let made = create(&spring).expect(201).await;
    assert_eq!(
        (&made["code"], &made["redeemed"]),
        (&json!("SPRING-26"), &json!(0))
    );
    create(&spring).problem(409, "conflict").await;
    let mut fixed = code("EGRESS", json!({ "kind": "fixed", "value": 1_000_000 }));
    fixed["scope"] = json!("resource");
    fixed["of"] = json!("network.egress");
    fixed["accounts"] = json!([OMEGA]);
    create(&fixed).expect(201).await;
    create(&with("LATER", "starts_at", json!(NOW_SECS + 1)))
        .expect(201)
        .await;
    create(&with("EARLIER", "expires_at", json!(NOW_SECS)))
        .expect(201)
        .await;
    for refused in [
        code("ALL", percent("101")),
        code("NONE", percent("0")),
        with("NEVER", "months", json!(0)),
        with("BACK", "expires_at", json!(NEW_YEAR)),
    ] {
        create(&refused).problem(422, "promo-code-refused").await;
    }
    for bad in [
        json!({}),
        with("A", "months", json!(1)),
        with("SCOPE", "scope", json!("half")),
    ] {
        create(&bad).problem(400, "invalid-request").await;
    }

    let redeem = |key: &str, code: &str| {
        let call = server.call("redeemPromoCode").key(key);
        call.json(&json!({ "code": code }))
    };
    let redeemed = redeem(omega, "spring-26").expect(201).await;
    assert_eq!(
        (&redeemed["first_month"], &redeemed["last_month"]),
        (&json!("2026-02"), &json!("2026-04"))
    );
    redeem(omega, "EGRESS").expect(201).await;
    for code in ["SPRING-26", "LATER", "EARLIER", "!"] {
        let call = redeem(omega, code);
        call.problem(422, "promo-code-refused").await;
    }
    for code in ["SPRING-26", "EGRESS"] {
        let call = server.admin("redeemPromoCode").account(ACME);
        let call = call.json(&json!({ "code": code }));
        call.problem(422, "promo-code-refused").await;
    }
    redeem(omega, "NOTHING").problem(404, "not-found").await;
    let call = server.call("redeemPromoCode").key(omega);
    let call = call.json(&json!({ "promo": "X" }));
    call.problem(400, "invalid-request").await;
    let all = server.admin("listPromotions").expect(200).await;
    let used = all["items"].as_array().expect("promotions").iter();
    let used: i64 = used.filter_map(|p| p["redeemed"].as_i64()).sum();
    assert_eq!(used, 2);

    let draft = server.call("getCurrentInvoice").key(omega);
    let draft = draft.expect(200).await;
    let discounts = draft["discounts"].as_array().expect("discounts");
    let promotional = discounts
        .iter()
        .filter(|d| d["discount_type"]["type"] == "promotional");
    assert_eq!(promotional.count(), 2);
    assert!(draft["fees"].is_array());
}

async fn price_lists(server: &Server) {
    let lists = server.admin("listPriceLists").expect(200).await;
    let old = &lists["items"][0];
    let version = text(&old["version"]);
    let dated = |name: &str, from: &str| {
        let toml = text(&old["toml"]).replacen(version, name, 1);
        json!({ "toml": toml.replacen("1970-01-01", from, 1) })
    };
    let activate = |order: &Value| server.admin("activatePriceList").json(order);
    let march = dated("march", "2026-03-01");
    let made = activate(&march).expect(201).await;
    assert_eq!(
        (&made["version"], &made["effective_from"]),
        (&json!("march"), &json!(MARCH))
    );
    assert_eq!(activate(&march).expect(201).await, made);
    let changed = activate(&dated("march", "2026-04-01"));
    changed.problem(409, "price-list-changed").await;
    let back = activate(&dated("january", "2026-01-15"));
    back.problem(409, "price-list-back-dated").await;
    let broken = activate(&json!({ "toml": "version = " }));
    broken.problem(422, "price-list-refused").await;
    for bad in [json!({}), json!({ "toml": "", "version": "x" })] {
        activate(&bad).problem(400, "invalid-request").await;
    }
    let lists = server.admin("listPriceLists").expect(200).await;
    assert_eq!(lists["items"].as_array().map(Vec::len), Some(2));
}
