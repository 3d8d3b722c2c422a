//! Who is told of what, and an invoice as PDF.

use serde_json::{Value, json};
use synor_store::{Kind, ListQuery, OutboxMessage};

use crate::support::document::text;
use crate::support::server::Server;
use crate::{ACME, NO_ENDPOINT, NO_INVOICE};

pub async fn webhooks(server: &Server, acme: &str) {
    let set = |body: &Value| server.call("setContact").key(acme).json(body);
    set(&json!({ "email": "billing@acme.example" }))
        .expect(200)
        .await;
    set(&json!({ "email": "acme" }))
        .problem(422, "invalid-request")
        .await;
    set(&json!({ "mail": "acme" }))
        .problem(400, "invalid-request")
        .await;
    server.call("getContact").key(acme).expect(200).await;

    let add = |body: &Value| server.call("addWebhook").key(acme).json(body);
    let hook = json!({ "url": "https://example.com/synor", "events": ["credit.*"] });
    let added = add(&hook).expect(201).await;
    let id = text(&added["endpoint_id"]);
    assert!(text(&added["secret"]).starts_with("whsec_"));
    add(&json!({ "url": "example.com" }))
        .problem(422, "invalid-request")
        .await;
    add(&json!({})).problem(400, "invalid-request").await;
    let listed = server.call("listWebhooks").key(acme).expect(200).await;
    assert_eq!(listed["items"][0].get("secret"), None);

    let on = |operation: &str, id: &str| server.call(operation).key(acme).path("id", id);
    let change = json!({ "events": ["invoice.*"] });
    on("changeWebhook", id).json(&change).expect(200).await;
    let unknown = json!({ "events": ["invoices"] });
    on("changeWebhook", id)
        .json(&unknown)
        .problem(422, "invalid-request")
        .await;
    let rotated = on("rotateWebhookSecret", id).expect(200).await;
    assert_ne!(rotated["secret"], added["secret"]);
    let list = server.call("listDeliveries").key(acme);
    list.expect(200).await;
    let list = server.call("listDeliveries").key(acme).query("limit", "0");
    list.problem(400, "invalid-request").await;
    let message = json!({ "message_id": "msg_00000000000000000000000000000000" });
    on("replayWebhook", id)
        .json(&message)
        .problem(404, "not-found")
        .await;
    let source = json!({ "type": "promotional", "campaign": "told" });
    let grant = json!({ "amount": "1 SYNOR", "source": source });
    let grant = server.admin("grantCredit").path("id", ACME).json(&grant);
    grant.expect(201).await;
    let query = ListQuery::of(Kind::OutboxMessage, &ACME.parse().expect("an account"));
    let page = server.engine.store().list::<OutboxMessage>(query).await;
    let told = page.expect("the outbox").items;
    let told = json!({ "message_id": told.last().expect("a message").message_id });
    on("replayWebhook", id).json(&told).expect(200).await;
    for operation in [
        "removeWebhook",
        "rotateWebhookSecret",
        "changeWebhook",
        "replayWebhook",
    ] {
        let call = on(operation, NO_ENDPOINT);
        let call = if operation == "replayWebhook" {
            call.json(&message)
        } else {
            call
        };
        call.problem(404, "not-found").await;
        let call = on(operation, "acme");
        let call = if operation == "replayWebhook" {
            call.json(&message)
        } else {
            call
        };
        call.problem(400, "invalid-request").await;
    }
    on("removeWebhook", id).expect(200).await;

    let listed = server.call("listInvoices").key(acme).expect(200).await;
    let number = text(&listed["items"][0]["number"]);
    let pdf = on("getInvoicePdf", number).expect(200).await;
    assert!(text(&pdf).starts_with("%PDF"));
    on("getInvoicePdf", NO_INVOICE)
        .problem(404, "not-found")
        .await;
    on("getInvoicePdf", "x")
        .problem(400, "invalid-request")
        .await;
}
