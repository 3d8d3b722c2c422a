//! Invoices: making, reading and voiding them.

use serde_json::{Value, json};

use crate::support::document::text;
use crate::support::server::Server;
use crate::usage::{event, ingest};
use crate::{ACME, BETA, NO_INVOICE};

pub struct Invoices {
    /// Acme's of December, paid by nothing but coins.
    pub december: Value,
    /// Acme's of January, paid in part by credit.
    pub january: Value,
    /// Beta's of December.
    pub beta: Value,
}

pub async fn closing(server: &Server) -> Invoices {
    let close = |month: &str| server.admin("closePeriod").path("month", month);
    let december = close("2025-12").expect(200).await;
    assert_eq!(december["without_usage"], 1);
    // What comes late for December is billed with January, what goes too.
    let late = event(
        "network.egress",
        "10",
        BETA,
        "2025-12-31T23:59:59Z",
        30,
        "GB",
    );
    let mut gone = event(
        "network.egress",
        "-5",
        ACME,
        "2025-12-10T09:00:00Z",
        31,
        "GB",
    );
    gone["data"]["correction"] = json!(true);
    ingest(server, &[late, gone]).await;
    let january = close("2026-01").expect(200).await;
    assert_eq!(january["failed"][0]["account_id"], "gamma");
    let again = close("2026-01").expect(200).await;
    assert_eq!(
        (&again["already_closed"], &again["invoices"]),
        (&json!(2), &json!([]))
    );
    close("2026-02").problem(409, "period-open").await;
    close("1969-11").problem(409, "no-price").await;
    close("2026-13").problem(400, "invalid-request").await;
    close("9999-12").problem(422, "invalid-request").await;
    assert_eq!(
        (&january["invoice_count"], &january["failed_count"]),
        (&json!(2), &json!(1))
    );
    let of = async |closed: &Value, account: &str| {
        let invoices = closed["invoices"].as_array().expect("invoices");
        let mut own = invoices.iter().filter(|i| i["account_id"] == account);
        let listed = own.next().expect("an invoice");
        whole(server, account, listed).await
    };
    let lines = of(&january, BETA).await["line_items"].clone();
    let lines = lines.as_array().expect("lines");
    let late = lines.iter().find(|line| line["adjusts"] == "2025-12");
    assert!(late.expect("a late line").get("steps").is_none());
    let mut tiered = lines.iter().filter(|l| l["resource"] == "network.requests");
    let tiered = tiered.next().expect("a line with tiers");
    assert!(tiered.get("unit_price_micro_synor").is_none());
    // 1M free, 5M at 0.10, 2.5M at 0.05, and 0.50 for the second tier.
    assert_eq!(tiered["exact_micro_synor"], "1125000");
    let labels: Vec<_> = tiered["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| text(&step["label"]))
        .collect();
    let expected = ["free", "the first", "the next", "flat fee, tier 2"];
    assert_eq!(labels, expected);
    let less = of(&january, ACME).await;
    let less = less["line_items"].as_array().and_then(|lines| lines.last());
    assert_eq!(less.expect("a line")["credit_micro_synor"], 250_000);
    let off = &of(&january, ACME).await["discounts"];
    let off = off.as_array().and_then(|all| all.last()).expect("one");
    assert_eq!(off["discount_type"]["type"], "correction");
    assert_eq!(off["amount_micro_synor"], 250_000);
    Invoices {
        december: of(&december, ACME).await,
        january: of(&january, ACME).await,
        beta: of(&december, BETA).await,
    }
}

/// An invoice that closing a month listed, with all that it says.
pub async fn whole(server: &Server, account: &str, listed: &Value) -> Value {
    let id = text(&listed["invoice_id"]);
    let read = server.admin("getInvoice").path("id", id).account(account);
    let whole = read.expect(200).await;
    for field in ["number", "subtotal_micro_synor", "total_due_micro_synor"] {
        assert_eq!(whole[field], listed[field], "{field}");
    }
    whole
}

pub async fn reading_invoices(server: &Server, acme: &str, invoices: &Invoices) {
    let list = || server.call("listInvoices").key(acme);
    let first = list().query("limit", "1").expect(200).await;
    let cursor = text(&first["next_cursor"]);
    let last = list()
        .query("limit", "1")
        .query("cursor", cursor)
        .expect(200)
        .await;
    assert_eq!(first["items"][0], invoices.january);
    assert_eq!(last["items"][0], invoices.december);
    assert!(last.get("next_cursor").is_none());
    for (name, value) in [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "x"),
        ("cursor", "x"),
    ] {
        list()
            .query(name, value)
            .problem(400, "invalid-request")
            .await;
    }
    for field in ["invoice_id", "number"] {
        let id = text(&invoices.december[field]);
        let invoice = server
            .call("getInvoice")
            .key(acme)
            .path("id", id)
            .expect(200)
            .await;
        assert_eq!(invoice, invoices.december);
    }
    for operation in ["getInvoice", "payInvoice", "getInvoicePayment"] {
        let call = server.call(operation).key(acme).path("id", "42");
        call.problem(400, "invalid-request").await;
        let call = server.call(operation).key(acme).path("id", "INV-999999");
        call.problem(404, "not-found").await;
    }
    let current = server.call("getCurrentInvoice").key(acme).expect(200).await;
    assert_eq!(
        (&current["month"], &current["status"]),
        (&json!("2026-02"), &json!("draft"))
    );
    let call = server.admin("getCurrentInvoice").account("gamma");
    call.problem(409, "no-price").await;

    let export = |period: &str| server.call("exportMonth").key(acme).query("period", period);
    let closed = export("2025-12").expect(200).await;
    assert_eq!(closed["invoice_number"], invoices.december["number"]);
    assert_eq!(export("2026-02").expect(200).await["status"], "draft");
    export("soon").problem(400, "invalid-request").await;
    export("1969-11").problem(409, "no-price").await;
    export("9999-12").problem(422, "invalid-request").await;
}

pub async fn voiding(server: &Server, invoices: &Invoices) {
    let void = |id: &str| server.admin("voidInvoice").path("id", id);
    void(text(&invoices.beta["invoice_id"]))
        .problem(409, "invoice-state")
        .await;
    void(NO_INVOICE).problem(404, "not-found").await;
    void("INV-000001").problem(400, "invalid-request").await;
    server.open_account("delta").await;
    ingest(
        server,
        &[event(
            "network.egress",
            "3",
            "delta",
            "2026-01-03T00:00:00Z",
            40,
            "GB",
        )],
    )
    .await;
    let closed = server.admin("closePeriod").path("month", "2026-01");
    let closed = closed.expect(200).await;
    let voided = void(text(&closed["invoices"][0]["invoice_id"]))
        .expect(200)
        .await;
    assert_eq!(voided["status"], "voided");
}
