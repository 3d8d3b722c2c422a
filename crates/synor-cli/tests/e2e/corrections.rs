//! Usage is taken back and amended from the command line, before and after a month is closed.

use serde_json::{Value, json};

use crate::common::{Folder, Server, integer, list};

fn egress(id: &str, gigabytes: u64) -> Value {
    json!({
        "account": "acme", "service": "network", "resource": "egress",
        "quantity": gigabytes, "unit": "GB", "time": "2026-01-15T12:00:00Z",
        "source": "node-1", "id": id, "provider": "operator-1",
    })
}

#[test]
fn a_withdrawal_becomes_a_credit_and_an_amendment_the_difference() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder.import("events.ndjson", &[egress("1", 60), egress("2", 40)]);
    folder.type_in("admin close-period 2026-01").ok();

    let withdraw = || folder.type_in("usage withdraw node-1 2").account("acme");
    let done = withdraw().json();
    assert_eq!(
        (&done["withdrawn"], &done["accepted"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(withdraw().json()["already_withdrawn"], 1);
    let right = folder.write("right.ndjson", format!("{}\n", egress("1b", 70)));
    let amend = folder.type_in("usage amend node-1 1 --with").arg(&right);
    let done = amend.account("acme").json();
    assert_eq!(
        (&done["withdrawn"], &done["accepted"]),
        (&json!(1), &json!(1))
    );

    let events = folder.type_in("usage events").key(&key).json();
    let marked = list(&events["items"]).iter();
    let marked: Vec<_> = marked
        .map(|e| (e["id"].clone(), e["withdrawn"].clone()))
        .collect();
    // Two events, their two withdrawals, and the event that replaces the first.
    let expected = [
        (json!("1"), json!(4)),
        (json!("2"), json!(3)),
        (json!("1b"), Value::Null),
    ];
    assert_eq!(marked, expected);
    let shown = folder.type_in("usage events").key(&key).ok();
    assert!(shown.contains("Withdrawn at"), "{shown}");

    // 70 GB at 0.05 SYNOR instead of 100.
    folder.type_in("admin close-period 2026-02").ok();
    let invoices = folder.type_in("billing invoices").key(&key).json();
    let second = &list(&invoices["items"])[0];
    let line = &list(&second["line_items"])[0];
    assert_eq!(
        (&line["adjusts"], integer(&line["quantity"])),
        (&json!("2026-01"), -30_000_000_000)
    );
    assert_eq!(
        integer(&folder.balance("acme")["balance_micro_synor"]),
        30 * 50_000
    );
    folder.verified();
}

#[test]
fn what_cannot_be_corrected_is_named() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    folder.open_account("acme");
    folder.import("events.ndjson", &[egress("1", 60)]);
    let unknown = folder.type_in("usage withdraw node-1 1 9").account("acme");
    unknown.refused(&["`9`", "node-1", "acme"]);
    folder
        .type_in("usage withdraw node-1 1")
        .refused(&["whose events"]);
    let zero = folder.write("zero.ndjson", format!("{}\n", egress("1b", 0)));
    let amend = folder.type_in("usage amend node-1 1 --with").arg(&zero);
    amend.account("acme").refused(&["line 1", "quantity"]);
    assert_eq!(list(&folder.usage("acme", "2026-01")["rows"]).len(), 1);
}
