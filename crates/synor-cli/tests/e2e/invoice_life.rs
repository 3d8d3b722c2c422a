//! The life of an invoice through the real binary: taxed, sent, credited, paid, refunded on chain,
//! reminded of, suspended and written off, and the books proved after it.

use serde_json::{Value, json};

use crate::common::{Folder, Server, integer, list, text, wait_until};

fn egress(account: &str, id: u32, gigabytes: u64) -> Value {
    json!({
        "account": account, "service": "network", "resource": "egress",
        "quantity": gigabytes, "unit": "GB", "time": "2026-01-15T12:00:00Z",
        "source": "node-1", "id": id.to_string(), "provider": "operator-1",
    })
}

/// The id of an account's only invoice.
fn invoice_id(folder: &Folder, account: &str) -> String {
    let invoices = folder.type_in("billing invoices").account(account).json();
    text(&list(&invoices["items"])[0]["invoice_id"]).to_owned()
}

#[test]
fn an_invoice_is_taxed_sent_credited_paid_and_refunded() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder
        .synor(&["admin", "set-tax", "acme", "--from", "2026-01"])
        .arg("--add")
        .arg("VAT 19%=19")
        .ok();
    folder.import("events.ndjson", &[egress("acme", 1, 200)]);
    folder.type_in("admin close-period 2026-01").ok();
    let id = invoice_id(&folder, "acme");
    let shown = folder.type_in("billing invoice INV-000001").key(&key).ok();
    assert!(shown.contains("VAT 19%"), "{shown}");
    assert!(shown.contains("11.900000"), "10 SYNOR and 19 %: {shown}");

    let sent = folder.type_in(&format!("admin send-invoice {id}")).ok();
    assert_eq!(sent, "INV-000001 of acme is sent\n");
    let credit = format!("admin credit-note {id} 1.19 SYNOR --reason slow --idempotency-key a");
    for _ in 0..2 {
        let note = folder.type_in(&credit).json();
        assert_eq!(note["number"], "CN-000001");
        assert_eq!(integer(&note["taxes"][0]["amount_micro_synor"]), 190_000);
    }
    let early = format!("admin refund {id} 1 SYNOR --reason early");
    folder
        .type_in(&early)
        .refused(&["only what is paid can be refunded"]);

    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 100 SYNOR").ok();
    folder.type_in("billing pay INV-000001").key(&key).ok();
    let wallet = folder.type_in("wallet address").ok();
    let wallet = wallet.trim();
    let refund = format!("admin refund {id} 5.355 SYNOR --reason cancelled --to {wallet}");
    let note = folder.type_in(&refund).json();
    assert_eq!(integer(&note["refund_micro_synor"]), 5_355_000);
    let too_much = format!("admin refund {id} 6 SYNOR --reason more");
    folder
        .type_in(&too_much)
        .refused(&["6.000000 SYNOR", "5.355000 SYNOR"]);
    wait_until("the refund is confirmed", || {
        let refunds = folder.type_in("billing refunds").key(&key).json();
        (list(&refunds["items"])[0]["status"]["state"] == "confirmed").then_some(())
    });
    let notes = folder.type_in("billing credit-notes").key(&key).csv();
    assert_eq!(notes.len(), 2);
    let found = folder.verified();
    // 10.71 were paid and half refunded: of the rest 0.855 is tax.
    assert_eq!(integer(&found["collected_micro_synor"]), 5_355_000);
    assert_eq!(integer(&found["tax_micro_synor"]), 855_000);
    assert_eq!(integer(&found["distributed_micro_synor"]), 4_500_000);
}

#[test]
fn what_is_not_paid_is_reminded_of_suspended_and_written_off() {
    let folder = Folder::new();
    // Jobs run once at the start, so that the second start finds what the first run left.
    folder.configure(
        "block_interval_ms = 10\n[dunning]\nreminder_days = []\nfinal_step = \"suspend\"\nfinal_days = 5\n",
    );
    let server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder.import("events.ndjson", &[egress("acme", 1, 200)]);
    folder.type_in("admin close-period 2026-01").ok();
    // 2026-01 was due long ago.
    let run = folder.type_in("admin run-dunning").json();
    assert_eq!(
        (&run["became_overdue"], &run["steps_taken"]),
        (&json!(1), &json!(1))
    );
    let again = folder.type_in("admin run-dunning").json();
    assert_eq!(again["steps_taken"], 0);
    let shown = folder.type_in("billing balance").key(&key).ok();
    assert!(shown.contains("suspended since"), "{shown}");
    assert_eq!(
        folder.type_in("admin suspensions").csv()[0]["account_id"],
        "acme"
    );
    let reminders = folder.type_in("billing reminders").key(&key).csv();
    assert_eq!(reminders[0]["action"], "suspend");
    // Its usage still counts.
    let counted = folder.import("more.ndjson", &[egress("acme", 2, 1)]);
    assert_eq!(counted["accepted"], 1);

    let id = invoice_id(&folder, "acme");
    let given_up = folder
        .type_in(&format!("admin write-off {id} --reason insolvent"))
        .ok();
    assert!(
        given_up.starts_with("wrote 10.000000 SYNOR of INV-000001 off"),
        "{given_up}"
    );
    let run = folder.type_in("admin run-dunning").json();
    assert_eq!(run["suspensions_lifted"], 1);
    assert!(folder.type_in("admin suspensions").csv().is_empty());
    folder.verified();
    server.stop();
}

/// The months before an account was opened are not closed by themselves; history waits for a person.
#[test]
fn history_is_not_closed_by_itself() {
    let folder = Folder::new();
    folder.configure("block_interval_ms = 10\n[billing]\ngrace_secs = 0\n");
    let _server = Server::start(&folder);
    folder.open_account("acme");
    folder.import("events.ndjson", &[egress("acme", 1, 200)]);
    assert_eq!(folder.type_in("admin close-due").ok(), "nothing was due\n");
    let closed = folder.type_in("admin close-period 2026-01").json();
    assert_eq!(closed["invoice_count"], 1);
    folder.verified();
}
