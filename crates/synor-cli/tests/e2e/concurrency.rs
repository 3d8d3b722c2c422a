//! Many at once: nothing is billed, taken or credited twice.

use std::collections::BTreeSet;
use std::process::Child;

use serde_json::{Value, json};

use crate::common::{Folder, MONTH, Ran, Server, integer, list, ndjson, text, wait_until};

fn event(account: &str, gigabytes: u64) -> Value {
    json!({
        "account": account, "service": "network", "resource": "egress",
        "quantity": gigabytes.to_string(), "unit": "GB", "time": "2026-01-15T00:00:00Z",
        "source": "node-1", "id": "1",
    })
}

fn ended(child: Child) -> Ran {
    Ran::new(String::new(), child.wait_with_output().unwrap())
}

/// Eight closes of one month at once; the invoices that they made together.
fn close_at_once(folder: &Folder, accounts: &[String]) {
    let close = || {
        let close = folder.synor(&["admin", "close-period", MONTH]);
        close.arg("--format").arg("json").spawn()
    };
    let running: Vec<_> = (0..8).map(|_| close()).collect();
    let mut made = Vec::new();
    for ran in running.into_iter().map(ended) {
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let closed: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(closed["failed"], json!([]));
        made.extend(list(&closed["invoices"]).to_vec());
    }
    let of: BTreeSet<_> = made
        .iter()
        .map(|i| text(&i["account_id"]).to_owned())
        .collect();
    assert_eq!(of, accounts.iter().cloned().collect());
    assert_eq!(made.len(), accounts.len(), "one invoice an account");
    let numbers: BTreeSet<_> = made.iter().map(|i| text(&i["number"]).to_owned()).collect();
    let gapless = (1..=accounts.len()).map(|n| format!("INV-{n:06}"));
    assert_eq!(numbers, gapless.collect());
    for account in accounts {
        let invoices = folder.type_in("billing invoices").account(account).json();
        assert_eq!(list(&invoices["items"]).len(), 1, "{account}");
    }
    assert_eq!(folder.verified()["invoices"], accounts.len());
}

fn folder_of(accounts: &[String]) -> Folder {
    let folder = Folder::new();
    let events: Vec<_> = accounts.iter().map(|account| event(account, 10)).collect();
    let file = folder.write("events.ndjson", ndjson(&events));
    let import = folder.synor(&["usage", "import", "--create-accounts"]);
    import.arg(file).ok();
    folder
}

#[test]
fn a_month_closed_by_many_processes_at_once_has_one_invoice_an_account() {
    let accounts: Vec<_> = (0..30).map(|n| format!("account-{n}")).collect();
    close_at_once(&folder_of(&accounts), &accounts);
}

#[test]
fn a_month_closed_through_one_server_at_once_has_one_invoice_an_account() {
    let accounts: Vec<_> = (0..30).map(|n| format!("account-{n}")).collect();
    let folder = folder_of(&accounts);
    let _server = Server::start(&folder);
    close_at_once(&folder, &accounts);
}

#[test]
fn sixty_four_deductions_at_once_take_what_there_is_and_no_more() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let api = server.api();
    folder.open_account("acme");
    folder.type_in("admin grant-credit acme 60 SYNOR").ok();
    folder.type_in("admin grant-credit acme 40 SYNOR").ok();
    // 33 times 3 SYNOR fit into 100, and one SYNOR is left.
    let take = json!({"amount": "3 SYNOR", "reason": "an hour"});
    let path = "/billing/deduct?account=acme";
    let replies = api.wait_all((0..64).map(|n| {
        let name = format!("take-{n}");
        api.post_later(&server.secret, path, &take, Some(&name))
    }));
    let mut left = BTreeSet::new();
    for reply in replies {
        if reply.status == 200 {
            let remaining = integer(&reply.body["remaining_balance_micro_synor"]);
            assert!(left.insert(remaining), "two deductions left {remaining}");
        } else {
            reply.problem(402, "insufficient-balance", &["1.000000", "3.000000"]);
        }
    }
    let steps = (1..=33).map(|n| (100 - 3 * n) * 1_000_000);
    assert_eq!(
        left,
        steps.collect(),
        "each took 3 SYNOR from what was there"
    );
    assert_eq!(folder.balance("acme")["balance_micro_synor"], 1_000_000);
    folder.verified();

    // All of them again, with the same names: the same answers, and nothing is taken.
    let replies = api.wait_all((0..64).map(|n| {
        let name = format!("take-{n}");
        api.post_later(&server.secret, path, &take, Some(&name))
    }));
    let taken = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(taken, 33);
    assert_eq!(folder.balance("acme")["balance_micro_synor"], 1_000_000);
}

#[test]
fn one_deduction_sent_many_times_at_once_is_one() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let api = server.api();
    folder.open_account("acme");
    let grant = json!({
        "amount": "10 SYNOR", "source": {"type": "promotional", "campaign": "spring"},
    });
    let path = "/admin/accounts/acme/credits";
    let grants = (0..16).map(|_| api.post_later(&server.secret, path, &grant, Some("g")));
    let granted = api.wait_all(grants);
    let first = granted[0].clone().expect(201);
    assert!(
        granted.iter().all(|reply| reply.body == first),
        "{granted:?}"
    );
    let take = json!({"amount": "3 SYNOR", "reason": "an hour"});
    let path = "/billing/deduct?account=acme";
    let takes = (0..16).map(|_| api.post_later(&server.secret, path, &take, Some("t")));
    let taken = api.wait_all(takes);
    let first = taken[0].clone().expect(200);
    assert!(taken.iter().all(|reply| reply.body == first), "{taken:?}");
    assert_eq!(folder.balance("acme")["balance_micro_synor"], 7_000_000);

    let other = json!({"amount": "4 SYNOR", "reason": "an hour"});
    let reply = api.post_once(&server.secret, path, &other, "t");
    reply.problem(422, "idempotency-key-reused", &[]);
    let other = json!({
        "amount": "11 SYNOR", "source": {"type": "promotional", "campaign": "spring"},
    });
    let path = "/admin/accounts/acme/credits";
    let reply = api.post_once(&server.secret, path, &other, "g");
    reply.problem(422, "idempotency-key-reused", &[]);
    assert_eq!(folder.balance("acme")["balance_micro_synor"], 7_000_000);
    folder.verified();
}

#[test]
fn one_deposit_sent_many_times_at_once_is_one_credit() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let api = server.api();
    let key = folder.open_account("acme");
    let order = json!({"amount": "5 SYNOR"});
    let path = "/billing/deposit";
    let announce = (0..8).map(|_| api.post_later(&key, path, &order, Some("d")));
    let announced = api.wait_all(announce);
    let first = announced[0].clone().expect(200);
    assert!(
        announced.iter().all(|reply| reply.body == first),
        "{announced:?}"
    );

    let wallet = api.wallet("payer", 100);
    let signed = || {
        let signed = api.transfer(&wallet, &first["request"]);
        json!({"signed_transfer": signed})
    };
    let order = signed();
    let transfer = format!("/billing/deposits/{}/transfer", text(&first["deposit_id"]));
    let sends = (0..8).map(|_| api.post_later(&key, &transfer, &order, None));
    let sent = api.wait_all(sends).into_iter().map(|r| r.expect(200));
    let sent: Vec<_> = sent.collect();
    for state in &sent {
        assert_eq!(state["deposit_id"], first["deposit_id"]);
        assert_eq!(text(&state["tx_id"]), text(&sent[0]["tx_id"]));
    }
    // A client that lost the answer signs again, with the next number of its wallet.
    let again = signed();
    assert_ne!(again, order);
    let state = api.post(&key, &transfer, &again).expect(200);
    assert_eq!(state["tx_id"], sent[0]["tx_id"], "the first one stays");
    wait_until("the deposit counts", || {
        let balance = folder.balance("acme");
        (integer(&balance["prepaid_micro_synor"]) > 0).then_some(())
    });
    // Long enough for a second transfer to be confirmed, if there were one.
    std::thread::sleep(std::time::Duration::from_millis(800));
    assert_eq!(folder.balance("acme")["prepaid_micro_synor"], 5_000_000);
    assert_eq!(api.soma_of(&wallet), 95 * 100_000_000);

    let other = api.post_once(&key, path, &json!({"amount": "6 SYNOR"}), "d");
    other.problem(422, "idempotency-key-reused", &[]);
    folder.verified();
}

#[test]
fn one_deposit_typed_twice_at_once_is_one_credit() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 100 SYNOR").ok();
    let deposit = |line: &str| folder.type_in(line).key(&key);
    let line = "billing deposit 5 SYNOR --idempotency-key monday";
    let running: Vec<_> = (0..4).map(|_| deposit(line).spawn()).collect();
    for ran in running.into_iter().map(ended) {
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    deposit(line).ok();
    assert_eq!(folder.balance("acme")["prepaid_micro_synor"], 5_000_000);
    let wallet = folder.type_in("wallet balance").json();
    assert_eq!(integer(&wallet["balance_soma"]), 95 * 100_000_000);

    deposit("billing deposit 6 SYNOR --idempotency-key monday").refused(&["Idempotency-Key"]);
    deposit("billing deposit 6 SYNOR --idempotency-key tuesday").ok();
    assert_eq!(folder.balance("acme")["prepaid_micro_synor"], 11_000_000);
    folder.verified();
}
