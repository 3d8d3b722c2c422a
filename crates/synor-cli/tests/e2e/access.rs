//! Keys, roles and the audit log from the command line.

use serde_json::json;

use crate::common::{Folder, Server, list, text};

#[test]
fn keys_come_and_go_and_the_log_tells_of_it() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let api = server.api();
    folder.open_account("acme");
    let issue = "admin keys issue --role ingest-only --account acme --label meter";
    let key = folder.type_in(issue).json();
    let secret = text(&key["secret"]).to_owned();
    assert!(secret.starts_with("syk_"), "{secret}");
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "s", "type": "network.egress",
        "subject": "acme", "time": crate::common::seconds_from_now(0),
        "data": { "quantity": "5", "unit": "GB" },
    });
    api.post(&secret, "/events", &event).expect(200);
    api.get(&secret, "/billing/balance")
        .problem(403, "forbidden", &["ingest_only"]);
    folder
        .type_in("admin keys issue --role finance --account acme")
        .refused(&["finance", "all accounts"]);

    // With an overlap both are valid, without one the new one alone.
    let id = text(&key["key_id"]);
    let rotated = folder.type_in(&format!("admin keys rotate {id} --overlap 1h"));
    let new = text(&rotated.json()["secret"]).to_owned();
    for valid in [&secret, &new] {
        api.post(valid, "/events", &event).expect(200);
    }
    folder.type_in(&format!("admin keys revoke {id}")).ok();
    api.post(&secret, "/events", &event)
        .problem(401, "unauthenticated", &[]);
    api.post(&new, "/events", &event).expect(200);
    let keys = folder.type_in("admin keys list").ok();
    assert!(keys.contains("revoked") && !keys.contains(&new), "{keys}");

    let log = folder.type_in("admin audit").json();
    let last = &list(&log["items"])[0];
    let told = (
        text(&last["actor"]["kind"]),
        text(&last["actor"]["address"]),
    );
    assert_eq!(told, ("local", "127.0.0.1"));
    assert_eq!(text(&list(&last["changes"])[0]["id"]), id);
    assert!(!log.to_string().contains(&new[12..]), "a secret is told");
    let shown = folder.type_in("admin audit --account acme").ok();
    assert!(shown.contains("/admin/keys/{id}/revoke"), "{shown}");
    folder.verified();
}
