//! API keys, and what the audit log tells of them.

use serde_json::{Value, json};

use crate::support::document::text;
use crate::support::server::{NOW_SECS, Server};
use crate::{ACME, NO_KEY};

/// Issuing, listing, replacing and revoking keys.
pub async fn keys(server: &Server) {
    let issue = |body: Value| server.admin("createAdminKey").json(&body);
    let ends = NOW_SECS + 100;
    let order = json!({ "role": "finance", "label": "books", "expires_at": ends });
    let finance = issue(order).expect(201).await;
    assert!(text(&finance["secret"]).starts_with("syk_"));
    let bad = json!({ "role": "finance", "account_id": ACME });
    issue(bad).problem(422, "invalid-request").await;
    let past = json!({ "expires_at": NOW_SECS });
    issue(past).problem(422, "invalid-request").await;
    let nobody = json!({ "role": "ingest_only", "account_id": "nobody" });
    issue(nobody).problem(404, "unknown-account").await;
    issue(json!({ "role": "king" }))
        .problem(400, "invalid-request")
        .await;
    let for_account = server.admin("createApiKey").path("id", ACME);
    let order = json!({ "role": "operator" });
    let refused = for_account.json(&order);
    refused.problem(422, "invalid-request").await;

    // It is valid until it expires, and not a second longer.
    let secret = text(&finance["secret"]).to_owned();
    let read = || server.call("listAccounts").key(&secret);
    server.set_later(99);
    read().expect(200).await;
    server.set_later(100);
    read().problem(401, "unauthenticated").await;
    server.set_later(0);

    // Both keys are valid during the overlap, then the new one alone.
    let rotate = |id: &str| server.admin("rotateApiKey").path("id", id);
    let id = text(&finance["key_id"]);
    let new = rotate(id).json(&json!({ "overlap_secs": 50 }));
    let new = new.expect(201).await;
    let with_new = || server.call("listAccounts").key(text(&new["secret"]));
    server.set_later(49);
    read().expect(200).await;
    with_new().expect(200).await;
    server.set_later(50);
    read().problem(401, "unauthenticated").await;
    with_new().expect(200).await;
    rotate(id).problem(422, "invalid-request").await;
    server.set_later(0);
    rotate("x").problem(400, "invalid-request").await;
    rotate(NO_KEY).problem(404, "not-found").await;

    let revoke = |id: &str| server.admin("revokeApiKey").path("id", id);
    let revoked = revoke(text(&new["key_id"])).expect(200).await;
    assert_eq!(revoked["revoked_at"], NOW_SECS);
    assert_eq!(revoked["rotated_from"], finance["key_id"]);
    revoke(text(&new["key_id"])).expect(200).await;
    with_new().problem(401, "unauthenticated").await;
    revoke("x").problem(400, "invalid-request").await;
    revoke(NO_KEY).problem(404, "not-found").await;
    let all = server.admin("listApiKeys").expect(200).await;
    assert!(!all.to_string().contains("hash") && !all.to_string().contains("secret"));
}

/// What the log tells of the keys.
pub async fn audit(server: &Server) {
    let list = || server.admin("listAudit");
    let all = list().expect(200).await;
    let items = all["items"].as_array().expect("a list").clone();
    let last = &items[0];
    assert_eq!(
        last["actor"]["operation"],
        "POST /api/v1/admin/keys/{id}/revoke"
    );
    assert_eq!(last["actor"]["kind"], "local");
    let change = &last["changes"][0];
    assert_eq!(change["before"].get("revoked_at"), None);
    assert_eq!(change["after"]["revoked_at"], NOW_SECS);
    assert_eq!(change["after"]["hash"], "redacted");
    // The one who asked by key is named by it, and never by its secret.
    let opened = items
        .iter()
        .find(|entry| text(&entry["command"]).starts_with("open account"));
    let opened = opened.expect("an account was opened");
    assert!(opened["actor"]["key_id"].is_string() || opened["actor"]["kind"] == "local");
    assert!(!all.to_string().contains("\"syk_") || !all.to_string().contains("\"secret\""));

    // Page by page it is the same list.
    let mut paged = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut call = list().query("limit", "2");
        if let Some(cursor) = &cursor {
            call = call.query("cursor", cursor);
        }
        let part = call.expect(200).await;
        paged.extend(part["items"].as_array().expect("a list").clone());
        match part.get("next_cursor") {
            Some(next) => cursor = Some(text(next).to_owned()),
            None => break,
        }
    }
    assert_eq!(paged, items);
    let of_acme = list().account(ACME).expect(200).await;
    let of_acme = of_acme["items"].as_array().expect("a list");
    assert!(of_acme.iter().all(|e| e["accounts"] == json!([ACME])));
    assert!(!of_acme.is_empty() && of_acme.len() < items.len());
    let later = (NOW_SECS + 1_000_000).to_string();
    let none = list().query("since", &later).expect(200).await;
    assert_eq!(none, json!({ "items": [] }));
    let call = list().query("cursor", "x");
    call.problem(400, "invalid-request").await;
}
