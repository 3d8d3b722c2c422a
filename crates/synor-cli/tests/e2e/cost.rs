//! The calculator by command line: quantities typed in, files, cloud bills, real usage re-rated, and
//! the running month's forecast.

use serde_json::{Value, json};

use crate::common::{Folder, integer, list, ndjson, real_file, seconds_from_now, text};

fn event(account: &str, resource: &str, quantity: &str, unit: &str, time: &str, id: &str) -> Value {
    json!({
        "account": account, "service": "network", "resource": resource, "quantity": quantity,
        "unit": unit, "time": time, "source": "node-1", "id": id,
    })
}

#[test]
fn quantities_typed_in_cost_what_the_price_list_says() {
    let folder = Folder::new();
    let typed = "cost estimate --storage 500GB --cpu 4core*730h --gpu rtx4090:20h --egress 2TB \
                 --requests 100M --plan premium --usd-per-synor 0.25";
    let cost = folder.type_in(typed).json();
    // 10 + 58.4 + 10 + 100 + 10 SYNOR, less 20 %.
    assert_eq!(integer(&cost["subtotal_micro_synor"]), 188_400_000);
    assert_eq!(integer(&cost["total_micro_synor"]), 150_720_000);
    assert_eq!(integer(&cost["total_micro_usd"]), 37_680_000);
    let table = folder.type_in(typed).ok();
    for shown in [
        "GPU rtx4090",
        "Total for 30 days",
        "150.720000",
        "37.68 USD",
    ] {
        assert!(table.contains(shown), "{shown}: {table}");
    }
    let rows = folder.type_in(typed).csv();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0]["amount_micro_synor"], "10000000");

    let january = folder
        .type_in("cost estimate --storage 500GB*31d --month 2026-01")
        .json();
    assert_eq!(integer(&january["total_micro_synor"]), 10_000_000);

    let compared = folder.synor(&[
        "cost",
        "estimate",
        "--egress",
        "2TB",
        "--compare",
        "--commit",
        "50 SYNOR",
        "--commit-discount",
        "20",
    ]);
    let compared = compared.json();
    let totals: Vec<_> = list(&compared["plans"])
        .iter()
        .map(|plan| integer(&plan["total_micro_synor"]))
        .collect();
    assert_eq!(totals, [100_000_000, 90_000_000, 80_000_000, 70_000_000]);
    // 62.5 at list are covered by 50: 100 − 12.5.
    let commitment = &compared["commitments"][0];
    assert_eq!(integer(&commitment["with_micro_synor"]), 87_500_000);
    assert_eq!(integer(&commitment["break_even_micro_synor"]), 50_000_000);
}

#[test]
fn a_bad_value_is_refused_by_its_flag() {
    let folder = Folder::new();
    folder.open_account("acme");
    for (typed, naming) in [
        ("--storage 5XB", ["--storage", "5XB"]),
        ("--storage 5GB*40d", ["--storage", "longer than the month"]),
        ("--cpu 4", ["--cpu", "4core*730h"]),
        ("--gpu 20h", ["--gpu", "names no model"]),
        ("--queries 1.5", ["--queries", "whole number"]),
        ("--vector-searches x", ["--vector-searches", "30M"]),
        ("--egress 1GB --plan gold", ["--plan", "gold"]),
        (
            "--egress 1GB --usd-per-synor 0",
            ["--usd-per-synor", "above zero"],
        ),
        (
            "--egress 1GB --commit 5 --commit-discount 5",
            ["--commit", "no currency"],
        ),
        ("--egress 1GB --usage nothing.csv", ["file", "not both"]),
        ("--focus nothing.csv", ["cannot read", "nothing.csv"]),
    ] {
        folder
            .type_in(&format!("cost estimate {typed}"))
            .refused(&naming);
    }
    let gpu = folder.type_in("cost estimate --gpu h100:1h");
    gpu.refused(&["no price for compute.gpu", "h100"]);
    folder.type_in("cost estimate").refused(&["admin key"]);
    let discount = folder.synor(&[
        "cost",
        "estimate",
        "--egress",
        "1GB",
        "--commit",
        "5 SYNOR",
        "--commit-discount",
        "100",
    ]);
    discount.refused(&["100 %"]);
}

#[test]
fn a_file_costs_what_importing_and_closing_it_bills() {
    let folder = Folder::new();
    let events = [
        event("acme", "egress", "100.5", "GB", "2026-01-10T00:00:00Z", "1"),
        event("acme", "egress", "7", "GB", "2026-02-10T00:00:00Z", "2"),
        event(
            "bolt",
            "requests",
            "3",
            "requests",
            "2026-01-11T00:00:00Z",
            "1",
        ),
    ];
    let file = folder.write("usage.ndjson", ndjson(&events));
    let cost = folder
        .synor(&["cost", "estimate", "--usage"])
        .arg(&file)
        .json();
    let months: Vec<_> = list(&cost["estimates"])
        .iter()
        .map(|e| {
            (
                text(&e["account_id"]),
                text(&e["month"]),
                integer(&e["total_micro_synor"]),
            )
        })
        .collect();
    assert_eq!(
        months,
        [
            ("acme", "2026-01", 5_025_000),
            ("acme", "2026-02", 350_000),
            ("bolt", "2026-01", 0)
        ]
    );
    let (acme, _) = (folder.open_account("acme"), folder.open_account("bolt"));
    folder.synor(&["usage", "import"]).arg(&file).ok();
    let own = folder
        .type_in("cost estimate --period 2026-01")
        .key(&acme)
        .json();
    assert_eq!(integer(&own["total_micro_synor"]), 5_025_000);
    folder
        .type_in("cost estimate --period 2026-01")
        .account("bolt")
        .key(&acme)
        .refused(&["bolt"]);

    let dearer = "version = \"x\"\neffective_from = \"2026-01-01T00:00:00Z\"\n[[price]]\n\
                  resource = \"network.egress\"\nper = \"GB\"\namount = \"0.1 SYNOR\"\n[[price]]\n\
                  resource = \"network.requests\"\nper = \"1M requests\"\namount = \"0 SYNOR\"\n";
    let other = folder.write("other.toml", dearer);
    let all = ["cost", "estimate", "--period", "2026-01", "--price-list"];
    let rerated = folder.synor(&all).arg(&other).json();
    let first = &rerated["items"][0];
    assert_eq!(text(&first["account_id"]), "acme");
    assert_eq!(integer(&first["difference_micro_synor"]), 5_025_000);
    assert_eq!(text(&first["percent"]), "100");
    let mine = folder.synor(&all).arg(&other).key(&acme).ok();
    assert!(
        mine.contains("today it costs 5.025000 SYNOR: 5.025000 SYNOR more"),
        "{mine}"
    );
    let others = folder
        .synor(&all)
        .arg(&other)
        .arg("--all-accounts")
        .key(&acme);
    others.refused(&["its role is customer"]);
}

/// The whole real bill: what is compared is the whole of it, and what it costs here is what its
/// import and a closed month bill.
#[test]
fn a_cloud_bill_is_compared_at_what_its_invoices_would_say() {
    let Some(bill) = real_file("focus_2024-09_real_bill.csv") else {
        return;
    };
    let folder = Folder::new();
    let shown = folder
        .synor(&["cost", "estimate", "--focus"])
        .arg(&bill)
        .json();
    let micro = |decimal: &Value| {
        let (whole, fraction) = text(decimal).split_once('.').unwrap_or((text(decimal), ""));
        let digits = format!("{whole}{:0<18}", fraction.trim_end_matches('…'));
        digits.parse::<i128>().unwrap()
    };
    let mapped = &shown["provider_cost"]["USD"]["mapped"];
    let services: i128 = list(&shown["services"])
        .iter()
        .map(|s| micro(&s["provider_cost"]["USD"]))
        .sum();
    assert_eq!(services, micro(mapped));
    let groups: i128 = list(&shown["unmapped"])
        .iter()
        .map(|g| micro(&g["cost"]))
        .sum();
    assert_eq!(groups, micro(&shown["provider_cost"]["USD"]["unmapped"]));
    let here: i128 = list(&shown["services"])
        .iter()
        .map(|s| integer(&s["amount_micro_synor"]))
        .sum();
    let total = integer(&shown["estimate"]["total_micro_synor"]);
    assert_eq!(here, total);
    folder
        .synor(&["usage", "import", "--create-accounts"])
        .arg(&bill)
        .ok();
    let closed = folder.type_in("admin close-period 2024-09").json();
    assert_eq!(integer(&closed["total_due_micro_synor"]), total);

    let typed = ["cost", "estimate", "--usd-per-synor", "0.25", "--focus"];
    let table = folder.synor(&typed).arg(&bill).ok();
    for shown in [
        "Comparable",
        "Whole bill",
        "can be compared",
        "less",
        "IP addresses",
    ] {
        assert!(table.contains(shown), "{shown}: {table}");
    }
    // As one account's it may be committed for; as many accounts' it may not.
    let commit = ["--commit", "1 SYNOR", "--commit-discount", "10", "--focus"];
    let one = folder.synor(&[&["cost", "estimate", "--account", "all"][..], &commit].concat());
    assert_eq!(
        list(&one.arg(&bill).json()["estimate"]["estimates"]).len(),
        1
    );
    let many = folder.synor(&[&["cost", "estimate"][..], &commit].concat());
    many.arg(&bill).refused(&["one account's"]);
}

#[test]
fn the_running_month_is_forecast() {
    let folder = Folder::new();
    let key = folder.open_account("acme");
    let events: Vec<_> = (1..=8)
        .map(|day| {
            let time = seconds_from_now(-day * 86_400);
            event("acme", "egress", "10", "GB", &time, &day.to_string())
        })
        .collect();
    folder.import("week.ndjson", &events);
    let forecast = folder.type_in("cost forecast").key(&key).json();
    let total = |end: &str| integer(&forecast[end]["total_micro_synor"]);
    assert!(total("so_far") <= total("low") && total("low") <= total("expected"));
    assert!(total("expected") <= total("high"));
    assert_eq!(integer(&forecast["days"]), 7);
    let table = folder.type_in("cost forecast").key(&key).ok();
    assert!(table.contains("mean of the last 7 full days"), "{table}");
    folder.type_in("cost forecast").refused(&["admin key"]);
}
