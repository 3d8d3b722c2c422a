//! Real input from the file to the invoice: a cloud bill held against a program that shares no code
//! with this one, and a web server's log held against a few lines of arithmetic.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Folder, integer, list, real_file, text, workspace};

/// What the bill costs here by the independent program, if it can be run.
fn expected(bill: &Path) -> Option<Value> {
    let crates = workspace().join("crates");
    let output = Command::new("python3")
        .arg(crates.join("synor-usage/tests/oracle/focus_total.py"))
        .arg(bill)
        .arg(crates.join("synor-usage/src/import/focus_mapping.toml"))
        .arg(crates.join("synor-economics/price_lists/default.toml"))
        .arg("2024-09")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: python3 cannot be run: {error}");
            return None;
        }
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("No module named 'tomllib'") {
        println!("skipped: python3 is older than 3.11");
        return None;
    }
    assert!(output.status.success(), "{complaint}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// What lines below zero give back; the others do not say.
fn credit_of(lines: &[Value]) -> i128 {
    let credits = lines.iter().filter_map(|l| l.get("credit_micro_synor"));
    credits.map(integer).sum()
}

#[test]
fn a_real_cloud_bill_costs_what_an_independent_program_says() {
    let Some(bill) = real_file("focus_2024-09_real_bill.csv") else {
        return;
    };
    let Some(expected) = expected(&bill) else {
        return;
    };
    let folder = Folder::new();
    let import = || {
        let import = folder.synor(&["usage", "import", "--create-accounts"]);
        import.arg(&bill).json()
    };
    let first = import();
    assert_eq!(first["accepted"], first["events"]);
    let closed = folder.type_in("admin close-period 2024-09").json();
    assert_eq!(closed["failed"], json!([]));

    // The answer lists a hundred invoices at most; each account has its own.
    let mut invoices = Vec::new();
    for account in expected["accounts"].as_object().unwrap().keys() {
        let own = folder.type_in("billing invoices").account(account).json();
        invoices.extend(list(&own["items"]).to_vec());
    }
    assert_eq!(closed["invoice_count"], invoices.len());
    let mut made = BTreeMap::new();
    for invoice in &invoices {
        let lines = list(&invoice["line_items"]);
        let amounts: BTreeMap<_, _> = lines
            .iter()
            .map(|line| {
                let amount = integer(&line["amount_micro_synor"]);
                (text(&line["resource"]).to_owned(), amount)
            })
            .collect();
        let total = integer(&invoice["subtotal_micro_synor"]);
        assert_eq!(total, integer(&invoice["total_due_micro_synor"]));
        let credit = credit_of(lines);
        let account = text(&invoice["account_id"]).to_owned();
        let again = made.insert(account, (total, credit, amounts));
        assert_eq!(again, None, "one invoice an account");
    }
    let mut wanted = BTreeMap::new();
    for (account, bill) in expected["accounts"].as_object().unwrap() {
        let lines = bill["lines"].as_object().unwrap();
        if lines.is_empty() {
            continue;
        }
        let amounts = lines.iter().map(|(resource, line)| {
            // The program writes a GPU's model behind its resource.
            let resource = resource.split('[').next().unwrap();
            (resource.to_owned(), integer(&line["amount_micro_synor"]))
        });
        let total = integer(&bill["total_micro_synor"]);
        let credit = integer(&bill["credit_micro_synor"]);
        wanted.insert(
            account.clone(),
            (total, credit, amounts.collect::<BTreeMap<_, _>>()),
        );
    }
    assert!(wanted.len() > 50, "{}", wanted.len());
    assert_eq!(made, wanted);
    let grand = integer(&expected["grand_total"]["total_micro_synor"]);
    assert_eq!(integer(&closed["subtotal_micro_synor"]), grand);
    let credited = wanted.iter().filter(|(_, (_, credit, _))| *credit > 0);
    let (mut seen, grand) = (0, integer(&expected["grand_total"]["credit_micro_synor"]));
    for (account, (_, credit, _)) in credited {
        let balance = folder.balance(account);
        assert_eq!(
            integer(&balance["balance_micro_synor"]),
            *credit,
            "{account}"
        );
        seen += credit;
    }
    assert_eq!(seen, grand);

    let second = folder.type_in("admin close-period 2024-09").json();
    assert_eq!(second["invoices"], json!([]));
    let again = import();
    assert_eq!(
        (&again["accepted"], &again["conflicting"]),
        (&json!(0), &json!([]))
    );
    assert_eq!(again["duplicate"], first["events"]);
    let third = folder.type_in("admin close-period 2024-09").json();
    assert_eq!(third["invoices"], json!([]));
    let found = folder.verified();
    assert_eq!(found["events"], first["events"]);
    assert_eq!(found["invoices"], wanted.len());
}

#[test]
fn ten_thousand_requests_of_a_web_server_are_billed_to_the_micro_synor() {
    let Some(log) = real_file("apache_access_2015-05.log") else {
        return;
    };
    let folder = Folder::new();
    folder.open_account("web");
    let import = folder.synor(&["usage", "import"]).arg(&log);
    let import = import.account("web").json();
    assert_eq!(import["lines"], 10_000);

    // What stands behind the quoted request: the status and the size.
    let lines = std::fs::read_to_string(&log).unwrap();
    let sizes = lines.lines().map(|line| {
        let behind = line.split("\" ").nth(1).unwrap();
        behind.split(' ').nth(1).unwrap().parse::<i128>()
    });
    let bytes: i128 = sizes.map(|size| size.unwrap_or(0)).sum();
    assert_eq!(bytes, 2_747_282_740);
    let summary = folder.usage("web", "2015-05");
    let used: BTreeMap<_, _> = list(&summary["rows"])
        .iter()
        .map(|row| (text(&row["resource"]), integer(&row["quantity"])))
        .collect();
    let wanted = [("hosting.bandwidth", bytes), ("network.requests", 10_000)];
    assert_eq!(used, BTreeMap::from(wanted));

    folder.type_in("admin close-period 2015-05").ok();
    let invoice = folder.type_in("billing invoice INV-000001");
    let invoice = invoice.account("web").json();
    // 0.05 SYNOR a GB and 0.10 SYNOR a million requests, each line rounded half to even.
    let half_even = |numerator: i128, denominator: i128| {
        let (whole, rest) = (numerator / denominator, numerator % denominator * 2);
        let up = rest > denominator || (rest == denominator && whole % 2 == 1);
        whole + i128::from(up)
    };
    let bandwidth = half_even(bytes * 50_000, 1_000_000_000);
    let requests = half_even(10_000 * 100_000, 1_000_000);
    let lines = list(&invoice["line_items"]);
    let amounts: BTreeMap<_, _> = lines
        .iter()
        .map(|line| {
            (
                text(&line["resource"]),
                integer(&line["amount_micro_synor"]),
            )
        })
        .collect();
    let wanted = [
        ("hosting.bandwidth", bandwidth),
        ("network.requests", requests),
    ];
    assert_eq!(amounts, BTreeMap::from(wanted));
    let due = integer(&invoice["total_due_micro_synor"]);
    assert_eq!(due, bandwidth + requests);
    folder.verified();
}
