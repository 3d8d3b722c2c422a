//! The nine endpoints of the founding document over HTTP, on one real server: from usage to a paid
//! invoice, and nothing of one account for the key of another.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Folder, Server, integer, list, text, wait_until};

fn event(account: &str, id: &str, gigabytes: u64) -> Value {
    json!({
        "specversion": "1.0", "type": "network.egress", "source": "node-1", "id": id,
        "subject": account, "time": "2026-01-15T00:00:00Z",
        "data": {"quantity": gigabytes, "unit": "GB", "provider": "operator-1"},
    })
}

/// What 100 GB of egress cost by the built-in prices: 0.05 SYNOR each.
const OWED_MICRO_SYNOR: i128 = 100 * 50_000;

#[test]
fn from_usage_to_a_paid_invoice() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let (api, admin) = (server.api(), &server.secret);
    let key = folder.open_account("acme");

    // POST /events, twice: counted once.
    let batch = json!([event("acme", "1", 60), event("acme", "2", 40)]).to_string();
    let media = "application/cloudevents-batch+json";
    let sent = api.post_text(admin, "/events", media, &batch).expect(200);
    assert_eq!(
        (&sent["accepted"], &sent["duplicate"]),
        (&json!(2), &json!(0))
    );
    let sent = api.post_text(admin, "/events", media, &batch).expect(200);
    assert_eq!(
        (&sent["accepted"], &sent["duplicate"]),
        (&json!(0), &json!(2))
    );

    // GET /billing/usage sees them at once.
    let usage = api.get(&key, "/billing/usage?period=2026-01").expect(200);
    assert_eq!(
        integer(&list(&usage["rows"])[0]["quantity"]),
        100_000_000_000
    );

    let path = "/admin/periods/2026-01/close";
    let closed = api.post(admin, path, &json!({})).expect(200);
    assert_eq!(list(&closed["invoices"]).len(), 1);
    let closed = api.post(admin, path, &json!({})).expect(200);
    assert_eq!(closed["invoices"], json!([]));

    // GET /billing/invoices and /billing/invoices/:id
    let invoices = api.get(&key, "/billing/invoices?limit=10").expect(200);
    let invoice = &list(&invoices["items"])[0];
    assert_eq!(integer(&invoice["total_due_micro_synor"]), OWED_MICRO_SYNOR);
    let id = text(&invoice["invoice_id"]);
    let one = format!("/billing/invoices/{id}");
    let same = api.get(&key, &one).expect(200);
    assert_eq!(same["number"], "INV-000001");
    assert_eq!(same["line_items"], invoice["line_items"]);
    let balance = api.get(&key, "/billing/balance").expect(200);
    assert_eq!(
        integer(&balance["outstanding_micro_synor"]),
        OWED_MICRO_SYNOR
    );

    // POST /billing/invoices/:id/pay says what to transfer, takes the transfer, and takes it once.
    let pay = format!("{one}/pay");
    let asked = api.post(&key, &pay, &json!({})).expect(200);
    let request = &asked["request"];
    assert_eq!(integer(&request["amount_micro_synor"]), OWED_MICRO_SYNOR);
    let wallet = api.wallet("payer", 100);
    let signed = json!({"signed_transfer": api.transfer(&wallet, request)});
    api.post(&key, &pay, &signed).expect(200);
    api.post(&key, &pay, &signed).expect(200);
    let paid = api.wait_for_status(&key, id, "paid");
    assert_eq!(paid["paid_micro_synor"], invoice["total_due_micro_synor"]);
    let again = api.post(&key, &pay, &signed).expect(200);
    assert_eq!(again["invoice"]["status"], "paid");
    assert_eq!(list(&again["payments"]).len(), 1);
    api.post(&key, &pay, &json!({}))
        .problem(409, "invoice-not-payable", &["INV-000001"]);
    let left = 100 * 100_000_000 - OWED_MICRO_SYNOR * 100;
    assert_eq!(i128::from(api.soma_of(&wallet)), left);

    // POST /billing/deposit, GET /billing/credits and /billing/balance.
    let order = json!({"amount": "20 SYNOR"});
    let announced = api
        .post_once(&key, "/billing/deposit", &order, "d1")
        .expect(200);
    let transfer = api.transfer(&wallet, &announced["request"]);
    let path = format!(
        "/billing/deposits/{}/transfer",
        text(&announced["deposit_id"])
    );
    let order = json!({"signed_transfer": transfer});
    let sent = api.post(&key, &path, &order).expect(200);
    assert_eq!(sent["deposit_id"], announced["deposit_id"]);
    wait_until("the deposit counts", || {
        let credits = api.get(&key, "/billing/credits").expect(200);
        (credits["balance_micro_synor"] == 20_000_000).then_some(())
    });
    let balance = api.get(&key, "/billing/balance").expect(200);
    assert_eq!(balance["prepaid_micro_synor"], 20_000_000);
    assert_eq!(balance["outstanding_micro_synor"], 0);

    // POST /billing/auto-pay
    let grant = api.grant(&key, &wallet, 10);
    let order = json!({
        "enabled": true, "max_per_invoice_micro_synor": 10_000_000, "signed_grant": grant,
    });
    let state = api.post(&key, "/billing/auto-pay", &order).expect(200);
    assert_eq!(state["enabled"], true);
    assert_eq!(state["funding_source"], json!(wallet.address()));

    let verified = api.post(admin, "/admin/verify", &json!({})).expect(200);
    assert_eq!(verified["problems"], json!([]));
    assert_eq!(
        integer(&verified["distributed_micro_synor"]),
        OWED_MICRO_SYNOR
    );
    assert_eq!(verified["held_micro_synor"], 20_000_000);
    server.stop();
}

#[test]
fn a_transfer_with_the_reference_as_memo_pays_an_invoice_too() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let api = server.api();
    let key = folder.open_account("acme");
    let single = event("acme", "1", 100).to_string();
    api.post_text(
        &server.secret,
        "/events",
        "application/cloudevents+json",
        &single,
    )
    .expect(200);
    folder.type_in("admin close-period 2026-01").ok();
    let asked = api.post(&key, "/billing/invoices/INV-000001/pay", &json!({}));
    let request = asked.expect(200)["request"].clone();
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 100 SYNOR").ok();
    // In two parts, the second one a SYNOR too much, which becomes credit.
    for amount in ["2", "4"] {
        let send = folder.synor(&["wallet", "send", text(&request["pay_to"]), amount, "SYNOR"]);
        send.arg("--memo").arg(text(&request["reference"])).ok();
    }
    let paid = api.wait_for_status(&key, "INV-000001", "paid");
    assert_eq!(integer(&paid["paid_micro_synor"]), OWED_MICRO_SYNOR);
    assert_eq!(folder.balance("acme")["prepaid_micro_synor"], 1_000_000);
    folder.verified();
}

#[test]
fn the_key_of_an_account_opens_nothing_of_another() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let (api, admin) = (server.api(), &server.secret);
    let (ada, bert) = (folder.open_account("ada"), folder.open_account("bert"));
    let batch = json!([event("ada", "1", 100), event("bert", "1", 10)]).to_string();
    let media = "application/cloudevents-batch+json";
    api.post_text(admin, "/events", media, &batch).expect(200);
    folder.type_in("admin close-period 2026-01").ok();
    let invoices = api.get(&bert, "/billing/invoices").expect(200);
    let of_bert = list(&invoices["items"]);
    assert_eq!(of_bert.len(), 1, "only one's own are listed");
    assert_eq!(of_bert[0]["account_id"], "bert");
    let (id, number) = (text(&of_bert[0]["invoice_id"]), text(&of_bert[0]["number"]));
    let order = json!({"amount": "5 SYNOR"});
    let deposit = api.post(&bert, "/billing/deposit", &order).expect(200);
    let deposit = text(&deposit["deposit_id"]);
    let before = folder.verified();

    for path in [
        format!("/billing/invoices/{id}"),
        format!("/billing/invoices/{number}"),
        format!("/billing/invoices/{id}/payment"),
        format!("/billing/deposits/{deposit}"),
    ] {
        api.get(&ada, &path).problem(404, "not-found", &[]);
        api.get(&bert, &path).expect(200);
    }
    let pay = format!("/billing/invoices/{id}/pay");
    api.post(&ada, &pay, &json!({}))
        .problem(404, "not-found", &[]);
    for path in [
        "/billing/balance",
        "/billing/credits",
        "/billing/invoices",
        "/billing/invoices/current",
        "/billing/usage",
        "/billing/usage/events",
        "/billing/usage/series",
        "/billing/export?period=2026-01",
        "/billing/auto-pay",
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{joint}account=bert");
        api.get(&ada, &path).problem(403, "forbidden", &["bert"]);
    }
    for (path, body) in [
        ("/billing/deposit?account=bert", order),
        ("/billing/auto-pay?account=bert", json!({"enabled": false})),
    ] {
        let reply = api.post(&ada, path, &body);
        reply.problem(403, "forbidden", &["bert"]);
    }
    for path in [
        "/events",
        "/billing/deduct?account=ada",
        "/admin/accounts",
        "/admin/accounts/ada/keys",
        "/admin/accounts/ada/credits",
        "/admin/periods/2026-01/close",
        "/admin/verify",
    ] {
        let reply = api.post(&ada, path, &json!({}));
        reply.problem(403, "forbidden", &["admin"]);
    }
    assert_eq!(folder.verified(), before, "and nothing has changed");

    for (method, path) in [
        (Method::GET, "/billing/balance"),
        (Method::GET, "/billing/invoices"),
        (Method::GET, "/billing/invoices/INV-000001"),
        (Method::POST, "/billing/invoices/INV-000001/pay"),
        (Method::GET, "/billing/usage"),
        (Method::POST, "/billing/deposit"),
        (Method::GET, "/billing/credits"),
        (Method::POST, "/billing/auto-pay"),
        (Method::POST, "/events"),
    ] {
        api.anonymous(method, path)
            .problem(401, "unauthenticated", &[]);
    }
}
