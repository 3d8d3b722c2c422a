//! The server itself, accounts and their keys.

use serde_json::json;

use crate::support::document::text;
use crate::support::server::Server;
use crate::{ACME, BETA};

pub async fn about_the_server(server: &Server) {
    assert_eq!(server.call("getHealth").expect(200).await, "ok\n");
    assert_eq!(server.call("getReadiness").expect(200).await, "ready\n");
    server.call("getMetrics").expect(200).await;
    let document = server.call("getOpenApi").expect(200).await;
    assert_eq!(document, *server.document.root());
}

pub async fn accounts(server: &Server) -> (String, String) {
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
