//! The commands as people type them: the six of the founding document word for word, and what
//! stands beside them.

use serde_json::{Value, json};

use crate::common::{
    Folder, MONTH, Server, integer, list, ndjson, seconds_from_now, text, wait_until,
};

/// A gigabyte sent costs 0.05 SYNOR by the built-in prices.
const MICRO_SYNOR_PER_GB_SENT: i128 = 50_000;

/// Bytes sent at some time.
fn egress(account: &str, id: u32, gigabytes: u64, time: &str) -> Value {
    json!({
        "account": account, "service": "network", "resource": "egress",
        "quantity": gigabytes, "unit": "GB", "time": time,
        "source": "node-1", "id": id.to_string(), "provider": "operator-1",
    })
}

const IN_MONTH: &str = "2026-01-15T12:00:00Z";

/// A server with one account that has an invoice of 100 GB for 2026-01 and 7 GB in the running
/// month, and the account's key.
fn open_shop() -> (Folder, Server, String) {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let key = folder.open_account("acme");
    let events = [
        egress("acme", 1, 100, IN_MONTH),
        egress("acme", 2, 7, &seconds_from_now(0)),
    ];
    folder.import("events.ndjson", &events);
    folder.type_in("admin close-period 2026-01").ok();
    (folder, server, key)
}

#[test]
fn the_six_commands_word_for_word() {
    let (folder, server, key) = open_shop();
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 1000 SYNOR").ok();
    let typed = |line: &str| folder.type_in(line).key(&key).ok();

    let shown = typed("billing balance");
    assert!(shown.contains("acme"), "{shown}");
    assert!(shown.contains("Owed on open invoices  5.000000"), "{shown}");

    let shown = typed("billing invoice --current");
    assert!(shown.contains("Running invoice"), "{shown}");
    assert!(shown.contains("0.350000"), "7 GB: {shown}");

    let shown = typed("billing invoices --limit 10");
    assert!(shown.contains("INV-000001"), "{shown}");
    assert!(shown.contains("5.000000"), "100 GB: {shown}");

    let shown = typed("billing deposit 100 SYNOR");
    assert_eq!(
        shown,
        "deposited 100.000000 SYNOR\nbalance   100.000000 SYNOR\n"
    );

    let shown = typed("billing auto-pay enable --max 500");
    assert!(
        shown.starts_with("auto-pay is on: at most 500.000000 SYNOR an invoice, from synor1"),
        "{shown}"
    );

    let shown = typed("billing export --format csv --period 2026-01");
    let lines = shown.lines().collect::<Vec<_>>();
    assert!(lines[0].starts_with("account_id,period,invoice_number"));
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(lines[1].starts_with("acme,2026-01,INV-000001,"), "{shown}");
    assert!(lines[1].ends_with(",5000000"), "{shown}");
    server.stop();
}

#[test]
fn every_answer_is_also_json_and_csv() {
    let (folder, _server, key) = open_shop();
    for (line, column, rows) in [
        ("billing balance", "amount_micro_synor", 2),
        ("billing invoice --current", "amount_micro_synor", 1),
        ("billing invoice INV-000001", "amount_micro_synor", 1),
        ("billing invoices --limit 10", "outstanding_micro_synor", 1),
        ("billing export --period 2026-01", "quantity", 1),
        ("usage summary --period 2026-01", "quantity", 1),
        ("usage events --period 2026-01", "quantity", 1),
    ] {
        let json = folder.type_in(line).key(&key).json();
        assert!(json.is_object(), "{line}: {json}");
        let csv = folder.type_in(line).key(&key).csv();
        assert_eq!(csv.len(), rows, "{line}: {csv:?}");
        assert!(csv[0].contains_key(column), "{line}: {csv:?}");
    }
    for (line, rows) in [("admin accounts", 1), ("admin close-period 2026-01", 0)] {
        assert!(folder.type_in(line).json().is_object(), "{line}");
        assert_eq!(folder.type_in(line).csv().len(), rows, "{line}");
    }
    for line in ["admin distribution", "admin verify"] {
        assert!(folder.type_in(line).json().is_object(), "{line}");
        assert!(!folder.type_in(line).csv().is_empty(), "{line}");
    }
}

#[test]
fn an_account_without_anything_gets_empty_answers_in_every_format() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    for line in [
        "billing balance",
        "billing credits",
        "billing invoice --current",
        "billing invoices --limit 10",
        "billing export --period 2026-01",
        "usage summary",
        "usage events",
    ] {
        folder.type_in(line).key(&key).ok();
        assert!(folder.type_in(line).key(&key).json().is_object(), "{line}");
        let csv = folder
            .type_in(line)
            .key(&key)
            .arg("--format")
            .arg("csv")
            .ok();
        let header = csv.lines().next().unwrap();
        assert!(header.contains(','), "{line}: {csv}");
        assert!(!header.contains('{'), "{line}: {csv}");
    }
}

#[test]
fn usage_is_imported_summed_and_listed() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    let csv = "account,service,resource,quantity,unit,time,source,id,dimension.region\n\
               acme,network,egress,1.5,GB,2026-01-01T00:00:00Z,node-1,1,eu\n\
               acme,network,egress,500,MB,2026-01-31T23:59:59Z,node-1,2,eu\n\
               acme,compute,cpu,2,core-hours,2026-01-10T00:00:00Z,node-1,3,\n";
    let path = folder.write("usage.csv", csv);
    let import = || folder.synor(&["usage", "import"]).arg(&path).json();
    let first = import();
    assert_eq!(
        (&first["accepted"], &first["duplicate"]),
        (&json!(3), &json!(0))
    );
    let again = import();
    assert_eq!(
        (&again["accepted"], &again["duplicate"]),
        (&json!(0), &json!(3))
    );

    let summary = folder.type_in("usage summary --period 2026-01");
    let summary = summary.key(&key).json();
    let of = |resource: &str| {
        let mut rows = list(&summary["rows"]).iter();
        let row = rows.find(|row| row["resource"] == resource);
        integer(&row.unwrap()["quantity"])
    };
    assert_eq!(of("network.egress"), 1_500_000_000 + 500_000_000);
    assert_eq!(of("compute.cpu"), 2 * 3_600 * 1_000, "core-milliseconds");

    let events = folder.type_in("usage events --limit 2").key(&key).json();
    assert_eq!(list(&events["items"]).len(), 2);
    let next = events["next"].to_string();
    let events = folder
        .type_in("usage events --after")
        .key(&key)
        .arg(next)
        .json();
    assert_eq!(list(&events["items"]).len(), 1);
    assert_eq!(events["next"], Value::Null);
    let cpu = folder.type_in("usage events --resource compute.cpu --period 2026-01");
    assert_eq!(list(&cpu.key(&key).json()["items"])[0]["id"], "3");
}

#[test]
fn a_wallet_is_made_filled_and_emptied() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let made = folder.type_in("wallet create").json();
    let address = text(&made["address"]);
    assert_eq!(folder.type_in("wallet address").ok().trim(), address);
    folder.type_in("wallet create").refused(&["exists already"]);
    let held = |file: &str| {
        let command = folder.type_in("wallet balance").arg("--wallet");
        integer(&command.arg(folder.file(file)).json()["balance_soma"])
    };
    let own = folder.data().join("wallet.json");
    assert_eq!(held(own.to_str().unwrap()), 0);
    folder.type_in("wallet faucet 3 SYNOR").ok();
    folder
        .type_in("wallet create --wallet")
        .arg(folder.file("other"))
        .ok();
    let other = folder.type_in("wallet address --wallet");
    let other = other.arg(folder.file("other")).ok();
    let send = folder.synor(&[
        "wallet",
        "send",
        other.trim(),
        "1.25",
        "SYNOR",
        "--memo",
        "for lunch",
    ]);
    assert_eq!(send.json()["amount_micro_synor"], 1_250_000);
    // A µSYNOR is 100 soma, and a transfer on the development chain costs nothing.
    wait_until("the transfer arrives", || {
        (held("other") == 125_000_000).then_some(())
    });
    assert_eq!(held(own.to_str().unwrap()), 175_000_000);
}

#[test]
fn an_invoice_is_paid_from_the_wallet_and_shared_out() {
    let (folder, _server, key) = open_shop();
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 10 SYNOR").ok();
    let paid = folder.type_in("billing pay INV-000001").key(&key).ok();
    assert!(
        paid.contains("INV-000001  ·  acme  ·  2026-01 (UTC)  ·  paid"),
        "{paid}"
    );
    let wallet = folder.type_in("wallet balance").json();
    let owed = 100 * MICRO_SYNOR_PER_GB_SENT;
    assert_eq!(
        integer(&wallet["balance_soma"]),
        10 * 100_000_000 - owed * 100
    );

    // 70% to who did the work, 20% to the treasury, 10% burnt.
    let shared = folder.type_in("admin distribution --period 2026-01").json();
    assert_eq!(integer(&shared["collected_micro_synor"]), owed);
    let operator = &list(&shared["operators"])[0];
    assert_eq!(operator["provider"], "operator-1");
    assert_eq!(integer(&operator["amount_micro_synor"]), owed * 70 / 100);
    assert_eq!(integer(&shared["treasury_micro_synor"]), owed * 20 / 100);
    assert_eq!(integer(&shared["burn_micro_synor"]), owed * 10 / 100);
    let found = folder.verified();
    assert_eq!(integer(&found["collected_micro_synor"]), owed);
    assert_eq!(integer(&found["distributed_micro_synor"]), owed);
}

#[test]
fn auto_pay_collects_what_is_closed_and_no_more_than_its_maximum() {
    let folder = Folder::new();
    folder.configure("block_interval_ms = 10\n[auto_pay]\nlead_secs = 0\n");
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 100 SYNOR").ok();
    folder
        .type_in("billing auto-pay enable --max 4")
        .key(&key)
        .ok();
    let events = [
        egress("acme", 1, 60, "2026-01-15T00:00:00Z"),
        egress("acme", 2, 100, "2026-02-15T00:00:00Z"),
    ];
    folder.import("events.ndjson", &events);
    let (first, second) = (60 * MICRO_SYNOR_PER_GB_SENT, 100 * MICRO_SYNOR_PER_GB_SENT);
    let maximum = 4_000_000;
    assert!(first < maximum && maximum < second);

    folder.type_in("admin close-period 2026-01").ok();
    let invoice = |number: &str| {
        folder
            .synor(&["billing", "invoice", number])
            .key(&key)
            .json()
    };
    wait_until("the first invoice is paid", || {
        (invoice("INV-000001")["status"] == "paid").then_some(())
    });
    folder.type_in("admin close-period 2026-02").ok();
    let part = wait_until("the second invoice is paid in part", || {
        let invoice = invoice("INV-000002");
        (integer(&invoice["paid_micro_synor"]) > 0).then_some(invoice)
    });
    assert_eq!(integer(&part["paid_micro_synor"]), maximum);
    assert_ne!(part["status"], "paid");
    let left = folder.type_in("wallet balance").json();
    let taken = (first + maximum) * 100;
    assert_eq!(integer(&left["balance_soma"]), 100 * 100_000_000 - taken);

    let off = folder.type_in("billing auto-pay disable").key(&key).ok();
    assert!(off.starts_with("auto-pay is off"), "{off}");
    let status = folder.type_in("billing auto-pay status").key(&key).json();
    assert_eq!(status["enabled"], false);
    folder.verified();
}

#[test]
fn what_an_operator_does() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    folder
        .type_in("admin open-account acme --name Acme --time-zone America/New_York")
        .ok();
    folder
        .type_in("admin open-account acme")
        .refused(&["acme", "exists already"]);
    let accounts = folder.type_in("admin accounts").json();
    assert_eq!(list(&accounts["items"])[0]["time_zone"], "America/New_York");

    // 2026-02-01T04:59Z is still January in New York, where it is 23:59.
    let events = [egress("acme", 1, 100, "2026-02-01T04:59:00Z")];
    folder.import("events.ndjson", &events);
    folder
        .type_in("admin grant-credit acme 2 SYNOR --campaign spring --idempotency-key g1")
        .ok();
    folder
        .type_in("admin grant-credit acme 2 SYNOR --campaign spring --idempotency-key g1")
        .ok();
    assert_eq!(folder.balance("acme")["credit_micro_synor"], 2_000_000);
    let closed = folder.type_in("admin close-period 2026-01").json();
    let invoice = &list(&closed["invoices"])[0];
    assert_eq!(invoice["subtotal_micro_synor"], 5_000_000);
    assert_eq!(invoice["total_due_micro_synor"], 3_000_000);
    assert_eq!(folder.balance("acme")["credit_micro_synor"], 0);

    folder
        .synor(&["admin", "void-invoice", text(&invoice["invoice_id"])])
        .ok();
    assert_eq!(folder.balance("acme")["credit_micro_synor"], 2_000_000);
    assert_eq!(folder.balance("acme")["outstanding_micro_synor"], 0);
    folder.verified();
}

#[test]
fn the_first_word_and_the_completions() {
    let folder = Folder::new();
    let shown = folder.type_in("").ok();
    assert!(shown.contains("synor demo"), "{shown}");
    let bash = folder.type_in("completions bash").ok();
    for word in ["_synor", "billing", "auto-pay", "close-period"] {
        assert!(bash.contains(word), "no {word}");
    }
    folder.open_account("acme");
    let shown = folder.type_in("").ok();
    assert!(
        shown.contains("1 accounts") || shown.contains("1 account"),
        "{shown}"
    );
    let shown = folder.type_in("").account("acme").ok();
    assert!(shown.contains("This month so far"), "{shown}");
}

#[test]
fn without_a_server_each_command_is_its_own() {
    let folder = Folder::new();
    let key = folder.open_account("acme");
    folder.import("events.ndjson", &[egress("acme", 1, 100, IN_MONTH)]);
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 50 SYNOR").ok();
    let deposited = folder.type_in("billing deposit 20 SYNOR").key(&key).ok();
    assert!(
        deposited.contains("balance   20.000000 SYNOR"),
        "{deposited}"
    );
    folder.type_in("admin close-period 2026-01").ok();
    let invoice = folder
        .type_in("billing invoice INV-000001")
        .key(&key)
        .json();
    assert_eq!(invoice["status"], "paid", "the deposit covers it");
    assert_eq!(folder.balance("acme")["balance_micro_synor"], 15_000_000);
    assert!(!folder.data().join("server.json").exists());
    let found = folder.verified();
    assert_eq!(found["held_micro_synor"], 15_000_000);
}

#[test]
fn two_commands_at_once_on_one_folder_both_happen() {
    let folder = Folder::new();
    folder.open_account("acme");
    let files: Vec<_> = (0..2_u32)
        .map(|file| {
            let events: Vec<_> = (0..200)
                .map(|n| egress("acme", file * 1_000 + n, 1, IN_MONTH))
                .collect();
            folder.write(&format!("{file}.ndjson"), ndjson(&events))
        })
        .collect();
    let running: Vec<_> = files
        .iter()
        .map(|file| folder.synor(&["usage", "import"]).arg(file).spawn())
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let summary = folder.usage("acme", MONTH);
    let sent = integer(&list(&summary["rows"])[0]["quantity"]);
    assert_eq!(sent, 400 * 1_000_000_000);
    folder.verified();
}

#[test]
fn a_second_server_on_one_folder_is_refused_and_a_stopped_one_leaves_no_trace() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    folder
        .type_in("serve --listen 127.0.0.1:0")
        .refused(&["is in use by another process"]);
    server.stop();
    assert!(!folder.data().join("server.json").exists());
    folder.type_in("admin accounts").ok();
}

#[test]
fn a_server_elsewhere_is_reached_by_its_address_and_a_key() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let key = folder.open_account("acme");
    let elsewhere = Folder::new();
    let asked = elsewhere
        .type_in("billing balance --server")
        .arg(&server.url);
    assert_eq!(asked.key(&key).json()["account_id"], "acme");
    assert!(!elsewhere.data().join("book.sqlite").exists());
    let asked = elsewhere
        .type_in("billing balance --server")
        .arg(&server.url);
    asked.refused(&["needs an API key"]);
}
