//! Credits, budgets, auto-pay's schedule, top-ups and incidents, through the real binary.

use serde_json::{Value, json};

use crate::common::{Folder, Server, integer, list, seconds_from_now, text, wait_until};

/// Bytes sent at some time; a gigabyte costs 0.05 SYNOR by the built-in prices.
fn egress(id: u32, gigabytes: u64, time: &str) -> Value {
    json!({
        "account": "acme", "service": "network", "resource": "egress",
        "quantity": gigabytes, "unit": "GB", "time": time,
        "source": "node-1", "id": id.to_string(), "provider": "operator-1",
    })
}

fn shop(toml: &str) -> (Folder, Server, String) {
    let folder = Folder::new();
    folder.configure(&format!("block_interval_ms = 10\n{toml}"));
    let server = Server::start(&folder);
    let key = folder.open_account("acme");
    (folder, server, key)
}

#[test]
fn every_source_of_credit_is_granted_and_its_statement_tells_what_became_of_it() {
    let (folder, server, key) = shop("");
    let soon = seconds_from_now(4);
    for source in [
        "--reason goodwill --admin jo",
        "--campaign launch",
        "--referral acme",
        "--incident 2026-001",
    ] {
        folder
            .type_in(&format!("admin grant-credit acme 2 SYNOR {source}"))
            .ok();
    }
    let twice = "admin grant-credit acme 2 SYNOR --incident 2026-001";
    folder.type_in(twice).refused(&["exists already"]);
    let short = folder
        .type_in(&format!(
            "admin grant-credit acme 3 SYNOR --campaign short --expires {soon}"
        ))
        .json();
    let id = text(&short["credit_id"]).to_owned();
    // The soonest to expire goes first.
    let api = server.api();
    let show = || {
        let command = folder.type_in(&format!("billing credits show {id}"));
        command.key(&key)
    };
    assert_eq!(show().json()["lines"][0]["what"], "granted");
    let expired = wait_until("the credit has expired", || {
        let shown = show().json();
        let lines = list(&shown["lines"]);
        let last = lines.last().unwrap()["what"].clone();
        (last == "expired").then_some(shown)
    });
    assert_eq!(expired["available_micro_synor"], 0);
    let shown = show().ok();
    assert!(
        shown.contains("promotion short") && shown.contains("expired"),
        "{shown}"
    );
    let balance = api.get(&key, "/billing/balance").expect(200);
    assert_eq!(balance["credit_micro_synor"], 8_000_000);
    let missing = "billing credits show crd_00000000000000000000000000000000";
    folder
        .type_in(missing)
        .key(&key)
        .refused(&["does not exist"]);
    folder.verified();
}

#[test]
fn a_budget_alerts_once_and_stops_what_would_go_beyond_it() {
    let (folder, _server, key) = shop("");
    let none = folder.type_in("billing budget list").key(&key).ok();
    assert!(none.starts_with("No budgets yet"), "{none}");
    let set = "billing budget set all --spend 1 --at 50% --at 100% --effect stop";
    assert_eq!(
        folder.type_in(set).key(&key).ok(),
        "budget all: spend of 1.000000 SYNOR; an alert at 50%, 100%, and it stops\n"
    );
    let used = folder.import("a.ndjson", &[egress(1, 12, &seconds_from_now(0))]);
    assert_eq!(integer(&used["accepted"]), 1);
    let alerts = wait_until("the alert", || {
        let found = folder.type_in("billing alerts").key(&key).json();
        (!list(&found["items"]).is_empty()).then_some(found)
    });
    assert_eq!(list(&alerts["items"]).len(), 1);
    assert_eq!(alerts["items"][0]["threshold"], "50%");
    // 9 GB more are 1.05 SYNOR: refused, and 8 GB fill it to the last unit.
    let path = folder.write(
        "b.ndjson",
        format!("{}\n", egress(2, 9, &seconds_from_now(0))),
    );
    let refused = folder
        .synor(&["usage", "import", path.to_str().unwrap()])
        .run();
    assert!(
        format!("{refused:?}").contains("would exceed the budget"),
        "{refused:?}"
    );
    folder.import("c.ndjson", &[egress(3, 8, &seconds_from_now(0))]);
    let listed = folder.type_in("billing budget list").key(&key).csv();
    assert_eq!(
        (listed[0]["value"].as_str(), listed[0]["crossed"].as_str()),
        ("1000000", "50% 100%")
    );
    let firing = wait_until("both alerts", || {
        let found = folder.type_in("billing alerts --firing").key(&key).csv();
        (found.len() == 2).then_some(found)
    });
    assert_eq!(firing[0]["budget"], "all");
    folder.type_in("billing budget remove all").key(&key).ok();
    let again = folder.type_in("billing budget remove all").key(&key);
    again.refused(&["acme/all"]);
    let armed = folder.type_in("billing alerts --firing").key(&key).ok();
    assert_eq!(armed, "No alerts.\n");
    folder
        .type_in("billing budget set b --balance 5 --effect stop")
        .key(&key)
        .refused(&["cannot stop"]);
    folder.verified();
}

#[test]
fn auto_pay_announces_and_a_top_up_fills_the_balance() {
    let (folder, server, key) = shop("[auto_pay]\nlead_secs = 3600\nretry_days = [2]\n");
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 100 SYNOR").ok();
    let enable = "billing auto-pay enable --max 20 --allowance 60";
    folder.type_in(enable).key(&key).ok();
    folder.import("a.ndjson", &[egress(1, 60, "2026-01-15T00:00:00Z")]);
    folder.type_in("admin close-period 2026-01").ok();
    let shown = wait_until("the announcement", || {
        let shown = folder.type_in("billing auto-pay show").key(&key).json();
        (!list(&shown["charges"]).is_empty()).then_some(shown)
    });
    let charge = &shown["charges"][0];
    assert_eq!(
        (&shown["state"], &charge["state"]),
        (&json!("on"), &json!("announced"))
    );
    let ahead = integer(&charge["charge_at"]) - integer(&charge["announced_at"]);
    assert_eq!(
        (ahead, integer(&charge["amount_micro_synor"])),
        (3_600, 3_000_000)
    );
    let resume = folder.type_in("billing auto-pay resume").key(&key);
    resume.refused(&["not paused"]);

    let set = "billing top-up set --below 5 --amount 10 --monthly-max 10";
    let on = folder.type_in(set).key(&key).ok();
    assert!(on.starts_with("top-up is on: 10.000000 SYNOR"), "{on}");
    let filled = wait_until("the top-up", || {
        let balance = folder.balance("acme");
        (balance["prepaid_micro_synor"] == 10_000_000).then_some(balance)
    });
    assert_eq!(filled["balance_micro_synor"], 10_000_000);
    let stopped = wait_until("it is credited", || {
        let shown = folder.type_in("billing top-up show").key(&key).json();
        (shown["top_ups"][0]["end"]["state"] == "credited").then_some(shown)
    });
    assert_eq!(list(&stopped["top_ups"]).len(), 1);
    assert_eq!(stopped["this_month_micro_synor"], 10_000_000);
    let off = folder.type_in("billing top-up off").key(&key).ok();
    assert!(off.starts_with("top-up is off"), "{off}");
    drop(server);
    folder.verified();
}

#[test]
fn an_incident_gives_each_account_what_its_plan_promises_once() {
    let (folder, _server, key) = shop("[sla]\nstandard = [[\"99\", \"15\"], [\"95\", \"50\"]]\n");
    folder
        .type_in("admin set-plan acme standard --from 2026-01-01T00:00:00Z")
        .ok();
    folder.import("a.ndjson", &[egress(1, 200, "2026-01-15T00:00:00Z")]);
    // Ten hours of January's 744 leave 98.66 %.
    let report = "admin incident report 2026-014 --service network --start 2026-01-20T00:00:00Z \
                  --end 2026-01-20T10:00:00Z";
    for _ in 0..2 {
        let told = folder.type_in(report).ok();
        assert!(told.contains("36000 seconds"), "{told}");
    }
    folder
        .type_in(&format!("{report} --downtime 5"))
        .refused(&["said something else"]);
    folder.type_in("admin close-period 2026-01").ok();
    let settled = wait_until("the incident is settled", || {
        let shown = folder.type_in("admin incident show 2026-014").json();
        shown["settled_at"].is_i64().then_some(shown)
    });
    // 10 SYNOR less 10 per cent, and 15 per cent of that.
    assert_eq!(settled["outcomes"][0]["amount_micro_synor"], 1_350_000);
    let shown = folder.type_in("admin incident show 2026-014").ok();
    assert!(shown.contains("plan standard promises 99 %"), "{shown}");
    let listed = folder.type_in("admin incident list").csv();
    assert_eq!(listed[0]["incident_id"], "2026-014");
    let credits = folder.type_in("billing credits").key(&key).csv();
    assert_eq!(credits[0]["remaining_micro_synor"], "1350000");
    folder.verified();
}
