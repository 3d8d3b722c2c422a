//! Quotas from the command line.

use serde_json::json;

use crate::common::{Folder, Server, list, seconds_from_now, text};

#[test]
fn a_quota_is_set_looked_at_and_removed() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    let shown = folder.type_in("usage quotas").key(&key).ok();
    assert_eq!(shown, "No quotas.\n");
    let set = "admin set-quota acme network.egress 500 GB --effect stop";
    assert_eq!(
        folder.type_in(set).ok(),
        "acme may use 500 GB of network.egress a month; then events are refused\n"
    );
    folder
        .type_in("admin set-quota acme network.egress 1.5 GB --per day")
        .ok();
    let event = json!({
        "account": "acme", "service": "network", "resource": "egress", "quantity": 125,
        "unit": "GB", "time": seconds_from_now(0), "source": "node-1", "id": "1",
    });
    folder.import("events.ndjson", &[event]);
    let quotas = folder.type_in("usage quotas").key(&key).json();
    let of = |n: usize, field: &str| list(&quotas["items"])[n][field].clone();
    assert_eq!(
        (of(0, "per"), of(0, "is_used_up")),
        (json!("day"), json!(true))
    );
    assert_eq!(of(1, "remaining"), json!(375_000_000_000_u64));
    assert_eq!(text(&of(1, "used_percent")), "25");
    let shown = folder.type_in("usage quotas").key(&key).ok();
    assert!(shown.contains("25"), "{shown}");
    let csv = folder.type_in("usage quotas").key(&key).csv();
    assert_eq!((csv.len(), csv[1]["effect"].as_str()), (2, "stop"));

    folder
        .type_in("admin remove-quota acme network.egress")
        .ok();
    let gone = folder.type_in("admin remove-quota acme network.egress");
    gone.refused(&["acme/network.egress/month"]);
    folder
        .type_in("admin set-quota acme network.egress 1 requests")
        .refused(&["requests", "bytes"]);
    folder.verified();
}
