//! What comes in: deposits, credits, auto-pay and payments.

use serde_json::{Value, json};
use synor_chain::Chain;

use crate::invoices::Invoices;
use crate::support::document::text;
use crate::support::server::{NOW_SECS, Server};
use crate::{ACME, BETA, NO_DEPOSIT, NO_INVOICE};

/// Deposits, credits and what is spent of them. Returns the deposit's id.
pub async fn prepaid(server: &Server, acme: &str) -> String {
    let order = json!({ "amount": "100 SYNOR" });
    let announce = |order: &Value| {
        let call = server.call("announceDeposit").key(acme).json(order);
        call.idempotency_key("deposit-2026-02")
    };
    let deposit = announce(&order).expect(200).await;
    assert_eq!(announce(&order).expect(200).await, deposit);
    let other = json!({ "amount_micro_synor": 1 });
    announce(&other)
        .problem(422, "idempotency-key-reused")
        .await;

    let wallet = server.wallet("acme", 500).await;
    let request = &deposit["request"];
    let id = text(&deposit["deposit_id"]);
    let hand_in = |signed: Value| {
        let call = server.call("transferDeposit").key(acme).path("id", id);
        call.json(&json!({ "signed_transfer": signed }))
    };
    let wrong = server
        .transfer_of(&wallet, request, 100_000_000, "no memo")
        .await;
    hand_in(wrong).problem(422, "invalid-request").await;
    let poor = server.wallet("poor", 1).await;
    let uncovered = server.transfer(&poor, request).await;
    hand_in(uncovered).problem(422, "chain-refused").await;
    let signed = server.transfer(&wallet, request).await;
    let under_way = hand_in(signed.clone()).expect(200).await;
    let again = hand_in(signed.clone()).expect(200).await;
    assert_eq!(again["tx_id"], under_way["tx_id"]);
    let call = server.call("transferDeposit").key(acme);
    let call = call.path("id", id).json(&json!({}));
    call.problem(400, "invalid-request").await;
    let call = server.call("transferDeposit").key(acme);
    let call = call.path("id", NO_DEPOSIT);
    let call = call.json(&json!({ "signed_transfer": signed }));
    call.problem(404, "not-found").await;
    server.chain.mine(1).await.expect("a block");
    server.engine.follow_chain().await.expect("the chain");
    let show = || server.call("getDeposit").key(acme).path("id", id);
    assert_eq!(
        show().expect(200).await["payments"][0]["status"]["state"],
        "pending"
    );
    server.confirm().await;
    let arrived = show().expect(200).await;
    assert_eq!(arrived["credited_micro_synor"], 100_000_000);
    assert_eq!(arrived["payments"].as_array().map(Vec::len), Some(1));
    let call = server.call("getDeposit").key(acme).path("id", "dep_1");
    call.problem(400, "invalid-request").await;
    for bad in [
        json!({}),
        json!({ "amount": "100" }),
        json!({ "amount": "0 SYNOR" }),
        json!({ "amount_micro_synor": -5 }),
        json!({ "amount": "1 SYNOR", "amount_micro_synor": 1_000_000 }),
        json!({ "amount": "1 SYNOR", "memo": "x" }),
    ] {
        let call = server.call("announceDeposit").key(acme).json(&bad);
        call.problem(400, "invalid-request").await;
    }
    let call = server.call("announceDeposit").key(acme).json(&order);
    let call = call.idempotency_key(&"k".repeat(256));
    call.problem(400, "invalid-request").await;

    let expires_at = NOW_SECS + 86_400;
    for (key, source) in [
        ("1", json!({ "type": "promotional", "campaign": "launch" })),
        ("2", json!({ "type": "referral", "referred_by": BETA })),
        (
            "3",
            json!({ "type": "sla_credit", "incident_id": "2026-014" }),
        ),
        (
            "4",
            json!({ "type": "manual", "reason": "goodwill", "admin": "jo" }),
        ),
    ] {
        let grant = json!({ "amount": "2.5 SYNOR", "source": source, "expires_at": expires_at });
        let call = || {
            server
                .admin("grantCredit")
                .path("id", ACME)
                .idempotency_key(key)
        };
        let credit = call().json(&grant).expect(201).await;
        assert_eq!(call().json(&grant).expect(201).await, credit);
        if source["type"] == "sla_credit" {
            // Another command, and the same incident.
            let call = server.admin("grantCredit").path("id", ACME).json(&grant);
            call.problem(409, "conflict").await;
        }
        let grant = json!({ "amount": "3 SYNOR", "source": source });
        call()
            .json(&grant)
            .problem(422, "idempotency-key-reused")
            .await;
    }
    let manual = json!({ "type": "manual", "reason": "goodwill", "admin": "jo" });
    let prepaid = json!({ "type": "prepaid", "tx_id": "00" });
    let correction = json!({ "type": "correction", "invoice_id": NO_INVOICE });
    for (kind, status, grant) in [
        ("invalid-request", 400, json!({ "amount": "1 SYNOR" })),
        (
            "invalid-request",
            400,
            json!({ "amount": "1", "source": manual }),
        ),
        (
            "invalid-request",
            400,
            json!({ "amount": "1 SYNOR", "source": manual, "until": 1 }),
        ),
        (
            "invalid-request",
            422,
            json!({ "amount": "1 SYNOR", "source": prepaid }),
        ),
        (
            "invalid-request",
            422,
            json!({ "amount": "1 SYNOR", "source": correction }),
        ),
        // The books hold some already, and no more than 64 bits.
        (
            "invalid-amount",
            422,
            json!({ "amount_micro_synor": i64::MAX, "source": manual }),
        ),
        (
            "invalid-amount",
            422,
            json!({ "amount": "1 SYNOR", "source": manual, "expires_at": 1 }),
        ),
    ] {
        let call = server.admin("grantCredit").path("id", ACME).json(&grant);
        call.problem(status, kind).await;
    }
    let call = server.admin("grantCredit").path("id", "nobody");
    let call = call.json(&json!({ "amount": "1 SYNOR", "source": manual }));
    call.problem(404, "unknown-account").await;

    let deduct = |amount: &str| {
        let order = json!({ "amount": amount, "reason": "inference, 2026-02-03" });
        server.admin("deductBalance").account(ACME).json(&order)
    };
    let taken = deduct("12 SYNOR").idempotency_key("d").expect(200).await;
    assert_eq!(taken["remaining_balance_micro_synor"], 98_000_000);
    assert_eq!(
        deduct("12 SYNOR").idempotency_key("d").expect(200).await,
        taken
    );
    let reused = deduct("13 SYNOR").idempotency_key("d");
    reused.problem(422, "idempotency-key-reused").await;
    deduct("98.000001 SYNOR")
        .problem(402, "insufficient-balance")
        .await;
    deduct("much").problem(400, "invalid-request").await;
    let order = json!({ "amount": "1 SYNOR", "reason": "r", "from": "credit" });
    let call = server.admin("deductBalance").account(ACME).json(&order);
    call.problem(400, "invalid-request").await;

    let balance = server.call("getBalance").key(acme).expect(200).await;
    assert_eq!(balance["prepaid_micro_synor"], 98_000_000);
    let credits = server.call("listCredits").key(acme).expect(200).await;
    assert_eq!(credits["credits"].as_array().map(Vec::len), Some(5));
    id.to_owned()
}

pub async fn auto_pay(server: &Server, acme: &str, beta: &str) {
    let configure = |key: &str, order: &Value| server.call("configureAutoPay").key(key).json(order);
    let before = server.call("getAutoPay").key(beta).expect(200).await;
    assert_eq!(before["enabled"], false);
    let micro = 500_000_000;
    let order = json!({ "enabled": true, "max_per_invoice_micro_synor": micro });
    configure(beta, &order)
        .problem(422, "invalid-request")
        .await;
    configure(beta, &json!({ "on": true }))
        .problem(400, "invalid-request")
        .await;

    let wallet = server.wallet("beta", 1_000).await;
    let with = |grant: Value| json!({ "enabled": true, "max_per_invoice_micro_synor": micro, "signed_grant": grant });
    let small = server.grant(&wallet, 5).await;
    configure(beta, &with(small))
        .problem(422, "grant-too-small")
        .await;
    server.chain.mine(1).await.expect("a block");
    let mut foreign = server.grant(&wallet, 500).await;
    foreign["chain_id"] = json!("another");
    configure(beta, &with(foreign))
        .problem(422, "chain-refused")
        .await;
    let grant = server.grant(&wallet, 500).await;
    let on = configure(beta, &with(grant)).expect(200).await;
    assert_eq!(on["funding_source"], json!(wallet.address()));
    server.chain.mine(1).await.expect("a block");
    let grant = server.grant(&wallet, 500).await;
    configure(acme, &with(grant)).problem(409, "conflict").await;
    server.chain.mine(1).await.expect("a block");
    assert_eq!(server.call("getAutoPay").key(beta).expect(200).await, on);

    let revoke = server.grant(&wallet, 0).await;
    let revoke = serde_json::from_value(revoke).expect("a transaction");
    server.chain.submit(revoke).await.expect("a revocation");
    server.chain.mine(1).await.expect("a block");
    crate::limits::paused_auto_pay(server, beta).await;
    let grant = server.grant(&wallet, 500).await;
    configure(beta, &with(grant)).expect(200).await;
    server.chain.mine(1).await.expect("a block");

    server.engine.run_auto_pay().await.expect("auto-pay");
    server.confirm().await;
    let balance = server.call("getBalance").key(beta).expect(200).await;
    let shown = server.call("getAutoPay").key(beta).expect(200).await;
    assert_eq!(balance["open_invoices"], 0, "{shown}");
    crate::limits::top_ups(server, beta).await;
    let off = configure(beta, &json!({ "enabled": false }))
        .expect(200)
        .await;
    assert_eq!(off["enabled"], false);
}

pub async fn paying(server: &Server, acme: &str, invoices: &Invoices) {
    // December took all of the balance; what is left of January is to be paid.
    let id = text(&invoices.january["invoice_id"]);
    let pay = || server.call("payInvoice").key(acme).path("id", id);
    let asked = pay().expect(200).await;
    let wallet = server.wallet("acme", 10_000).await;
    let with = |signed: Value| json!({ "signed_transfer": signed });
    let request = &asked["request"];
    let wrong = server.transfer_of(&wallet, request, 1, "no memo").await;
    pay()
        .json(&with(wrong))
        .problem(422, "invalid-request")
        .await;
    let mut forged = server.transfer(&wallet, request).await;
    forged["nonce"] = json!(999);
    pay()
        .json(&with(forged))
        .problem(422, "chain-refused")
        .await;
    pay()
        .json(&json!({ "signed": {} }))
        .problem(400, "invalid-request")
        .await;

    let part = server.transfer_of(&wallet, request, 1_000_000, id).await;
    pay().json(&with(part)).expect(200).await;
    server.confirm().await;
    let after = server.call("getInvoicePayment").key(acme).path("id", id);
    let after = after.expect(200).await;
    assert_eq!(after["invoice"]["paid_micro_synor"], 1_000_000);
    // More than is owed: the rest becomes prepaid credit.
    let owed = after["request"]["amount_micro_synor"]
        .as_u64()
        .expect("an amount");
    let over = server.transfer_of(&wallet, request, owed + 7, id).await;
    pay().json(&with(over.clone())).expect(200).await;
    server.confirm().await;
    let paid = server.call("getInvoicePayment").key(acme).path("id", id);
    let paid = paid.expect(200).await;
    assert_eq!(paid["invoice"]["status"], "paid");
    let payments = paid["payments"].as_array().expect("payments");
    let credited = payments.iter().map(|p| p["credited_micro_synor"].as_i64());
    assert_eq!(credited.sum::<Option<i64>>(), Some(7));
    let order = |p: &Value| (p["seen_at"].as_i64(), p["payment_id"].to_string());
    assert!(payments.is_sorted_by_key(order));
    // A retry gives the state; another transfer has nothing to pay.
    assert_eq!(pay().json(&with(over)).expect(200).await, paid);
    pay().problem(409, "invoice-not-payable").await;
    let more = server.transfer_of(&wallet, request, 1, id).await;
    pay()
        .json(&with(more))
        .problem(409, "invoice-not-payable")
        .await;
}
