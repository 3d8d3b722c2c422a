//! The journal from outside: trial balance, statements, and exports that other programs accept.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Folder, Server, integer, list, text};

/// A book with every kind of movement that needs no chain: credits, a deduction, two invoices, a
/// void, and accounts with awkward names.
fn book() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let mut events = Vec::new();
    for (at, account) in ["acme", "Acme", "eu:a.b_c-d"].into_iter().enumerate() {
        folder.open_account(account);
        events.push(json!({
            "account": account, "service": "network", "resource": "egress", "unit": "GB",
            "quantity": 100 * (at + 1), "time": "2026-01-15T12:00:00Z", "source": "node-1",
            "id": account, "provider": "op:fra.1",
        }));
        let grant = [
            "admin",
            "grant-credit",
            account,
            "2 SYNOR",
            "--reason",
            "a \"gift\"; take\\it",
        ];
        folder.synor(&grant).ok();
    }
    folder.import("events.ndjson", &events);
    folder.type_in("admin close-period 2026-01").ok();
    (folder, server)
}

#[test]
fn balances_and_statements_come_to_the_same() {
    let (folder, server) = book();
    let trial = folder.type_in("admin trial-balance").json();
    assert_eq!(trial["debit_micro_synor"], trial["credit_micro_synor"]);
    // Three invoices of 5, 10 and 15 SYNOR, of which 2 each were credit.
    assert_eq!(integer(&trial["debit_micro_synor"]), 24_000_000 + 6_000_000);
    let of = |rows: &Value, account: &str, side: &str| -> i128 {
        let row = list(rows).iter().find(|row| row["account"] == account);
        integer(&row.unwrap_or_else(|| panic!("{account} in {rows}"))[side])
    };
    let owed = of(
        &trial["rows"],
        "assets:receivable:acme",
        "debit_micro_synor",
    );
    assert_eq!(owed, 3_000_000);
    let by_kind = folder.type_in("admin trial-balance --by-kind").json();
    let owed = of(&by_kind["rows"], "assets:receivable", "debit_micro_synor");
    assert_eq!(owed, 24_000_000);
    assert_eq!(of(&by_kind["rows"], "assets:receivable", "accounts"), 3);
    let before = folder.type_in("admin trial-balance --at 2020-01-01").json();
    assert_eq!(before["rows"], json!([]));
    let rows = folder.type_in("admin trial-balance").csv();
    assert_eq!(rows.len(), list(&trial["rows"]).len());
    let table = folder.type_in("admin trial-balance").ok();
    assert!(table.contains("30.000000"), "{table}");

    let statement = folder.type_in("admin statement liabilities:credit:acme");
    let statement = statement.json();
    let lines = list(&statement["items"]);
    let balances: Vec<_> = lines
        .iter()
        .map(|l| integer(&l["balance_micro_synor"]))
        .collect();
    assert_eq!(balances, [-2_000_000, 0]);
    assert_eq!(statement["closing_micro_synor"], 0);
    let later = folder.type_in("admin statement assets:receivable:acme --from 2999-01-01");
    let later = later.json();
    assert_eq!(integer(&later["opening_micro_synor"]), 3_000_000);
    let wrong = folder.type_in("admin statement assets:gold");
    wrong.refused(&["assets:gold"]);

    let entries = folder.type_in("admin journal --limit 2").json();
    assert_eq!(list(&entries["items"]).len(), 2);
    let after = format!("admin journal --after {}", entries["next_after"]);
    let rest = folder.type_in(&after).json();
    let all = integer(&trial["entries"]);
    assert_eq!(i128::try_from(list(&rest["items"]).len()).unwrap(), all - 2);
    server.stop();
}

#[test]
fn an_export_is_every_posting_once() {
    let (folder, server) = book();
    let trial = folder.type_in("admin trial-balance").json();
    let rows = folder.type_in("admin export-journal").csv();
    let mut sums = std::collections::BTreeMap::<String, i128>::new();
    for row in &rows {
        let amount: i128 = row["amount_micro_synor"].parse().unwrap();
        *sums.entry(row["account"].clone()).or_default() += amount;
    }
    for row in list(&trial["rows"]) {
        let side = |side: &str| integer(&row[side]);
        let balance = side("debit_micro_synor") - side("credit_micro_synor");
        assert_eq!(sums[text(&row["account"])], balance, "{row}");
    }
    let out = folder.file("journal.ndjson");
    let export = folder.type_in("admin export-journal --format json --out");
    export.arg(&out).ok();
    let lines = std::fs::read_to_string(&out).unwrap();
    let postings = lines.lines().map(|line| {
        let entry: Value = serde_json::from_str(line).unwrap();
        list(&entry["postings"]).len()
    });
    assert_eq!(postings.sum::<usize>(), rows.len());
    let parquet = folder.type_in("admin export-journal --format parquet");
    parquet.refused(&["not written so"]);
    let answer = folder.type_in("admin journal --format beancount");
    answer.refused(&["plain-text accounting"]);
    server.stop();
}

/// `BEANCOUNT_CHECK` names a `bean-check`; else it is that of `target/beancount`, which `.ci/run`
/// makes.
fn bean_check() -> PathBuf {
    match std::env::var_os("BEANCOUNT_CHECK") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/beancount/bin/bean-check"),
    }
}

/// Beancount reads the export, knows every account, and comes to our balances, which are put to it
/// as assertions; a wrong one it refuses.
#[test]
fn beancount_agrees() {
    let (folder, server) = book();
    let export = folder
        .type_in("admin export-journal --format beancount")
        .ok();
    let receivable = "Assets:Receivable:Acme";
    let checked = |balance: &str| {
        let assertion = format!("2999-01-01 balance {receivable}  {balance} SYNOR\n");
        let file = folder.write("journal.beancount", format!("{export}{assertion}"));
        let mut check = Command::new(bean_check());
        let output = check.arg(&file).output().unwrap_or_else(|error| {
            let path = bean_check();
            panic!(
                "{}: {error}; see .ci/run for how it is made",
                path.display()
            )
        });
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), errors)
    };
    assert_eq!(checked("3.000000"), (true, String::new()));
    let (is_accepted, errors) = checked("3.000010");
    assert!(
        !is_accepted && errors.contains("Balance failed"),
        "{errors}"
    );
    // The time after everything has the same balances, as one opening transaction.
    let later = "admin export-journal --format beancount --from 2998-01-01";
    let later = folder.type_in(later).ok();
    assert!(later.contains("\"opening balances\""), "{later}");
    assert!(
        later.contains(&format!("{receivable}  3.000000 SYNOR")),
        "{later}"
    );
    folder.write("later.beancount", &later);
    let output = Command::new(bean_check())
        .arg(folder.file("later.beancount"))
        .output();
    assert!(output.unwrap().status.success());
    server.stop();
}
