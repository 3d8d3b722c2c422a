//! The operator's books, and the chain that they follow.

use serde_json::json;

use crate::invoices::Invoices;
use crate::support::document::text;
use crate::support::server::{ADMIN, Server};

pub async fn books(server: &Server) {
    let lists = server.admin("listPriceLists").expect(200).await;
    assert_eq!(lists["items"].as_array().map(Vec::len), Some(1));
    let page = server
        .admin("listJournal")
        .query("limit", "2")
        .expect(200)
        .await;
    let after = page["next_after"].to_string();
    let rest = server
        .admin("listJournal")
        .query("after", &after)
        .expect(200)
        .await;
    assert!(rest.get("next_after").is_none());
    for after in ["-1", "9223372036854775808", "18446744073709551615"] {
        let call = server.admin("listJournal").query("after", after);
        call.problem(400, "invalid-request").await;
    }
    let call = server.admin("listJournal");
    let none = call.query("after", "9223372036854775807").expect(200).await;
    assert_eq!(none["items"], json!([]));
    ledger(server).await;
    server
        .engine
        .store()
        .lease("overdue", "a node", std::time::Duration::from_secs(60))
        .await
        .expect("a lease");
    let jobs = server.admin("listJobs").expect(200).await;
    assert_eq!(jobs["items"][0]["holder"], "a node");
    let all = server.admin("getDistribution").expect(200).await;
    let of_january = server.admin("getDistribution").query("period", "2026-01");
    let of_january = of_january.expect(200).await;
    assert!(of_january["invoices"].as_u64() < all["invoices"].as_u64());
    let call = server.admin("getDistribution").query("period", "1");
    call.problem(400, "invalid-request").await;
    assert_sound(server).await;
}

/// The journal as auditors read it: what every reading says must be what its entries add up to.
async fn ledger(server: &Server) {
    let trial = server.admin("getTrialBalance").expect(200).await;
    assert_eq!(trial["debit_micro_synor"], trial["credit_micro_synor"]);
    let by_kind = server.admin("getTrialBalance").query("by", "kind");
    let by_kind = by_kind.expect(200).await;
    assert_eq!(by_kind["debit_micro_synor"], trial["debit_micro_synor"]);
    let none = server.admin("getTrialBalance").query("at", "0");
    assert_eq!(none.expect(200).await["rows"], json!([]));
    let call = server.admin("getTrialBalance").query("by", "owner");
    call.problem(400, "invalid-request").await;

    let statement = |limit: &str| {
        let call = server.admin("getLedgerStatement").query("limit", limit);
        call.query("ledger_account", "liabilities:prepaid:acme")
    };
    let whole = statement("100").expect(200).await;
    let rows = trial["rows"].as_array().expect("rows");
    let row = rows
        .iter()
        .find(|r| r["account"] == "liabilities:prepaid:acme");
    let credit = row.expect("a row")["credit_micro_synor"].as_i64();
    assert_eq!(whole["closing_micro_synor"].as_i64(), credit.map(|c| -c));
    let first = statement("1").expect(200).await;
    let next = text(&first["next_cursor"]);
    let second = statement("1").query("cursor", next).expect(200).await;
    assert_eq!(second["items"][0], whole["items"][1]);
    assert_eq!(second["opening_micro_synor"], first["closing_micro_synor"]);
    let later = statement("100")
        .query("from", "9999999999")
        .expect(200)
        .await;
    assert_eq!(later["opening_micro_synor"], whole["closing_micro_synor"]);
    for cursor in ["", "x", "1", "-1.5", "1.x"] {
        let call = statement("1").query("cursor", cursor);
        call.problem(400, "invalid-request").await;
    }
    let call = server.admin("getLedgerStatement");
    let call = call.query("ledger_account", "assets:gold");
    call.problem(400, "invalid-request").await;

    let entries = trial["entries"].as_u64().expect("a count");
    for (format, of_an_entry) in [
        ("hledger", "    ; sequence: "),
        ("beancount", "  sequence: "),
        ("ndjson", "{\"sequence\":"),
    ] {
        let call = server.admin("exportLedger").query("format", format);
        let written = call.expect(200).await;
        let lines = text(&written).lines();
        let written = lines.filter(|line| line.starts_with(of_an_entry)).count();
        assert_eq!(u64::try_from(written).ok(), Some(entries), "{format}");
    }
    let call = server.admin("exportLedger").query("format", "csv");
    let call = call.query("from", "9999999999");
    let head = "sequence,entry_id,posted_at,description,account,amount_micro_synor\n";
    assert_eq!(call.expect(200).await, head);
    let call = server.admin("exportLedger").query("format", "xls");
    call.problem(400, "invalid-request").await;
}

pub async fn assert_sound(server: &Server) {
    let verified = server.admin("verifyBooks").expect(200).await;
    assert_eq!(verified["problems"], json!([]));
}

/// The chain for wallets, and at last a reorganization that takes back all that was paid.
pub async fn chain(server: &Server, acme: &str, deposit_id: &str, invoices: &Invoices) {
    let wallet = server.wallet("chain", 10).await;
    let address = json!({ "address": wallet.address() });
    assert_eq!(
        server.rpc("synor_getBalance", address.clone()).await,
        1_000_000_000
    );
    assert_eq!(server.rpc("synor_getNextNonce", address.clone()).await, 0);
    assert_eq!(server.rpc("synor_getChainId", json!([])).await, "synor-dev");
    assert!(server.rpc("synor_getBlockCount", json!([])).await.is_u64());
    let pay_to = server.engine.pay_to();
    let request = json!({ "pay_to": pay_to });
    let signed = server
        .transfer_of(&wallet, &request, 1, "nothing known")
        .await;
    let tx_id = server
        .rpc("synor_sendTransaction", json!({ "signed": signed }))
        .await;
    server.confirm().await;
    let transfer = server.rpc("synor_getTransaction", json!([tx_id])).await;
    assert_eq!(transfer["status"]["state"], "included");
    let grant = json!({ "owner": wallet.address(), "spender": pay_to });
    assert!(server.rpc("synor_getGrant", grant).await.is_null());
    let feed = json!({ "address": pay_to, "after": 0, "limit": 2 });
    let feed = server.rpc("synor_getTransfersTo", feed).await;
    assert_eq!(feed["items"].as_array().map(Vec::len), Some(2));

    let call = |id, method| json!({ "jsonrpc": "2.0", "id": id, "method": method });
    let batch = json!([call(1, "synor_getBlockCount"), call(2, "synor_nothing")]);
    let answers = server.call("callChain").json(&batch).expect(200).await;
    assert_eq!(answers[1]["error"]["code"], -32601);
    let mut refused = call(3, "synor_sendTransaction");
    refused["params"] = json!({ "signed": signed });
    refused["params"]["signed"]["signature"] = json!("00".repeat(64));
    let refused = server.call("callChain").json(&refused).expect(200).await;
    assert_eq!(refused["error"]["data"]["error"], "bad_signature");
    let broken = server
        .call("callChain")
        .body("application/json", "{")
        .malformed()
        .send()
        .await;
    assert_eq!(broken.1["error"]["code"], -32700);
    let call = server
        .call("callChain")
        .body("application/json", vec![0xff]);
    call.problem(400, "invalid-request").await;

    let height = server.chain.mine(1).await.expect("a block");
    let reorganization = json!({ "depth": height.min(1_000), "drop_all": true });
    server.rpc("synor_devReorganize", reorganization).await;
    server.engine.follow_chain().await.expect("the chain");
    let id = text(&invoices.january["invoice_id"]);
    let after = server.call("getInvoicePayment").key(acme).path("id", id);
    let after = after.expect(200).await;
    assert_eq!(after["invoice"]["paid_micro_synor"], 0);
    assert_eq!(after["payments"][0]["status"]["state"], "failed");
    // The deposit is gone, too, and was spent: it is owed until it is mined again.
    let deposit = server.call("getDeposit").key(acme).path("id", deposit_id);
    let deposit = deposit.expect(200).await;
    let payment = &deposit["payments"][0];
    assert_eq!(
        payment["clawback_micro_synor"],
        payment["amount_micro_synor"]
    );
    assert_sound(server).await;
    server.admin("listJournal").expect(200).await;
    server.admin("getDistribution").expect(200).await;
    server.admin("listAccounts").key(ADMIN).expect(200).await;
}
