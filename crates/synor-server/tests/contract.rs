//! Holds `openapi.json` to the truth: a whole server is asked everything the document offers, and
//! whatever it answers must be documented, to the last field; whatever is documented must be
//! answered.

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::document::{Document, Operation, object, text};
use support::routes::routes;
use support::server::{ADMIN, CHAIN_ID, NOW_SECS, Server};
use synor_chain::Wallet;

const ACME: &str = "acme";
const BETA: &str = "beta";
/// An id of each kind that nothing has.
const NO_INVOICE: &str = "inv_00000000000000000000000000000000";
const NO_DEPOSIT: &str = "dep_00000000000000000000000000000000";

const CLOUDEVENT: &str = "application/cloudevents+json";
const CLOUDEVENTS: &str = "application/cloudevents-batch+json";
const NDJSON: &str = "application/x-ndjson";

// The document by itself.

#[test]
fn every_route_is_documented_and_every_documented_path_is_routed() {
    let document = Document::read();
    let documented: BTreeSet<_> = document
        .operations()
        .map(|o| (o.method.clone(), o.path.clone()))
        .collect();
    assert_eq!(routes(), documented);
}

#[test]
fn every_operation_is_told_of_in_full() {
    let document = Document::read();
    let declared = document.root()["tags"].as_array().expect("tags");
    let declared: BTreeSet<_> = declared.iter().map(|tag| text(&tag["name"])).collect();
    for operation in document.operations() {
        let id = &operation.id;
        assert!(!operation.summary().is_empty(), "{id} has no summary");
        assert_eq!(operation.tags().len(), 1, "{id} has not one tag");
        for tag in operation.tags() {
            assert!(declared.contains(tag), "{id} has the undeclared tag {tag}");
        }
        let responses = document.responses(operation);
        assert!(responses.keys().any(|status| *status < 300), "{id}");
        for (status, response) in responses {
            assert!(!text(&response["description"]).is_empty(), "{id} {status}");
            let is_problem = response["content"]
                .get("application/problem+json")
                .is_some();
            assert_eq!(status >= 400, is_problem, "{id} {status}");
        }
        for (name, parameter) in document.parameters(operation) {
            let told = parameter["description"].as_str().unwrap_or_default();
            assert!(!told.is_empty(), "{id}: {name} has no description");
            let in_path = operation.path.contains(&format!("{{{name}}}"));
            assert_eq!(parameter["in"] == "path", in_path, "{id}: {name}");
        }
    }
}

/// A field that is answered but not documented fails only where objects are closed.
#[test]
fn every_object_is_closed_or_says_that_it_is_open() {
    fn walk(at: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                if fields.get("properties").is_some_and(Value::is_object) {
                    let closed = fields.contains_key("additionalProperties");
                    assert!(closed, "{at} does not say whether it is closed");
                }
                for (name, value) in fields {
                    if name != "example" && name != "examples" {
                        walk(&format!("{at}/{name}"), value);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(at, item)),
            _ => {}
        }
    }
    walk("", &Document::read().root()["components"]["schemas"]);
}

#[test]
fn every_example_is_what_its_schema_says() {
    let document = Document::read();
    let mut wrong = Vec::new();
    let mut check = |place: String, holder: &Value| {
        let examples = document.examples(holder);
        if examples.is_empty() {
            wrong.push(format!("{place} has no example"));
        }
        for example in examples {
            for violation in document.violations(&holder["schema"], example) {
                wrong.push(format!("{place}: {violation}"));
            }
        }
    };
    for operation in document.operations() {
        for (name, parameter) in document.parameters(operation) {
            check(format!("{} {name}", operation.id), parameter);
        }
        for (media, content) in document.request_content(operation).into_iter().flatten() {
            check(format!("{} {media}", operation.id), content);
        }
        for (status, response) in document.responses(operation) {
            for (media, content) in object(&response["content"]) {
                check(format!("{} {status} {media}", operation.id), content);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = Document::read();
    let mut found = BTreeSet::new();
    references(document.root(), &mut found);
    let mut there = BTreeSet::new();
    for (kind, components) in object(&document.root()["components"]) {
        for name in object(components).keys() {
            there.insert(format!("#/components/{kind}/{name}"));
        }
    }
    there.retain(|name| !name.starts_with("#/components/securitySchemes/"));
    let found: BTreeSet<_> = found.into_iter().map(str::to_owned).collect();
    let not_both: Vec<_> = found.symmetric_difference(&there).collect();
    assert!(not_both.is_empty(), "not used, or not there: {not_both:#?}");
}

// The document against a server.

/// Values for the parameters of any path, of things that do not exist.
fn anything(operation: &Operation) -> Vec<(&'static str, &'static str)> {
    let id = match operation.path.as_str() {
        path if path.contains("/deposits/") => NO_DEPOSIT,
        path if path.contains("/invoices/") => NO_INVOICE,
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
    assert_eq!(open, BTreeSet::from(["/healthz", "/openapi.json", "/rpc"]));
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
    for operation in secured(&server) {
        let takes_account = server
            .document
            .parameters(&operation)
            .contains_key("account");
        let mut call = server.call(&operation.id).key(&acme);
        for (name, value) in anything(&operation) {
            call = call.path(name, value);
        }
        if takes_account {
            call = call.account(BETA);
        }
        call.problem(403, "forbidden").await;
    }

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
        "/",
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
        let (status, problem) = server.raw("DELETE", &path).await;
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
    let announce = || {
        let call = server.call("announceDeposit").key(&acme);
        call.idempotency_key("1")
    };
    let order = json!({ "amount": "5 SYNOR" });
    let asked = pay().expect(200).await;
    let announced = announce().json(&order).expect(200).await;

    let wallet = Wallet::development(CHAIN_ID, ACME);
    let signed = server.transfer(&wallet, &asked["request"]).await;
    let paid = pay().json(&json!({ "signed_transfer": signed }));
    let signed = server.transfer(&wallet, &announced["request"]).await;
    let deposited = announce().json(&json!({ "amount": "5 SYNOR", "signed_transfer": signed }));
    let grant = server.grant(&wallet, 5).await;
    let order = json!({ "enabled": true, "max_per_invoice_micro_synor": 1, "signed_grant": grant });
    let granted = server.call("configureAutoPay").key(&acme).json(&order);
    for call in [paid, deposited, granted] {
        call.problem(503, "chain-unavailable").await;
    }
    server.assert_all_seen(|_, status| status != 503);

    assert_eq!(pay().expect(200).await, asked);
    let off = server.call("getAutoPay").key(&acme).expect(200).await;
    assert_eq!(off["enabled"], false);
}

/// The scenario: two months of two accounts, from the first event to a chain that takes payments
/// back. It ends with the list of what was promised and never answered, which must be empty.
#[tokio::test]
async fn every_answer_is_as_documented() {
    let server = Server::start().await;
    about_the_server(&server).await;
    let (acme, beta) = accounts(&server).await;
    events(&server).await;
    usage(&server, &acme).await;
    let deposit = prepaid(&server, &acme).await;
    let invoices = closing(&server).await;
    reading_invoices(&server, &acme, &invoices).await;
    auto_pay(&server, &acme, &beta).await;
    paying(&server, &acme, &invoices).await;
    voiding(&server, &invoices).await;
    books(&server).await;
    chain(&server, &acme, &deposit, &invoices).await;
    server.assert_all_seen(|_, status| matches!(status, 401 | 403 | 413 | 500 | 503));
}

async fn about_the_server(server: &Server) {
    assert_eq!(server.call("getHealth").expect(200).await, "ok\n");
    let document = server.call("getOpenApi").expect(200).await;
    assert_eq!(document, *server.document.root());
}

async fn accounts(server: &Server) -> (String, String) {
    let first = server.engine.first_admin_key().await.expect("a book");
    let first = first.expect("the first key").secret;
    let new = json!({ "account_id": ACME, "name": "Acme Corporation", "time_zone": "UTC" });
    server
        .call("openAccount")
        .key(&first)
        .json(&new)
        .expect(201)
        .await;
    let again = server.admin("openAccount").json(&new);
    again.problem(409, "account-exists").await;
    for bad in [
        json!({}),
        json!({ "account_id": "-" }),
        json!({ "account_id": "x", "time_zone": "Mars/Base" }),
        json!({ "account_id": "x", "colour": "red" }),
    ] {
        let call = server.admin("openAccount").json(&bad);
        call.problem(400, "invalid-request").await;
    }
    let key = server
        .admin("createApiKey")
        .path("id", ACME)
        .expect(201)
        .await;
    assert_eq!(
        (&key["role"], &key["account_id"]),
        (&json!("account"), &json!(ACME))
    );
    assert!(key.get("hash").is_none());
    let call = server.admin("createApiKey").path("id", "nobody");
    call.problem(404, "unknown-account").await;
    let call = server.admin("createApiKey").path("id", "no%20body");
    call.problem(400, "invalid-request").await;
    let beta = server.open_account(BETA).await;
    server.open_account("gamma").await;
    let all = server.admin("listAccounts").expect(200).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(3));
    (text(&key["secret"]).to_owned(), beta)
}

/// A CloudEvent; its number makes its id.
fn event(kind: &str, quantity: &str, account: &str, time: &str, id: u32, unit: &str) -> Value {
    json!({
        "specversion": "1.0",
        "type": kind,
        "source": "node-fra-1",
        "id": format!("e-{id}"),
        "subject": account,
        "time": time,
        "datacontenttype": "application/json",
        "data": { "quantity": quantity, "unit": unit, "provider": "op-fra" },
    })
}

async fn ingest(server: &Server, batch: &[Value]) -> Value {
    let call = server
        .admin("ingestEvents")
        .body(CLOUDEVENTS, json!(batch).to_string());
    call.expect(200).await
}

async fn events(server: &Server) {
    let single = event(
        "network.egress",
        "300",
        ACME,
        "2025-12-10T08:00:00Z",
        1,
        "GB",
    );
    let call = server
        .admin("ingestEvents")
        .body(CLOUDEVENT, single.to_string());
    assert_eq!(call.expect(200).await["accepted"], 1);
    for body in [single.clone(), json!([single])] {
        let call = server.admin("ingestEvents").json(&body);
        assert_eq!(call.expect(200).await["duplicate"], 1);
    }
    for media in ["text/csv", "text/plain", ""] {
        let call = server.admin("ingestEvents").body(media, single.to_string());
        call.problem(415, "unsupported-media-type").await;
    }
    let mut gpu = event(
        "compute.gpu",
        "12",
        ACME,
        "2026-01-20T08:00:00Z",
        2,
        "gpu-hours",
    );
    gpu["data"]["dimensions"] = json!({ "gpu_model": "rtx4090", "region": "eu-central" });
    let mut unpriced = event(
        "compute.gpu",
        "1",
        "gamma",
        "2026-01-20T08:00:00Z",
        3,
        "gpu-hours",
    );
    unpriced["data"]["dimensions"] = json!({ "gpu_model": "Abacus" });
    let mut unpriced_now = unpriced.clone();
    unpriced_now["id"] = json!("e-4");
    unpriced_now["time"] = json!("2026-02-01T08:00:00Z");
    let mut integer = event(
        "database.queries",
        "0",
        ACME,
        "2026-01-21T08:00:00Z",
        5,
        "queries",
    );
    integer["data"] = json!({ "quantity": 25_000_000, "provider": null });
    let mut tiered = event(
        "network.requests",
        "8500000",
        BETA,
        "2026-01-16T08:00:00Z",
        10,
        "requests",
    );
    tiered["data"]["dimensions"] = json!({ "region": "eu-central" });
    let batch = ingest(
        server,
        &[
            tiered,
            gpu,
            unpriced,
            unpriced_now,
            integer,
            event(
                "storage.stored_data",
                "7500",
                ACME,
                "2026-01-11T00:00:00Z",
                6,
                "GB",
            ),
            event(
                "network.egress",
                "120",
                BETA,
                "2025-12-15T08:00:00Z",
                7,
                "GB",
            ),
            event(
                "network.egress",
                "80",
                BETA,
                "2026-01-15T08:00:00Z",
                8,
                "GB",
            ),
            event(
                "compute.cpu",
                "4",
                ACME,
                "2026-02-02T08:00:00Z",
                9,
                "core-hours",
            ),
        ],
    )
    .await;
    assert_eq!(batch["accepted"], 9);
    let lines = [
        json!({ "account": ACME, "service": "storage", "resource": "retrieval", "quantity": 5,
            "unit": "GB", "time": "2026-01-05T00:00:00Z", "source": "import", "id": "1",
            "provider": "op-nyc", "dimensions": { "bucket": "backups" } }),
        json!({ "account": ACME, "service": "storage", "resource": "retrieval", "quantity": "-1.5",
            "unit": "GB", "time": "2026-01-06T00:00:00Z", "source": "import", "id": "2",
            "correction": true }),
        single.clone(),
        event(
            "network.egress",
            "301",
            ACME,
            "2025-12-10T08:00:00Z",
            1,
            "GB",
        ),
    ];
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    let call = server.admin("ingestEvents").body(NDJSON, lines.join("\n"));
    let appended = call.expect(200).await;
    assert_eq!(
        (&appended["accepted"], &appended["duplicate"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(appended["conflicting"][0]["id"], "e-1");

    let stranger = event(
        "network.egress",
        "1",
        "nobody",
        "2026-01-01T00:00:00Z",
        20,
        "GB",
    );
    let late = event(
        "network.egress",
        "1",
        ACME,
        "2027-01-01T00:00:00Z",
        21,
        "GB",
    );
    let refused = [
        (CLOUDEVENT, stranger.to_string()),
        (CLOUDEVENTS, json!([late, stranger]).to_string()),
        (CLOUDEVENTS, "[{]".to_owned()),
        (CLOUDEVENT, String::new()),
        (NDJSON, "account,service".to_owned()),
        (NDJSON, json!({ "account": ACME }).to_string()),
    ];
    for (media, body) in refused {
        let call = server.admin("ingestEvents").body(media, body);
        let problem = call.problem(422, "events-rejected").await;
        assert!(!problem["errors"].as_array().expect("errors").is_empty());
    }
}

async fn usage(server: &Server, acme: &str) {
    let month = server.call("getUsage").key(acme).query("period", "2026-01");
    let month = month.expect(200).await;
    let rows = month["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    // 7.5 TB for 21 days leaves what a float keeps.
    assert_eq!(rows[0]["quantity"], "13608000000000000000");
    server.call("getUsage").key(acme).expect(200).await;
    let times = [("start", "1767225600"), ("end", "1769904000")];
    let whole = times
        .iter()
        .fold(server.admin("getUsage"), |call, (n, v)| call.query(n, v));
    assert_eq!(whole.account(ACME).expect(200).await["rows"], month["rows"]);

    for group in ["provider", "region"] {
        let call = server
            .call("getUsageSeries")
            .key(acme)
            .query("period", "2026-01");
        let call = call.query("step", "day").query("group_by", group);
        let series = call.expect(200).await;
        assert_eq!(series["steps"].as_array().map(Vec::len), Some(31));
    }
    let call = server
        .call("getUsageSeries")
        .key(acme)
        .query("resource", "compute.cpu");
    call.query("step", "hour").expect(200).await;

    let first = server.call("listUsageEvents").key(acme).query("limit", "2");
    let first = first.expect(200).await;
    let next = first["next"].to_string();
    let call = server
        .call("listUsageEvents")
        .key(acme)
        .query("after", &next);
    let call = call
        .query("period", "2026-01")
        .query("resource", "storage.retrieval");
    let page = call.expect(200).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["items"][1]["correction"], true);

    for operation in ["getUsage", "getUsageSeries", "listUsageEvents"] {
        for (name, value) in [("start", "5"), ("period", "January"), ("end", "x")] {
            let call = server.call(operation).key(acme).query(name, value);
            call.problem(400, "invalid-request").await;
        }
        let call = server.call(operation).key(acme);
        let empty = call.query("start", "5").query("end", "5");
        empty.problem(422, "invalid-request").await;
    }
    let call = server
        .call("getUsageSeries")
        .key(acme)
        .query("step", "hour");
    let call = call.query("start", "0").query("end", "1769904000");
    call.problem(422, "invalid-request").await;

    // What an admin asks for without saying of whom, or of nobody.
    let of_an_account: Vec<_> = server
        .document
        .operations()
        .filter(|o| server.document.parameters(o).contains_key("account"))
        .map(|o| o.id.clone())
        .collect();
    for operation in of_an_account {
        let call = || {
            let call = server.admin(&operation).path("id", NO_INVOICE);
            match operation.as_str() {
                "getDeposit" => server.admin(&operation).path("id", NO_DEPOSIT),
                "exportMonth" => call.query("period", "2026-01"),
                "deductBalance" => call.json(&json!({ "amount": "1 SYNOR", "reason": "r" })),
                "announceDeposit" => call.json(&json!({ "amount": "1 SYNOR" })),
                "configureAutoPay" => call.json(&json!({ "enabled": false })),
                _ => call,
            }
        };
        call().problem(400, "invalid-request").await;
        let (status, _) = call().account("nobody").send().await;
        assert_eq!(status, 404, "{operation}");
    }
}

/// Deposits, credits and what is spent of them. Returns the deposit's id.
async fn prepaid(server: &Server, acme: &str) -> String {
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
    let with = |signed: Value| json!({ "amount": "100 SYNOR", "signed_transfer": signed });
    let wrong = server
        .transfer_of(&wallet, request, 100_000_000, "no memo")
        .await;
    announce(&with(wrong)).problem(422, "invalid-request").await;
    let poor = server.wallet("poor", 1).await;
    let uncovered = server.transfer(&poor, request).await;
    announce(&with(uncovered))
        .problem(422, "chain-refused")
        .await;
    let signed = with(server.transfer(&wallet, request).await);
    let under_way = announce(&signed).expect(200).await;
    assert_eq!(
        announce(&signed).expect(200).await["tx_id"],
        under_way["tx_id"]
    );
    server.chain.mine(1).await.expect("a block");
    server.engine.follow_chain().await.expect("the chain");
    let id = text(&deposit["deposit_id"]);
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

struct Invoices {
    /// Acme's of December, paid by nothing but coins.
    december: Value,
    /// Acme's of January, paid in part by credit.
    january: Value,
    /// Beta's of December.
    beta: Value,
}

async fn closing(server: &Server) -> Invoices {
    let close = |month: &str| server.admin("closePeriod").path("month", month);
    let december = close("2025-12").expect(200).await;
    assert_eq!(december["without_usage"], 1);
    // What comes late for December is billed with January, what goes too.
    let late = event(
        "network.egress",
        "10",
        BETA,
        "2025-12-31T23:59:59Z",
        30,
        "GB",
    );
    let mut gone = event(
        "network.egress",
        "-5",
        ACME,
        "2025-12-10T09:00:00Z",
        31,
        "GB",
    );
    gone["data"]["correction"] = json!(true);
    ingest(server, &[late, gone]).await;
    let january = close("2026-01").expect(200).await;
    assert_eq!(january["failed"][0]["account_id"], "gamma");
    let again = close("2026-01").expect(200).await;
    assert_eq!(
        (&again["already_closed"], &again["invoices"]),
        (&json!(2), &json!([]))
    );
    close("2026-02").problem(409, "period-open").await;
    close("1969-11").problem(409, "no-price").await;
    close("2026-13").problem(400, "invalid-request").await;
    close("9999-12").problem(422, "invalid-request").await;
    let of = |closed: &Value, account: &str| {
        let invoices = closed["invoices"].as_array().expect("invoices");
        let mut own = invoices.iter().filter(|i| i["account_id"] == account);
        own.next().expect("an invoice").clone()
    };
    let lines = of(&january, BETA)["line_items"].clone();
    let lines = lines.as_array().expect("lines");
    let late = lines.iter().find(|line| line["adjusts"] == "2025-12");
    assert!(late.expect("a late line").get("steps").is_none());
    let mut tiered = lines.iter().filter(|l| l["resource"] == "network.requests");
    let tiered = tiered.next().expect("a line with tiers");
    assert!(tiered.get("unit_price_micro_synor").is_none());
    // 1M free, 5M at 0.10, 2.5M at 0.05, and 0.50 for the second tier.
    assert_eq!(tiered["exact_micro_synor"], "1125000");
    let labels: Vec<_> = tiered["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| text(&step["label"]))
        .collect();
    let expected = ["free", "the first", "the next", "flat fee, tier 2"];
    assert_eq!(labels, expected);
    let less = of(&january, ACME);
    let less = less["line_items"].as_array().and_then(|lines| lines.last());
    assert_eq!(less.expect("a line")["credit_micro_synor"], 250_000);
    let credits = server.admin("listCredits").account(ACME).expect(200).await;
    let sources = credits["credits"].as_array().expect("credits").iter();
    assert!(
        sources
            .map(|c| &c["source"]["type"])
            .any(|t| t == "correction")
    );
    Invoices {
        december: of(&december, ACME),
        january: of(&january, ACME),
        beta: of(&december, BETA),
    }
}

async fn reading_invoices(server: &Server, acme: &str, invoices: &Invoices) {
    let list = || server.call("listInvoices").key(acme);
    let first = list().query("limit", "1").expect(200).await;
    let cursor = text(&first["next_cursor"]);
    let last = list()
        .query("limit", "1")
        .query("cursor", cursor)
        .expect(200)
        .await;
    assert_eq!(first["items"][0], invoices.january);
    assert_eq!(last["items"][0], invoices.december);
    assert!(last.get("next_cursor").is_none());
    for (name, value) in [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "x"),
        ("cursor", "x"),
    ] {
        list()
            .query(name, value)
            .problem(400, "invalid-request")
            .await;
    }
    for field in ["invoice_id", "number"] {
        let id = text(&invoices.december[field]);
        let invoice = server
            .call("getInvoice")
            .key(acme)
            .path("id", id)
            .expect(200)
            .await;
        assert_eq!(invoice, invoices.december);
    }
    for operation in ["getInvoice", "payInvoice", "getInvoicePayment"] {
        let call = server.call(operation).key(acme).path("id", "42");
        call.problem(400, "invalid-request").await;
        let call = server.call(operation).key(acme).path("id", "INV-999999");
        call.problem(404, "not-found").await;
    }
    let current = server.call("getCurrentInvoice").key(acme).expect(200).await;
    assert_eq!(
        (&current["month"], &current["status"]),
        (&json!("2026-02"), &json!("draft"))
    );
    let call = server.admin("getCurrentInvoice").account("gamma");
    call.problem(409, "no-price").await;

    let export = |period: &str| server.call("exportMonth").key(acme).query("period", period);
    let closed = export("2025-12").expect(200).await;
    assert_eq!(closed["invoice_number"], invoices.december["number"]);
    assert_eq!(export("2026-02").expect(200).await["status"], "draft");
    export("soon").problem(400, "invalid-request").await;
    export("1969-11").problem(409, "no-price").await;
    export("9999-12").problem(422, "invalid-request").await;
}

async fn auto_pay(server: &Server, acme: &str, beta: &str) {
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

    server.engine.run_auto_pay().await.expect("auto-pay");
    server.confirm().await;
    let balance = server.call("getBalance").key(beta).expect(200).await;
    assert_eq!(balance["open_invoices"], 0);
    let off = configure(beta, &json!({ "enabled": false }))
        .expect(200)
        .await;
    assert_eq!(off["enabled"], false);
}

async fn paying(server: &Server, acme: &str, invoices: &Invoices) {
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

async fn voiding(server: &Server, invoices: &Invoices) {
    let void = |id: &str| server.admin("voidInvoice").path("id", id);
    void(text(&invoices.beta["invoice_id"]))
        .problem(409, "invoice-state")
        .await;
    void(NO_INVOICE).problem(404, "not-found").await;
    void("INV-000001").problem(400, "invalid-request").await;
    server.open_account("delta").await;
    ingest(
        server,
        &[event(
            "network.egress",
            "3",
            "delta",
            "2026-01-03T00:00:00Z",
            40,
            "GB",
        )],
    )
    .await;
    let closed = server.admin("closePeriod").path("month", "2026-01");
    let closed = closed.expect(200).await;
    let voided = void(text(&closed["invoices"][0]["invoice_id"]))
        .expect(200)
        .await;
    assert_eq!(voided["status"], "voided");
}

async fn books(server: &Server) {
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
    let all = server.admin("getDistribution").expect(200).await;
    let of_january = server.admin("getDistribution").query("period", "2026-01");
    let of_january = of_january.expect(200).await;
    assert!(of_january["invoices"].as_u64() < all["invoices"].as_u64());
    let call = server.admin("getDistribution").query("period", "1");
    call.problem(400, "invalid-request").await;
    assert_sound(server).await;
}

async fn assert_sound(server: &Server) {
    let verified = server.admin("verifyBooks").expect(200).await;
    assert_eq!(verified["problems"], json!([]));
}

/// The chain for wallets, and at last a reorganization that takes back all that was paid.
async fn chain(server: &Server, acme: &str, deposit_id: &str, invoices: &Invoices) {
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
