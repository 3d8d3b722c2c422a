//! A month as FOCUS 1.2: it sums to the invoice, and the public validator finds nothing wrong.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Folder, MONTH, Server, csv_rows, integer, text};

/// The validator on PyPI knows FOCUS 1.0, and asks for four columns under names that they have in no
/// version; see <https://github.com/finopsfoundation/focus-spec-validator>.
const NAMES_OF_THE_VALIDATOR: [(&str, &str); 4] = [
    ("InvoiceIssuerName", "InvoiceIssuer"),
    ("ProviderName", "Provider"),
    ("PublisherName", "Publisher"),
    ("ResourceId", "ResourceID"),
];

/// A closed month with tiers, a tax, a granted credit, and a credit note.
fn billed() -> (Folder, Server, Value) {
    let folder = Folder::new();
    let server = Server::start(&folder);
    folder.open_account("acme");
    folder
        .synor(&[
            "admin",
            "set-tax",
            "acme",
            "--from",
            MONTH,
            "--add",
            "VAT 19%=19",
        ])
        .ok();
    let event = |id: &str, service: &str, resource: &str, quantity: &str, unit: &str| {
        json!({
            "account": "acme", "service": service, "resource": resource, "quantity": quantity,
            "unit": unit, "time": "2026-01-15T00:00:00Z", "source": "node-1", "id": id,
        })
    };
    let events = [
        event("1", "network", "egress", "100", "GB"),
        event("2", "network", "requests", "3000000", "request"),
    ];
    folder.import("events.ndjson", &events);
    let grant =
        json!({ "amount": "1 SYNOR", "source": { "type": "promotional", "campaign": "x" } });
    let path = "/admin/accounts/acme/credits";
    server
        .api()
        .post_once(&server.secret, path, &grant, "g")
        .expect(201);
    let closed = folder.synor(&["admin", "close-period", MONTH]).json();
    let invoice = text(&closed["invoices"][0]["invoice_id"]).to_owned();
    let note = [
        "admin",
        "credit-note",
        &invoice,
        "1.19 SYNOR",
        "--reason",
        "slow disks",
    ];
    folder.synor(&note).ok();
    let path = format!("/billing/invoices/{invoice}?account=acme");
    let invoice = server.api().get(&server.secret, &path).expect(200);
    (folder, server, invoice)
}

fn export(folder: &Folder, more: &[&str]) -> String {
    let command = ["billing", "export", "--period", MONTH, "--format", "focus"];
    folder
        .synor(&[&command, more].concat())
        .account("acme")
        .ok()
}

/// A decimal in millionths.
fn micro(decimal: &str) -> i128 {
    let (whole, rest) = decimal.split_once('.').unwrap_or((decimal, ""));
    let digits = format!("{whole}{rest:0<6}");
    digits.get(..whole.len() + 6).unwrap().parse().unwrap()
}

#[test]
fn the_rows_sum_to_what_the_invoice_and_its_credit_notes_come_to() {
    let (folder, _server, invoice) = billed();
    let text_of_rows = export(&folder, &[]);
    let rows = csv_rows(&text_of_rows);
    assert_eq!(rows[0].len(), 57);
    let sum = |category: &str| -> i128 {
        let of = rows.iter().filter(|row| row["ChargeCategory"] == category);
        of.map(|row| micro(&row["BilledCost"])).sum()
    };
    let of = |field: &str| integer(&invoice[field]);
    assert_eq!(sum("Usage"), of("subtotal_micro_synor"));
    // VAT on what is due, less its share of the credit note: 0.19 of 1.19.
    assert_eq!(
        sum("Tax"),
        integer(&invoice["taxes"][0]["amount_micro_synor"]) - 190_000
    );
    let total: i128 = rows.iter().map(|row| micro(&row["BilledCost"])).sum();
    assert_eq!(total, of("total_due_micro_synor") - 1_190_000);
    for row in &rows {
        assert_eq!(row["InvoiceId"], "INV-000001");
        assert_eq!(row["BillingPeriodStart"], "2026-01-01T00:00:00Z");
        assert_eq!(row["PricingCurrency"], "SYNOR");
        assert_eq!(
            row["ChargeClass"] == "Correction",
            row["ChargeDescription"].contains("CN-")
        );
    }
    let egress = rows
        .iter()
        .find(|row| row["SkuId"] == "network.egress")
        .unwrap();
    assert_eq!(egress["ConsumedQuantity"], "100000000000");
    assert_eq!(egress["ServiceCategory"], "Networking");

    let in_usd = csv_rows(&export(&folder, &["--usd-rate", "0.25"]));
    for (one, other) in rows.iter().zip(&in_usd) {
        assert_eq!(other["BillingCurrency"], "USD");
        assert_eq!(micro(&other["BilledCost"]), micro(&one["BilledCost"]) / 4);
        assert_eq!(other["PricingCurrencyEffectiveCost"], one["BilledCost"]);
    }
    let running = [
        "billing", "export", "--period", "2026-02", "--format", "focus",
    ];
    folder
        .synor(&running)
        .account("acme")
        .refused(&["2026-02", "no invoice"]);
    folder
        .synor(&["billing", "balance", "--format", "focus"])
        .account("acme")
        .refused(&["FOCUS"]);
}

/// The export under the names that the validator asks for, with the column `ChargeType` of before 1.0,
/// which one of its rules still reads.
fn for_the_validator(exported: &str) -> String {
    let mut reader = csv::Reader::from_reader(exported.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let category = columns
        .iter()
        .position(|column| column == "ChargeCategory")
        .unwrap();
    let renamed = |column: &str| {
        let mut names = NAMES_OF_THE_VALIDATOR.iter();
        let theirs = names.find(|(ours, _)| *ours == column);
        theirs.map_or(column, |(_, theirs)| theirs).to_owned()
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = columns.iter().map(renamed).chain(["ChargeType".to_owned()]);
    writer.write_record(head).unwrap();
    for row in reader.records() {
        let row = row.unwrap();
        writer
            .write_record(row.iter().chain([&row[category]]))
            .unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// `FOCUS_VALIDATOR` names the validator; else it is that of `target/focus`, which `.ci/run` makes.
/// Without it the test is left out, except in CI.
#[test]
fn the_public_validator_finds_nothing_wrong() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let validator = match std::env::var_os("FOCUS_VALIDATOR") {
        Some(validator) => validator.into(),
        None => root.join("../../target/focus/bin/focus-validator"),
    };
    let validator = std::path::absolute::<std::path::PathBuf>(validator).unwrap();
    if !validator.exists() && std::env::var_os("CI").is_none() {
        println!("skipped: {} is not there; see .ci/run", validator.display());
        return;
    }
    // It finds its list of currencies only from the folder that it is installed in.
    let home =
        "import focus_validator as f, os; print(os.path.dirname(os.path.dirname(f.__file__)))";
    let python = validator.with_file_name("python");
    let home = Command::new(python).args(["-c", home]).output().unwrap();
    let home = String::from_utf8(home.stdout).unwrap().trim().to_owned();
    let (folder, _server, _) = billed();
    let exported = export(&folder, &[]);
    let file = folder.write("focus.csv", for_the_validator(&exported));
    let validate = |file: &Path| {
        let mut command = Command::new(&validator);
        command
            .arg("--data-file")
            .arg(file)
            .args(["--validate-version", "1.0"]);
        let output = command.current_dir(&home).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = said + &String::from_utf8_lossy(&output.stderr);
        // Its exit code is the same either way.
        (said.contains("Validation succeeded."), said)
    };
    let (is_valid, said) = validate(&file);
    assert!(is_valid, "{said}");
    // It can find something.
    let wrong = folder.write(
        "wrong.csv",
        for_the_validator(&exported).replace("Usage-Based", "Sometimes"),
    );
    let (is_valid, said) = validate(&wrong);
    assert!(!is_valid && said.contains("ChargeFrequency_Enum"), "{said}");
}
