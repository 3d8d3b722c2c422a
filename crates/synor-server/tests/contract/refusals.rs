//! What is refused everywhere: a wrong key, what is another's, too much, what is not there.

use std::collections::BTreeSet;

use serde_json::json;
use synor_chain::Wallet;

use crate::limits::NO_CREDIT;
use crate::support::document::{Operation, text};
use crate::support::server::{CHAIN_ID, Server};
use crate::usage::{event, ingest};
use crate::{ACME, BETA, NO_ASK, NO_BID, NO_DEPOSIT, NO_ENDPOINT, NO_HOLD, NO_INVOICE, NO_KEY};

/// Values for the parameters of any path, of things that do not exist.
pub fn anything(operation: &Operation) -> Vec<(&'static str, &'static str)> {
    let id = match operation.path.as_str() {
        path if path.contains("/deposits/") => NO_DEPOSIT,
        path if path.contains("/invoices/") => NO_INVOICE,
        path if path.contains("/billing/credits/") => NO_CREDIT,
        path if path.contains("/holds/") => NO_HOLD,
        path if path.contains("/webhooks/") => NO_ENDPOINT,
        path if path.contains("/asks/") => NO_ASK,
        path if path.contains("/bids/") => NO_BID,
        path if path.contains("/keys/") => NO_KEY,
        _ => ACME,
    };
    vec![("id", id), ("month", "2026-01")]
}

fn secured(server: &Server) -> Vec<Operation> {
    let all = server.document.operations();
    all.filter(|o| o.is_secured()).cloned().collect()
}

#[tokio::test]
async fn without_a_key_or_with_a_wrong_one_there_is_no_answer() {
    let server = Server::start().await;
    let acme = server.open_account(ACME).await;
    let open: BTreeSet<_> = server
        .document
        .operations()
        .filter(|o| !o.is_secured())
        .map(|o| o.path.as_str())
        .collect();
    let without_key = ["/healthz", "/metrics", "/openapi.json", "/readyz", "/rpc"];
    assert_eq!(open, BTreeSet::from(without_key));
    let nearly = &acme[..acme.len() - 1];
    for operation in secured(&server) {
        for key in [None, Some(""), Some("x"), Some(nearly), Some("Bearer")] {
            let mut call = server.call(&operation.id);
            for (name, value) in anything(&operation) {
                call = call.path(name, value);
            }
            if let Some(key) = key {
                call = call.key(key);
            }
            call.problem(401, "unauthenticated").await;
        }
    }
    for scheme in ["bearer", "BEARER"] {
        let call = server.call("getBalance").key(&acme).scheme(scheme);
        call.expect(200).await;
    }
    let call = server.call("getBalance").key(&acme).scheme("Basic");
    call.problem(401, "unauthenticated").await;
}

/// What is the same for everyone with a key.
const FOR_ANYONE: [&str; 7] = [
    "getOracleHistory",
    "getOraclePrice",
    "getOracleTwap",
    "getSpotPrices",
    "listOracleRates",
    "listOracleSources",
    "listSpotMarkets",
];

#[tokio::test]
async fn an_account_sees_and_moves_nothing_of_another() {
    let server = Server::start().await;
    let acme = server.open_account(ACME).await;
    let beta = server.open_account(BETA).await;
    ingest(
        &server,
        &[event(
            "network.egress",
            "1",
            BETA,
            "2026-01-10T00:00:00Z",
            9,
            "GB",
        )],
    )
    .await;
    let closed = server.admin("closePeriod").path("month", "2026-01");
    let closed = closed.expect(200).await;
    let invoice = &closed["invoices"][0];
    let order = json!({ "amount": "5 SYNOR" });
    let deposit = server.call("announceDeposit").key(&beta).json(&order);
    let deposit = deposit.expect(200).await;

    // By name: no operation takes another account's name, and none of the operator's takes any.
    let mut of_nobody = BTreeSet::new();
    for operation in secured(&server) {
        let takes_account = server
            .document
            .parameters(&operation)
            .contains_key("account");
        // What a customer may call and what takes no account is the same for all.
        if operation.roles().contains(&"customer") && !takes_account {
            of_nobody.insert(operation.id);
            continue;
        }
        let mut call = server.call(&operation.id).key(&acme);
        for (name, value) in anything(&operation) {
            call = call.path(name, value);
        }
        if takes_account {
            call = call.account(BETA);
        }
        call.problem(403, "forbidden").await;
    }
    let of_nobody: Vec<_> = of_nobody.iter().map(String::as_str).collect();
    assert_eq!(of_nobody, FOR_ANYONE);

    // By id: what belongs to another is as if it did not exist.
    for id in [text(&invoice["invoice_id"]), text(&invoice["number"])] {
        for operation in ["getInvoice", "payInvoice", "getInvoicePayment"] {
            let call = server.call(operation).key(&acme).path("id", id);
            call.problem(404, "not-found").await;
            if operation != "payInvoice" {
                server
                    .call(operation)
                    .key(&beta)
                    .path("id", id)
                    .expect(200)
                    .await;
            }
        }
    }
    let bid = json!({ "resource": "compute.cpu", "quantity": "1", "price": "1 SYNOR" });
    let bid = server.call("placeSpotBid").key(&beta).json(&bid);
    let bid = bid.expect(201).await;
    let withdraw = |key: &str| {
        let call = server.call("withdrawSpotBid").key(key);
        call.path("id", text(&bid["bid_id"]))
    };
    withdraw(&acme).problem(404, "not-found").await;
    withdraw(&beta).expect(200).await;
    let id = text(&deposit["deposit_id"]);
    let call = server.call("getDeposit").key(&acme).path("id", id);
    call.problem(404, "not-found").await;
    server
        .call("getDeposit")
        .key(&beta)
        .path("id", id)
        .expect(200)
        .await;

    // By list: only what is its own.
    let code = json!({ "code": "FOR-BETA", "amount": { "kind": "percent", "value": "10" },
        "scope": "everything", "starts_at": 0, "months": 1, "stacks": true, "accounts": [BETA] });
    let made = server.admin("createPromotion").json(&code);
    made.expect(201).await;
    let redeem = |key: &str| {
        let call = server.call("redeemPromoCode").key(key);
        call.json(&json!({ "code": "FOR-BETA" }))
    };
    redeem(&acme).problem(422, "promo-code-refused").await;
    redeem(&beta).expect(201).await;
    let plan = server.admin("changePlan").path("id", BETA);
    let plan = plan.json(&json!({ "plan": "premium" }));
    plan.expect(200).await;
    let terms = server.call("getTerms").key(&acme).expect(200).await;
    let none = json!({ "account_id": ACME, "plan": "free", "plan_changes": [],
        "commitments": [], "redemptions": [] });
    assert_eq!(terms, none);
    let bids = server.call("listSpotBids").key(&acme).expect(200).await;
    assert_eq!(bids, json!({ "items": [], "holdings": [] }));
    let call = server.call("listSpotInterruptions").key(&acme);
    assert_eq!(call.expect(200).await["items"], json!([]));
    let usage = server
        .call("getUsage")
        .key(&acme)
        .query("period", "2026-01");
    assert_eq!(usage.expect(200).await["rows"], json!([]));
    let events = server.call("listUsageEvents").key(&acme).expect(200).await;
    assert_eq!(events["items"], json!([]));
    let series = server
        .call("getUsageSeries")
        .key(&acme)
        .query("period", "2026-01");
    assert_eq!(series.expect(200).await["lines"], json!([]));
    let invoices = server.call("listInvoices").key(&acme).expect(200).await;
    assert_eq!(invoices["items"], json!([]));
    let export = server
        .call("exportMonth")
        .key(&acme)
        .query("period", "2026-01");
    assert_eq!(export.expect(200).await["line_items"], json!([]));
    // A cursor of another's list gives nothing of it.
    let cursor = format!("9.{}", text(&invoice["invoice_id"]));
    let invoices = server
        .call("listInvoices")
        .key(&acme)
        .query("cursor", &cursor);
    assert_eq!(invoices.expect(200).await["items"], json!([]));
    // One key may name two accounts, each in its turn; neither is the other's.
    let same = server.call("announceDeposit").key(&acme).json(&order);
    let same = same.idempotency_key("1").expect(200).await;
    let other = server.call("announceDeposit").key(&beta).json(&order);
    let other = other.idempotency_key("1").expect(200).await;
    assert_ne!(same["deposit_id"], other["deposit_id"]);
}

#[tokio::test]
async fn what_is_too_large_is_refused_by_all() {
    let server = Server::start().await;
    server.open_account(ACME).await;
    let body = vec![b' '; synor_server::BODY_MAX_BYTES + 1];
    for operation in server.document.operations().cloned().collect::<Vec<_>>() {
        let Some(content) = server.document.request_content(&operation) else {
            continue;
        };
        let media = content.keys().next().expect("a media type").clone();
        let mut call = server.admin(&operation.id).body(&media, body.clone());
        for (name, value) in anything(&operation) {
            call = call.path(name, value);
        }
        if server
            .document
            .parameters(&operation)
            .contains_key("account")
        {
            call = call.account(ACME);
        }
        call.problem(413, "invalid-request").await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_as_a_problem() {
    let server = Server::start().await;
    for path in [
        "/nothing",
        "/api/v1",
        "/api/v1/billing",
        "/api/v1/nothing",
        "/api/v2/events",
    ] {
        let (status, problem) = server.raw("GET", path).await;
        assert_eq!((status, &problem["status"]), (404, &json!(404)), "{path}");
    }
    let known: BTreeSet<_> = server
        .document
        .operations()
        .map(|o| o.path.clone())
        .collect();
    for path in known {
        let (status, problem) = server.raw("PUT", &path).await;
        assert_eq!((status, &problem["status"]), (405, &json!(405)), "{path}");
    }
}

#[tokio::test]
async fn without_its_chain_the_server_says_so_and_goes_on() {
    let server = Server::start_without_chain().await;
    let acme = server.open_account(ACME).await;
    let used = event("network.egress", "9", ACME, "2026-01-10T00:00:00Z", 1, "GB");
    ingest(&server, &[used]).await;
    let closed = server.admin("closePeriod").path("month", "2026-01");
    let closed = closed.expect(200).await;
    let invoice = text(&closed["invoices"][0]["invoice_id"]);
    let pay = || server.call("payInvoice").key(&acme).path("id", invoice);
    let order = json!({ "amount": "5 SYNOR" });
    let asked = pay().expect(200).await;
    let announced = server.call("announceDeposit").key(&acme).json(&order);
    let announced = announced.expect(200).await;

    let wallet = Wallet::development(CHAIN_ID, ACME);
    let signed = server.transfer(&wallet, &asked["request"]).await;
    let paid = pay().json(&json!({ "signed_transfer": signed }));
    let signed = server.transfer(&wallet, &announced["request"]).await;
    let id = text(&announced["deposit_id"]);
    let deposited = server.call("transferDeposit").key(&acme).path("id", id);
    let deposited = deposited.json(&json!({ "signed_transfer": signed }));
    let grant = server.grant(&wallet, 5).await;
    let order = json!({ "enabled": true, "max_per_invoice_micro_synor": 1, "signed_grant": grant });
    let granted = server.call("configureAutoPay").key(&acme).json(&order);
    for call in [paid, deposited, granted] {
        call.problem(503, "chain-unavailable").await;
    }
    let unready = server.call("getReadiness").problem(503, "not-ready").await;
    assert_eq!(unready["detail"], "no answer from: chain");
    assert_eq!(server.call("getHealth").expect(200).await, "ok\n");
    // Of the stream, whose absence `stream` looks at.
    server.assert_all_seen(|operation, status| status != 503 || operation.id == "ingestEvents");

    assert_eq!(pay().expect(200).await, asked);
    let off = server.call("getAutoPay").key(&acme).expect(200).await;
    assert_eq!(off["enabled"], false);
}
