//! The same over HTTP: a problem document that says what is wrong, and nothing is stored.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Api, Folder, MONTH, Server, list, seconds_from_now};

struct Shop {
    folder: Folder,
    server: Server,
    api: Api,
    key: String,
}

impl Shop {
    /// A server with an account that has paid an invoice of 100 GB.
    fn open() -> Self {
        let folder = Folder::new();
        let server = Server::start(&folder);
        let key = folder.open_account("acme");
        let api = server.api();
        let shop = Self {
            folder,
            server,
            api,
            key,
        };
        let events = json!([event(&[])]);
        shop.api
            .post_text(&shop.server.secret, "/events", BATCH, &events.to_string())
            .expect(200);
        shop.folder.type_in("admin close-period 2026-01").ok();
        shop.folder.type_in("wallet create").ok();
        shop.folder.type_in("wallet faucet 1000 SYNOR").ok();
        let pay = shop.folder.type_in("billing pay INV-000001");
        pay.key(&shop.key).ok();
        shop
    }

    fn state(&self) -> Value {
        json!([
            self.folder.verified(),
            self.folder.usage("acme", MONTH),
            self.folder.balance("acme"),
            self.folder.type_in("admin accounts").json(),
        ])
    }

    /// Does something that must change nothing.
    fn unchanged(&self, act: impl FnOnce(&Api)) {
        let before = self.state();
        act(&self.api);
        assert_eq!(self.state(), before);
    }
}

const SINGLE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const NDJSON: &str = "application/x-ndjson";

/// A CloudEvent of 100 GB of egress, with other attributes, or (`data.x`) other data.
fn event(others: &[(&str, Value)]) -> Value {
    let mut event = json!({
        "specversion": "1.0", "type": "network.egress", "source": "node-1", "id": "good",
        "subject": "acme", "time": "2026-01-15T00:00:00Z",
        "data": {"quantity": "100", "unit": "GB"},
    });
    for (name, value) in others {
        match name.strip_prefix("data.") {
            Some(name) => event["data"][name] = value.clone(),
            None => event[*name] = value.clone(),
        }
    }
    event
}

#[test]
fn events_that_do_not_hold() {
    let shop = Shop::open();
    let admin = &shop.server.secret;
    let later = seconds_from_now(25 * 3_600);
    let large = format!("1{}", "0".repeat(40));
    let cases = [
        ("subject", "nobody", "`nobody`"),
        ("type", "dns.lookups", "`dns`"),
        ("type", "network.blobs", "`blobs`"),
        ("time", &later, &later),
        ("time", "yesterday", "`yesterday`"),
        ("id", "", "id"),
        ("specversion", "0.3", "`0.3`"),
        ("data.unit", "cows", "`cows`"),
        ("data.quantity", "0", "`0`"),
        ("data.quantity", "-1", "`-1`"),
        ("data.quantity", "1e3", "`1e3`"),
        ("data.quantity", &large, &large),
        ("data.colour", "blue", "colour"),
    ];
    shop.unchanged(|api| {
        for (field, value, named) in cases {
            let bad = event(&[("id", json!("bad")), (field, json!(value))]);
            let single = api.post_text(admin, "/events", SINGLE, &bad.to_string());
            single.problem(422, "events-rejected", &[named]);
            // All or nothing: one bad event among good ones refuses all of them.
            let first = event(&[("id", json!("first"))]);
            let batch = json!([first, bad]).to_string();
            let reply = api.post_text(admin, "/events?atomic=true", BATCH, &batch);
            assert_eq!(list(&reply.body["errors"])[0]["index"], 1, "{reply:?}");
            reply.problem(422, "events-rejected", &[named]);
        }
        for (content_type, body) in [(SINGLE, "{\"specversion\":"), (BATCH, "[{]"), (SINGLE, "")] {
            let reply = api.post_text(admin, "/events", content_type, body);
            reply.problem(400, "invalid-request", &["is not JSON"]);
        }
        for (content_type, body) in [
            (NDJSON, "{\"account\": acme}\n"),
            (NDJSON, "{\"account\":\"acme\",\"colour\":\"blue\"}\n"),
        ] {
            let reply = api.post_text(admin, "/events", content_type, body);
            reply.problem(422, "events-rejected", &[]);
        }
    });
}

/// Every kind of bad event between good ones: those and only those are rejected.
#[test]
fn bad_events_among_good_ones() {
    let shop = Shop::open();
    let admin = &shop.server.secret;
    let bad = [
        event(&[("subject", json!("nobody"))]).to_string(),
        event(&[("type", json!("dns.lookups"))]).to_string(),
        event(&[("data.quantity", json!(1.5))]).to_string(),
        event(&[("time", json!("yesterday"))]).to_string(),
        "{\"id\": tru}".to_owned(),
        "\"an event\"".to_owned(),
        String::new(),
    ];
    let mut batch = Vec::new();
    for (n, bad) in bad.iter().enumerate() {
        batch.push(event(&[("id", json!(format!("among-{n}")))]).to_string());
        batch.push(bad.clone());
    }
    let body = format!("[{}]", batch.join(","));
    let answer = shop.api.post_text(admin, "/events", BATCH, &body);
    let answer = answer.expect(200);
    let counts = ["accepted", "duplicate", "rejected", "omitted"].map(|name| &answer[name]);
    assert_eq!(counts, [bad.len(), 0, bad.len(), 0]);
    let results = list(&answer["results"]);
    let indexes: Vec<_> = results.iter().filter_map(|r| r["index"].as_u64()).collect();
    assert_eq!(indexes, [1, 3, 5, 7, 9, 11, 13]);
    for result in results {
        assert_eq!(result["status"], "rejected");
        assert!(!result["reason"].as_str().unwrap().is_empty(), "{result}");
    }
    // Again, nothing is counted twice.
    let again = shop
        .api
        .post_text(admin, "/events", BATCH, &body)
        .expect(200);
    let counts = ["accepted", "duplicate", "rejected"].map(|name| &again[name]);
    assert_eq!(counts, [0, bad.len(), bad.len()]);
}

#[test]
fn amounts_that_are_none() {
    let shop = Shop::open();
    let admin = &shop.server.secret;
    let source = json!({"type": "promotional", "campaign": "spring"});
    shop.unchanged(|api| {
        for (amount, named) in [
            ("100", "`100`"),
            ("100 SYN", "`SYN`"),
            ("1e3 SYNOR", "`1e3`"),
            ("0.0000001 SYNOR", "`0.0000001`"),
            ("-5 SYNOR", "`-5 SYNOR`"),
            ("0 SYNOR", "`0 SYNOR`"),
            ("99999999999999 SYNOR", "too large"),
        ] {
            let naming = ["amount", named];
            let deposit = api.post(&shop.key, "/billing/deposit", &json!({"amount": amount}));
            deposit.problem(400, "invalid-request", &naming);
            let order = json!({"amount": amount, "reason": "an hour"});
            let deduct = api.post(admin, "/billing/deduct?account=acme", &order);
            deduct.problem(400, "invalid-request", &naming);
            let order = json!({"amount": amount, "source": source});
            let grant = api.post(admin, "/admin/accounts/acme/credits", &order);
            grant.problem(400, "invalid-request", &naming);
        }
        for body in [
            json!({}),
            json!({"amount_micro_synor": 0}),
            json!({"amount_micro_synor": -5}),
            json!({"amount_micro_synor": 1.5}),
            json!({"amount_micro_synor": "9223372036854775808"}),
            json!({"amount": "5 SYNOR", "amount_micro_synor": 5_000_000}),
            json!({"amount": 5}),
            json!([]),
        ] {
            let deposit = api.post(&shop.key, "/billing/deposit", &body);
            deposit.problem(400, "invalid-request", &[]);
        }
        let much = json!({"amount": "5 SYNOR", "reason": "an hour"});
        let deduct = api.post(admin, "/billing/deduct?account=acme", &much);
        deduct.problem(402, "insufficient-balance", &["0.000000", "5.000000"]);
    });
}

#[test]
fn invoices_months_and_bodies_that_cannot_be() {
    let shop = Shop::open();
    let (admin, key) = (&shop.server.secret, &shop.key);
    shop.unchanged(|api| {
        let nothing = json!({});
        let pay = api.post(key, "/billing/invoices/INV-000001/pay", &nothing);
        pay.problem(409, "invoice-not-payable", &["INV-000001", "paid"]);
        let pay = api.post(key, "/billing/invoices/INV-000009/pay", &nothing);
        pay.problem(404, "not-found", &["INV-000009"]);
        let pay = api.post(key, "/billing/invoices/nonsense/pay", &nothing);
        pay.problem(400, "invalid-request", &["`nonsense`"]);
        let bad = json!({"signed_transfer": "trust me"});
        let pay = api.post(key, "/billing/invoices/INV-000001/pay", &bad);
        pay.problem(400, "invalid-request", &[]);
        let close = api.post(admin, "/admin/periods/2026-13/close", &nothing);
        close.problem(400, "invalid-request", &["2026-13"]);
        let running = &seconds_from_now(0)[..7];
        let close = api.post(admin, &format!("/admin/periods/{running}/close"), &nothing);
        close.problem(409, "period-open", &[running]);
        for query in [
            "period=2026-13",
            "start=1",
            "start=2&end=1",
            "start=x&end=2",
        ] {
            let usage = api.get(key, &format!("/billing/usage?{query}"));
            assert!([400, 422].contains(&usage.status), "{query}: {usage:?}");
            let status = usage.status;
            usage.problem(status, "invalid-request", &[]);
        }
        for query in ["limit=0", "limit=x", "cursor=nonsense"] {
            let invoices = api.get(key, &format!("/billing/invoices?{query}"));
            invoices.problem(400, "invalid-request", &[]);
        }
        let order = json!({"enabled": true, "max_per_invoice_micro_synor": 5_000_000});
        let enable = api.post(key, "/billing/auto-pay", &order);
        enable.problem(422, "invalid-request", &["signed_grant"]);
        let broken = api.post_text(key, "/billing/deposit", "application/json", "{\"amount\":");
        broken.problem(400, "invalid-request", &["body"]);
        let open = api.post(admin, "/admin/accounts", &json!({"account_id": "a b"}));
        open.problem(400, "invalid-request", &["a b"]);
        let open = api.post(admin, "/admin/accounts", &json!({"account_id": "acme"}));
        open.problem(409, "account-exists", &["acme"]);
        let open = json!({"account_id": "new", "colour": "blue"});
        api.post(admin, "/admin/accounts", &open)
            .problem(400, "invalid-request", &["colour"]);
    });
}

#[test]
fn keys_and_places_that_are_not_there() {
    let shop = Shop::open();
    shop.unchanged(|api| {
        for (method, path) in [
            (Method::GET, "/billing/balance"),
            (Method::POST, "/events"),
            (Method::POST, "/billing/deposit"),
            (Method::POST, "/admin/periods/2026-01/close"),
        ] {
            let reply = api.anonymous(method.clone(), path);
            reply.problem(401, "unauthenticated", &["API key"]);
            let wrong = api.call(method, path, Some("synor_nonsense"), &[], None);
            let wrong = api.wait(wrong);
            wrong.problem(401, "unauthenticated", &["API key"]);
        }
        let nowhere = api.get(&shop.key, "/billing/nowhere");
        nowhere.problem(404, "not-found", &["/billing/nowhere"]);
        let method = api.wait(api.call(
            Method::DELETE,
            "/billing/balance",
            Some(&shop.key),
            &[],
            None,
        ));
        method.problem(405, "method-not-allowed", &["DELETE"]);
    });
}
