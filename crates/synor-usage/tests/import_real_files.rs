//! Real files, when they are there: a web server's log, and cloud bills, the latter held against a
//! program that shares no code with the importer.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect;
use synor_economics::metering::ResourceType;
use synor_economics::period::Timestamp;
use synor_usage::import::{ImportFormat, ImportOptions, Imported, read};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");
const BILL: &str = "focus_2024-09_real_bill.csv";

fn real_file(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("SYNOR_SHARED") {
        Some(folder) => PathBuf::from(folder).join("data"),
        None => Path::new(CRATE).join("../../../shared/data"),
    };
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn import(format: ImportFormat, path: &Path, account: Option<&str>) -> Imported {
    let options = ImportOptions {
        now: Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
        account: account.map(|account| account.parse().unwrap()),
        provider: None,
        source: None,
    };
    let mut input = BufReader::new(File::open(path).unwrap());
    read(format, &mut input, &options, &mut |_| {}).unwrap()
}

fn sum(imported: &Imported, resource: ResourceType) -> i128 {
    let of_resource = imported.events.iter().filter(|e| e.resource == resource);
    of_resource.map(|event| event.quantity.get()).sum()
}

fn assert_identities_differ(imported: &Imported) {
    let mut ids: Vec<_> = imported
        .events
        .iter()
        .map(|event| &event.identity)
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), imported.events.len());
}

#[test]
fn ten_thousand_requests_of_a_web_server() {
    let Some(path) = real_file("apache_access_2015-05.log") else {
        return;
    };
    let imported = import(ImportFormat::AccessLog, &path, Some("acme"));
    assert_eq!(imported.lines, 10_000);
    assert_eq!(sum(&imported, ResourceType::NetworkRequests), 10_000);
    assert_eq!(
        sum(&imported, ResourceType::HostingBandwidth),
        2_747_282_740
    );
    assert_identities_differ(&imported);
}

#[test]
fn every_line_of_a_real_bill_is_an_event_or_named() {
    let Some(path) = real_file(BILL) else {
        return;
    };
    let imported = import(ImportFormat::Focus, &path, None);
    assert_identities_differ(&imported);
    assert_eq!(imported.lines, 750);
    assert_eq!(imported.accounts.len(), 68);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &imported.unmapped {
        *reasons.entry(&line.reason).or_default() += 1;
    }
    let billed = imported.billed["USD"];
    let mut shown = format!(
        "{} events, {} lines without; mapped {} USD, unmapped {} USD\n",
        imported.events.len(),
        imported
            .unmapped
            .iter()
            .filter(|line| line.cost.is_some())
            .count(),
        billed.mapped.to_decimal(12),
        billed.unmapped.to_decimal(12)
    );
    for (reason, count) in reasons {
        shown += &format!("{count:4} {reason}\n");
    }
    expect![[r#"
        628 events, 148 lines without; mapped 6.66879825511 USD, unmapped 12.41817140555 USD
          32 IP addresses
          10 NAT gateways (the traffic through them is billed as transfer)
           2 a transfer whose direction the bill does not state
           4 database instances, capacity, disk accesses and support (queries are billed, which the bill does not count)
          12 load balancers
           1 managed Kubernetes control planes
          21 management and security services
          18 monitoring and log processing
          15 queues and notifications
           4 speed of disks (not billed apart from the space)
           1 the charge is of category Adjustment, not usage
           1 the charge is of category Credit, not usage
           8 the instance has a GPU (a10g) that is not sold here
           2 the instance has a GPU (m60) that is not sold here
          16 the quantity is zero
           1 workflow steps
    "#]].assert_eq(&shown);
}

#[test]
fn quantities_agree_with_an_independent_program() {
    let Some(path) = real_file(BILL) else {
        return;
    };
    let output = Command::new("python3")
        .arg(Path::new(CRATE).join("tests/oracle/focus_total.py"))
        .arg(&path)
        .arg(Path::new(CRATE).join("src/import/focus_mapping.toml"))
        .arg(Path::new(CRATE).join("../synor-economics/price_lists/default.toml"))
        .arg("2024-09")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: python3 cannot be run: {error}");
            return;
        }
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("No module named 'tomllib'") {
        println!("skipped: python3 is older than 3.11");
        return;
    }
    assert!(output.status.success(), "{complaint}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut expected: BTreeMap<(String, String), String> = BTreeMap::new();
    for (account, bill) in told["accounts"].as_object().unwrap() {
        for (resource, line) in bill["lines"].as_object().unwrap() {
            let quantity = line["quantity"].as_str().unwrap().to_owned();
            expected.insert((account.clone(), resource.clone()), quantity);
        }
    }
    let mut sums: BTreeMap<(String, String), i128> = BTreeMap::new();
    for event in import(ImportFormat::Focus, &path, None).events {
        let key = (
            event.identity.account.to_string(),
            event.resource.to_string(),
        );
        *sums.entry(key).or_default() += event.quantity.get();
    }
    sums.retain(|_, sum| *sum != 0);
    let found: BTreeMap<_, _> = sums
        .into_iter()
        .map(|(key, sum)| (key, sum.to_string()))
        .collect();
    assert!(found.len() > 100, "{}", found.len());
    assert_eq!(found, expected);
}
