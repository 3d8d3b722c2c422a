//! What happens to an invoice after it was finalized: taxes on it, credit notes, refunds, write-offs.

use serde_json::{Value, json};

use crate::NO_INVOICE;
use crate::invoices::whole;
use crate::support::document::text;
use crate::support::server::Server;
use crate::usage::{event, ingest};

/// An account of that name with VAT and an invoice of 3 GB for 2026-01.
async fn invoiced(server: &Server, account: &str, id: u32) -> Value {
    server.open_account(account).await;
    let vat = json!({ "from": "2026-01", "taxes": [{ "name": "VAT 19%", "percent": "19" }] });
    let set = server.admin("setTaxes").path("id", account).json(&vat);
    let set = set.expect(200).await;
    assert_eq!(set["tax_changes"][0]["taxes"][0]["treatment"], "taxed");
    let time = "2026-01-03T00:00:00Z";
    ingest(
        server,
        &[event("network.egress", "3", account, time, id, "GB")],
    )
    .await;
    let closed = server.admin("closePeriod").path("month", "2026-01");
    let closed = closed.expect(200).await;
    whole(server, account, &closed["invoices"][0]).await
}

pub async fn corrections(server: &Server, acme: &str) {
    taxes(server).await;
    let invoice = invoiced(server, "epsilon", 50).await;
    // 3 GB at 0.05 SYNOR, and 19 %.
    assert_eq!(invoice["taxes"][0]["amount_micro_synor"], 28_500);
    assert_eq!(invoice["amount_due_micro_synor"], 178_500);
    let id = text(&invoice["invoice_id"]);
    let sent = server.admin("markInvoiceSent").path("id", id);
    assert_eq!(sent.expect(200).await["status"], "sent");
    refunding_too_early(server, id).await;
    credit_notes(server, id).await;
    paid(server, id).await;
    refunds(server, id).await;
    write_offs(server, id).await;

    let run = server.admin("runDunning").expect(200).await;
    assert_eq!(run["steps_taken"], 0);
    assert_eq!(
        server.admin("listSuspensions").expect(200).await["items"],
        json!([])
    );
    assert_eq!(
        server.admin("closeDue").expect(200).await["items"],
        json!([])
    );
    for operation in ["listCreditNotes", "listRefunds", "listReminders"] {
        server.call(operation).key(acme).expect(200).await;
        server
            .admin(operation)
            .problem(400, "invalid-request")
            .await;
        let nobody = server.admin(operation).account("nobody");
        nobody.problem(404, "unknown-account").await;
    }
    let notes = |invoice| {
        server
            .admin("listCreditNotesOn")
            .account("epsilon")
            .path("id", invoice)
    };
    assert_eq!(
        notes(id).expect(200).await["items"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    notes("42").problem(400, "invalid-request").await;
    notes("INV-999999").problem(404, "not-found").await;
}

async fn taxes(server: &Server) {
    let set = |account: &str, body: &Value| server.admin("setTaxes").path("id", account).json(body);
    let none = json!({ "from": "2026-01", "taxes": [] });
    set("nobody", &none).problem(404, "unknown-account").await;
    let wrong = json!({ "from": "2027-01", "taxes": [{ "name": "VAT", "percent": "119" }] });
    set("acme", &wrong).problem(422, "invalid-request").await;
    // It has been billed.
    set("acme", &none).problem(422, "invalid-request").await;
    let malformed = set("acme", &json!({ "from": "2027-13", "taxes": [] })).malformed();
    malformed.problem(400, "invalid-request").await;
}

async fn refunding_too_early(server: &Server, id: &str) {
    let body = json!({ "amount": "0.01 SYNOR", "reason": "cancelled" });
    let refund = server.admin("refundInvoice").path("id", id).json(&body);
    refund.problem(409, "invoice-state").await;
}

async fn credit_notes(server: &Server, id: &str) {
    let credit = |id: &str, body: &Value| server.admin("creditInvoice").path("id", id).json(body);
    let lines = json!({
        "lines": [
            { "description": "slow disks", "amount_micro_synor": 11_900 },
            { "description": "goodwill", "amount_micro_synor": 23_800 },
        ],
        "reason": "incident 7",
    });
    let note = credit(id, &lines)
        .idempotency_key("first")
        .expect(201)
        .await;
    assert!(text(&note["number"]).starts_with("CN-"));
    // A fifth of the invoice, and a fifth of its tax.
    assert_eq!(note["owed_micro_synor"], 35_700);
    assert_eq!(note["taxes"][0]["amount_micro_synor"], 5_700);
    let again = credit(id, &lines)
        .idempotency_key("first")
        .expect(201)
        .await;
    assert_eq!(again, note);
    let body = |amount: &str| json!({ "amount": amount, "reason": "incident 7" });
    let other = credit(id, &body("0.01 SYNOR")).idempotency_key("first");
    other.problem(422, "idempotency-key-reused").await;
    credit(id, &body("1 SYNOR"))
        .problem(422, "invalid-amount")
        .await;
    let silent = json!({ "amount": "0.01 SYNOR", "reason": " " });
    credit(id, &silent).problem(422, "invalid-request").await;
    credit(NO_INVOICE, &body("1 SYNOR"))
        .problem(404, "not-found")
        .await;
    let nothing = credit(id, &json!({ "reason": "x" }));
    nothing.problem(400, "invalid-request").await;
}

async fn paid(server: &Server, id: &str) {
    let account = "epsilon";
    let asked = server.admin("payInvoice").account(account).path("id", id);
    let asked = asked.json(&json!({})).expect(200).await;
    assert_eq!(asked["request"]["amount_micro_synor"], 142_800);
    let wallet = server.wallet("epsilon", 10).await;
    let signed = server.transfer(&wallet, &asked["request"]).await;
    let pay = server.admin("payInvoice").account(account).path("id", id);
    pay.json(&json!({ "signed_transfer": signed }))
        .expect(200)
        .await;
    server.confirm().await;
    let invoice = server.admin("getInvoice").account(account).path("id", id);
    assert_eq!(invoice.expect(200).await["status"], "paid");
    let send = |id: &str| server.admin("markInvoiceSent").path("id", id);
    send(id).problem(409, "invoice-state").await;
    send(NO_INVOICE).problem(404, "not-found").await;
    send("42").problem(400, "invalid-request").await;
}

async fn refunds(server: &Server, id: &str) {
    let refund = |id: &str, body: &Value| server.admin("refundInvoice").path("id", id).json(body);
    let into_balance = json!({ "amount": "0.0119 SYNOR", "reason": "cancelled" });
    let note = refund(id, &into_balance)
        .idempotency_key("r")
        .expect(201)
        .await;
    assert_eq!(note["prepaid_micro_synor"], 11_900);
    let again = refund(id, &into_balance)
        .idempotency_key("r")
        .expect(201)
        .await;
    assert_eq!(again, note);
    let wallet = server.wallet("refunded", 1).await;
    let body =
        |amount: &str, to: &str| json!({ "amount": amount, "to": to, "reason": "cancelled" });
    let to_wallet = body("0.0238 SYNOR", wallet.address().as_str());
    let note = refund(id, &to_wallet).expect(201).await;
    assert_eq!(note["refund_micro_synor"], 23_800);
    let other = refund(id, &to_wallet).idempotency_key("r");
    other.problem(422, "idempotency-key-reused").await;
    let too_much = body("1 SYNOR", wallet.address().as_str());
    refund(id, &too_much).problem(422, "invalid-amount").await;
    let itself = body("0.01 SYNOR", server.engine.pay_to().as_str());
    refund(id, &itself).problem(422, "invalid-request").await;
    refund(NO_INVOICE, &to_wallet)
        .problem(404, "not-found")
        .await;
    let nothing = refund(id, &json!({ "reason": "x" }));
    nothing.problem(400, "invalid-request").await;

    let list = || server.admin("listRefunds").account("epsilon");
    assert_eq!(
        list().expect(200).await["items"][0]["status"]["state"],
        "pending"
    );
    server
        .engine
        .send_refunds()
        .await
        .expect("it is signed and sent");
    server.confirm().await;
    server.engine.send_refunds().await.expect("it is confirmed");
    let sent = list().expect(200).await["items"][0].clone();
    assert_eq!(sent["status"]["state"], "confirmed");
    let sources = server
        .admin("listCredits")
        .account("epsilon")
        .expect(200)
        .await;
    assert_eq!(sources["credits"][0]["source"]["type"], "refund");
}

async fn write_offs(server: &Server, paid: &str) {
    let write_off =
        |id: &str, body: &Value| server.admin("writeOffInvoice").path("id", id).json(body);
    let why = json!({ "reason": "insolvent" });
    let invoice = invoiced(server, "zeta", 51).await;
    let id = text(&invoice["invoice_id"]);
    write_off(id, &json!({ "reason": "" }))
        .problem(422, "invalid-request")
        .await;
    let given_up = write_off(id, &why).expect(200).await;
    assert_eq!(given_up["status"], "written_off");
    write_off(paid, &why).problem(409, "invoice-state").await;
    write_off(NO_INVOICE, &why).problem(404, "not-found").await;
    write_off("42", &why).problem(400, "invalid-request").await;
}
