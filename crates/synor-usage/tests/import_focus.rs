//! Cloud bills: what a line becomes, and what it is refused or left out for.
#![allow(clippy::unwrap_used)]

use expect_test::{Expect, expect};
use synor_economics::period::Timestamp;
use synor_usage::import::{ImportFormat, ImportOptions, Imported, read};

const HEADER: &str = "ProviderName,ServiceName,ChargeCategory,PricingUnit,PricingQuantity,\
    ConsumedUnit,ConsumedQuantity,ChargeDescription,BilledCost,ListCost,BillingCurrency,\
    ChargePeriodStart,SubAccountId,BillingAccountId,RegionId,CommitmentDiscountStatus";

fn options() -> ImportOptions {
    ImportOptions {
        now: Timestamp::parse("2026-01-02T00:00:00Z").unwrap(),
        account: None,
        provider: None,
        source: None,
    }
}

fn show(imported: &Imported) -> String {
    let mut text = String::new();
    for event in &imported.events {
        let correction = if event.correction { " correction" } else { "" };
        let dimensions: Vec<_> = event
            .dimensions
            .iter()
            .map(|(k, v)| format!(" {k}={v}"))
            .collect();
        text += &format!(
            "{} {} {} {} {}{}{correction}\n",
            event.identity.account,
            event.resource,
            event.quantity,
            event.unit(),
            event.time,
            dimensions.concat()
        );
    }
    for line in &imported.unmapped {
        let cost = line
            .cost
            .map_or("no cost".to_owned(), |cost| cost.to_decimal(12));
        text += &format!(
            "line {}: {cost} {}: {}\n",
            line.line, line.currency, line.reason
        );
    }
    text
}

fn import(text: &str, options: &ImportOptions) -> Result<Imported, String> {
    read(
        ImportFormat::Focus,
        &mut text.as_bytes(),
        options,
        &mut |_| {},
    )
    .map_err(|error| error.to_string())
}

/// A bill of lines `provider|service|unit|quantity|description`, in September 2024.
fn bill(lines: &[&str]) -> String {
    let mut text = format!("{HEADER}\n");
    for line in lines {
        let field: Vec<_> = line.split('|').collect();
        let [provider, service, unit, quantity, description] = field[..] else {
            panic!("{line}")
        };
        text += &format!(
            "{provider},{service},Usage,{unit},{quantity},{unit},NULL,\"{description}\",0.10,0.20,\
             USD,2024-09-30 23:00:00,/subscriptions/acme,99,eastus,NULL\n"
        );
    }
    text
}

fn check(lines: &[&str], expected: Expect) {
    let shown = match import(&bill(lines), &options()) {
        Ok(imported) => show(&imported),
        Err(error) => format!("{error}\n"),
    };
    expected.assert_eq(&shown);
}

#[test]
fn a_gigabyte_has_2_to_the_30_bytes_and_a_month_the_days_of_the_calendar() {
    check(
        &[
            "AWS|Amazon Elastic Compute Cloud|GB|0.00000003730|$0.000 per GB - data transfer in per month",
            "AWS|Amazon Elastic Compute Cloud|GB|1|$0.09 per GB - first 10 TB / month data transfer out",
            "AWS|Amazon Elastic Compute Cloud|GB-Months|1|$0.05 per GB-Month of snapshot data stored",
            "Microsoft|Azure DB for MySQL|GB/Month|3.22580645161|General Purpose - Storage - Data Stored",
            "AWS|AWS Lambda|Seconds|5.98200000000|AWS Lambda - Total Compute - US West (Oregon)-Tier-1",
        ],
        expect![[r#"
            acme network.ingress 40 bytes 2024-09-30T23:00:00Z region=eastus
            acme network.egress 1073741824 bytes 2024-09-30T23:00:00Z region=eastus
            acme storage.stored_data 2783138807808000 byte-seconds 2024-09-30T23:00:00Z region=eastus
            acme database.stored_data 9277129359351651 byte-seconds 2024-09-30T23:00:00Z region=eastus
            acme compute.memory 6423123591 byte-seconds 2024-09-30T23:00:00Z region=eastus
        "#]],
    );
}

#[test]
fn an_instance_is_cores_and_memory() {
    check(
        &[
            "AWS|Amazon Elastic Compute Cloud|Hours|0.5|$0.34 per On Demand Linux c5.2xlarge Instance Hour",
            "AWS|Amazon Elastic Compute Cloud|Hours|1|$1.624 per On Demand Linux g5.4xlarge Instance Hour",
            "AWS|Amazon Elastic Compute Cloud|Hours|1|$9 per On Demand Linux z9.huge Instance Hour",
            "Oracle|COMPUTE|OCPU Hours|8|Standard - E5",
            "Oracle|COMPUTE|GB Hours|8|Standard - E3 - Memory",
        ],
        expect![[r#"
            acme compute.cpu 14400000 core-milliseconds 2024-09-30T23:00:00Z region=eastus
            acme compute.memory 30923764531200 byte-seconds 2024-09-30T23:00:00Z region=eastus
            acme compute.cpu 57600000 core-milliseconds 2024-09-30T23:00:00Z region=eastus
            acme compute.memory 30923764531200 byte-seconds 2024-09-30T23:00:00Z region=eastus
            line 3: 0.1 USD: the instance has a GPU (a10g) that is not sold here
            line 4: 0.1 USD: the instance type is not in the table of sizes
        "#]],
    );
}

#[test]
fn what_is_read_from_storage_is_retrieved_and_may_leave() {
    check(
        &[
            "AWS|Amazon Simple Storage Service|GB|0.5|$0.00 per GB data transfer out of US West (Oregon) to CloudFront",
            "AWS|Amazon Simple Storage Service|GB|0.5|$0.02 per GB - US West (Oregon) data transfer to EU (Germany)",
            "AWS|Amazon CloudFront|GB|0.5|$0.085 per GB - first 10 TB / month data transfer out",
        ],
        expect![[r#"
            acme storage.retrieval 536870912 bytes 2024-09-30T23:00:00Z region=eastus
            acme storage.retrieval 536870912 bytes 2024-09-30T23:00:00Z region=eastus
            acme network.egress 536870912 bytes 2024-09-30T23:00:00Z region=eastus
            acme hosting.bandwidth 536870912 bytes 2024-09-30T23:00:00Z region=eastus
        "#]],
    );
}

#[test]
fn lines_of_google_cloud() {
    check(
        &[
            "Google Cloud|Compute Engine|hour|2|E2 Instance Core running in Americas",
            "Google Cloud|Compute Engine|gibibyte hour|8|E2 Instance Ram running in Americas",
            "Google Cloud|Cloud Storage|gibibyte month|1|Standard Storage US Multi-region",
            "Google Cloud|Compute Engine|gibibyte|1|Network Internet Data Transfer Out from Americas to China",
        ],
        expect![[r#"
            acme compute.cpu 7200000 core-milliseconds 2024-09-30T23:00:00Z region=eastus
            acme compute.memory 30923764531200 byte-seconds 2024-09-30T23:00:00Z region=eastus
            acme storage.stored_data 2783138807808000 byte-seconds 2024-09-30T23:00:00Z region=eastus
            acme network.egress 1073741824 bytes 2024-09-30T23:00:00Z region=eastus
        "#]],
    );
}

#[test]
fn a_negative_line_reduces() {
    check(
        &[
            "Microsoft|Azure Machine Learning|Units/Month|-0.001389|Premium SSD Managed Disks - P6 LRS",
        ],
        expect![[r#"
            acme storage.stored_data -247409907458900 byte-seconds 2024-09-30T23:00:00Z region=eastus correction
        "#]],
    );
}

#[test]
fn what_becomes_no_event_is_named_with_its_cost() {
    let mut text = bill(&[
        "AWS|Elastic Load Balancing|Hours|1|$0.0225 per Application LoadBalancer-hour",
        "AWS|Amazon Elastic Compute Cloud|GB|0|$0.09 per GB - first 10 TB / month data transfer out",
        "AWS|Amazon Elastic Compute Cloud|GB|0.0000000001|$0.09 per GB - data transfer out",
        "AWS|Amazon Simple Storage Service|GB|0.0000000001|$0.09 per GB - data transfer out",
        "AWS|Amazon Elastic Compute Cloud|GB||$0.09 per GB - data transfer out",
        "Nimbus|Rain|mm|3|rain",
        "Microsoft|Storage Accounts|Units|3|Files - List Operations",
    ]);
    for category in ["Tax", "Credit", "Purchase", "Adjustment"] {
        text += &format!(
            "AWS,Amazon Elastic Compute Cloud,{category},GB,1,GB,NULL,data transfer out,,-2.6137,USD,\
             2024-09-01T00:00:00Z,NULL,99,NULL,NULL\n"
        );
    }
    text += "AWS,Amazon Elastic Compute Cloud,Usage,GB,1,GB,NULL,data transfer out,NULL,,USD,\
             2024-09-01T00:00:00Z,NULL,99,NULL,Unused\n";
    let imported = import(&text, &options()).unwrap();
    expect![[r#"
        line 2: 0.1 USD: load balancers
        line 3: 0.1 USD: the quantity is zero
        line 4: 0.1 USD: network.egress: less than one byte
        line 5: 0.1 USD: storage.retrieval: less than one byte; network.egress: less than one byte
        line 6: 0.1 USD: the line states no quantity
        line 7: 0.1 USD: no rule of the mapping table fits
        line 8: 0.1 USD: the line states no consumed quantity
        line 9: -2.6137 USD: the charge is of category Tax, not usage
        line 10: -2.6137 USD: the charge is of category Credit, not usage
        line 11: -2.6137 USD: the charge is of category Purchase, not usage
        line 12: -2.6137 USD: the charge is of category Adjustment, not usage
        line 13: no cost USD: a commitment that was paid for and not used
    "#]]
    .assert_eq(&show(&imported));
    let billed = imported.billed["USD"];
    assert_eq!(billed.mapped.to_decimal(6), "0");
    assert_eq!(billed.unmapped.to_decimal(6), "-9.7548");
    assert_eq!(imported.lines, 12);
    assert_eq!(imported.accounts.len(), 2);
}

#[test]
fn the_consumed_quantity_counts_where_the_priced_one_is_missing() {
    let line = |priced: &str, consumed: &str, service: &str, description: &str| {
        format!(
            "{HEADER}\nMicrosoft,{service},Usage,Units,{priced},GB,{consumed},{description},1E-7,,EUR,\
             2024-09-01T00:00:00Z,acme,99,NULL,NULL\n"
        )
    };
    let text = line("NULL", "1.5e0", "Storage", "Data Transfer Out");
    expect![[r#"
        acme network.egress 1610612736 bytes 2024-09-01T00:00:00Z
    "#]]
    .assert_eq(&show(&import(&text, &options()).unwrap()));
    let text = line(
        "0.00000003",
        "0.0003",
        "Storage Accounts",
        "Files - List Operations",
    );
    expect![[r#"
        acme network.requests 3 requests 2024-09-01T00:00:00Z
    "#]]
    .assert_eq(&show(&import(&text, &options()).unwrap()));
}

#[test]
fn the_options_name_account_provider_and_source() {
    let text = bill(&[
        "Google Cloud|Rain|mm|3|rain",
        "AWS|AWS Lambda|Requests|3|Total Requests",
    ]);
    let imported = import(&text, &options()).unwrap();
    assert_eq!(imported.unmapped[0].provider, "google-cloud");
    assert_eq!(imported.events[0].identity.source, "focus:aws");
    assert_eq!(
        imported.events[0].provider.as_ref().unwrap().as_str(),
        "aws"
    );
    let given = ImportOptions {
        account: Some("other".parse().unwrap()),
        provider: Some("op-1".parse().unwrap()),
        source: Some("bills".to_owned()),
        ..options()
    };
    let imported = import(&text, &given).unwrap();
    let event = &imported.events[0];
    assert_eq!(event.identity.source, "bills");
    assert_eq!(event.provider.as_ref().unwrap().as_str(), "op-1");
    assert_eq!(
        imported
            .accounts
            .iter()
            .map(|a| a.as_str())
            .collect::<Vec<_>>(),
        ["other"]
    );
}

#[test]
fn equal_lines_both_count_and_a_second_import_adds_nothing() {
    let line = "AWS|AWS Lambda|Requests|3|Total Requests";
    let text = bill(&[line, line]);
    let ids = |text: &str| -> Vec<String> {
        let imported = import(text, &options()).unwrap();
        imported
            .events
            .into_iter()
            .map(|event| event.identity.id)
            .collect()
    };
    expect![[r#"
        d87e044f95f9e9dea057dc164f57e4dc-1-1
        d87e044f95f9e9dea057dc164f57e4dc-2-1"#]]
    .assert_eq(&ids(&text).join("\n"));
    assert_eq!(ids(&text), ids(&text));
}

#[test]
fn what_does_not_hold_is_named_with_its_line() {
    let good = bill(&["AWS|AWS Lambda|Requests|3|Total Requests"]);
    let error = |from: &str, to: &str| {
        let bad = good.replace(from, to);
        let second = bad.lines().nth(1).unwrap();
        import(&format!("{good}{second}\n"), &options()).unwrap_err()
    };
    expect!["line 3: PricingQuantity `three`: `three` is not a plain decimal number (digits, at most one point, no exponent)"].assert_eq(&error(",3,", ",three,"));
    expect!["line 3: BilledCost `1e99`: the amount is too large to be represented exactly"]
        .assert_eq(&error(",0.10,", ",1e99,"));
    expect!["line 3: ChargePeriodStart `30.9.2024`: is not a time; FOCUS writes 2024-09-01T00:00:00Z or 2024-09-01 00:00:00"].assert_eq(&error("2024-09-30 23:00:00", "30.9.2024"));
    expect!["line 3: time `2026-09-30T23:00:00Z`: is more than a day in the future"]
        .assert_eq(&error("2024-09-30 23:00:00", "2026-09-30 23:00:00"));
    expect!["line 3: SubAccountId `/subscriptions/a b`: `a b` is not an account id (1 to 128 letters, digits, `.`, `_`, `-`, `:`)"].assert_eq(&error("/subscriptions/acme", "/subscriptions/a b"));
    expect!["line 3: BillingAccountId ``: `` is not an account id (1 to 128 letters, digits, `.`, `_`, `-`, `:`)"].assert_eq(&error("/subscriptions/acme,99", "NULL,NULL"));
    expect!["line 3: ProviderName ``: does not name the cloud"].assert_eq(&error("AWS,", "NULL,"));
    expect!["line 3: quantity `100000000000000000000000000000`: is too large for one event"]
        .assert_eq(&error(",3,", ",1E29,"));
    expect!["line 1: column `ServiceName, ChargeCategory, ChargeDescription, ChargePeriodStart, PricingQuantity, PricingUnit, BillingAccountId`: is missing in the header"].assert_eq(&import("ProviderName,BilledCost\n", &options()).unwrap_err());
}
