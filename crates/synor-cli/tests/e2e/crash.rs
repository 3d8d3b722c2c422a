//! `kill -9` at any moment: what was acknowledged is there, what was not is there whole batches at
//! a time or not at all, and importing again ends where an undisturbed import ends.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Folder, MONTH, Ran, Random, Server, integer, list, ndjson, text, wait_until};

const SEED: u64 = 20_260_101;
const EVENTS: usize = 20_000;
const KILLS: usize = 20;
/// How many events the command sends in one request.
const BATCH: usize = 1_000;
const ACCOUNTS: [&str; 5] = ["ada", "bert", "cleo", "dora", "emil"];

/// Amounts and levels of five accounts. No two samples of a level share a second, because then the
/// one that came last would count.
fn events() -> Vec<Value> {
    let mut random = Random::new(SEED);
    let seconds_a_sample = 31 * 86_400 / EVENTS;
    let event = |n: usize| {
        let secs = n * seconds_a_sample;
        let (day, hour, minute) = (secs / 86_400 + 1, secs / 3_600 % 24, secs / 60 % 60);
        let (service, resource) = [
            ("storage", "stored_data"),
            ("hosting", "custom_domain"),
            ("network", "egress"),
            ("compute", "cpu"),
            ("database", "queries"),
        ][usize::try_from(random.below(5)).unwrap()];
        json!({
            "account": ACCOUNTS[n % ACCOUNTS.len()],
            "service": service,
            "resource": resource,
            "quantity": 1 + random.below(1_000_000_000),
            "time": format!("2026-01-{day:02}T{hour:02}:{minute:02}:{:02}Z", secs % 60),
            "source": "node-1",
            "id": n.to_string(),
            "provider": format!("operator-{}", random.below(3)),
        })
    };
    (0..EVENTS).map(event).collect()
}

fn usage_of_all(folder: &Folder) -> Vec<Value> {
    let all = ACCOUNTS.iter();
    all.map(|account| folder.usage(account, MONTH)).collect()
}

/// What the month's invoices come to, by account.
fn billed(folder: &Folder) -> Vec<(Value, Value)> {
    let closed = folder.synor(&["admin", "close-period", MONTH]).json();
    let of_all = list(&closed["invoices"]).iter();
    of_all
        .map(|i| (i["account_id"].clone(), i["total_due_micro_synor"].clone()))
        .collect()
}

/// Starts an import, and kills the importing process, or the server that it talks to, after some
/// time. If the import did not notice, returns how long it took: it had ended, or (a server that is
/// killed before the command has found it leaves the folder to the command) did without.
fn import_and_kill(
    folder: &Folder,
    file: &Path,
    after: Duration,
    the_server: bool,
) -> Option<Duration> {
    let server = the_server.then(|| Server::start(folder));
    let started = Instant::now();
    let mut import = folder.synor(&["usage", "import"]).arg(file).spawn();
    while started.elapsed() < after {
        if import.try_wait().unwrap().is_some() {
            return Some(started.elapsed());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let Some(server) = server else {
        import.kill().unwrap();
        let killed = import.wait().unwrap().signal() == Some(9);
        return (!killed).then(|| started.elapsed());
    };
    server.kill();
    let ran = Ran::new("import".to_owned(), import.wait_with_output().unwrap());
    if ran.code == Some(0) {
        return Some(started.elapsed());
    }
    ran.assert_refused(&[]);
    None
}

#[test]
fn twenty_kills_during_imports_end_in_the_totals_of_an_undisturbed_one() {
    let events = events();
    let undisturbed = Folder::new();
    for account in ACCOUNTS {
        undisturbed.synor(&["admin", "open-account", account]).ok();
    }
    let started = Instant::now();
    let answer = undisturbed.import("all.ndjson", &events);
    let whole = started.elapsed();
    assert_eq!(answer["accepted"], EVENTS);

    // Each round imports again what the rounds before did, and some more from all over the file.
    let mut random = Random::new(SEED);
    let mut round_of: Vec<usize> = (0..EVENTS).map(|n| n * KILLS / EVENTS).collect();
    for n in (1..EVENTS).rev() {
        round_of.swap(n, usize::try_from(random.below(n as u64 + 1)).unwrap());
    }
    let disturbed = Folder::new();
    for account in ACCOUNTS {
        disturbed.synor(&["admin", "open-account", account]).ok();
    }
    let mut stored: BTreeSet<usize> = BTreeSet::new();
    let (mut attempts, mut in_part) = (0, 0);
    for round in 0..KILLS {
        let known: Vec<usize> = (0..EVENTS).filter(|n| round_of[*n] <= round).collect();
        let lines: Vec<_> = known.iter().map(|n| events[*n].clone()).collect();
        let file = disturbed.write("part.ndjson", ndjson(&lines));
        let share = 0.1 + 0.9 * known.len() as f64 / EVENTS as f64;
        let mut expected = u64::try_from(whole.mul_f64(share).as_micros()).unwrap();
        loop {
            attempts += 1;
            assert!(attempts < 5 * KILLS, "the kills miss");
            let the_server = round % 2 == 1;
            // The command first reads the file, and only then needs the server.
            let earliest = expected * if the_server { 2 } else { 1 } / 5;
            let after = earliest + random.below(expected * 19 / 20 - earliest);
            let after = Duration::from_micros(after);
            let missed = import_and_kill(&disturbed, &file, after, the_server);
            let was_inside = missed.is_none();

            let found = disturbed.verified();
            let count = usize::try_from(found["events"].as_u64().unwrap()).unwrap();
            let before = stored.len();
            let mut batches = known.chunks(BATCH);
            while stored.len() < count {
                let batch = batches.next().expect("nothing is stored that was not sent");
                stored.extend(batch);
            }
            assert_eq!(stored.len(), count, "a batch is stored as a whole");
            let all_there = stored.len() == known.len();
            assert!(
                was_inside || all_there,
                "an import that ended well is whole"
            );
            in_part += usize::from(count > before && !all_there);
            println!(
                "seed {SEED}, round {round}: {} killed after {after:?}{}, {before} → {count} of {}",
                if the_server { "server" } else { "command" },
                if was_inside { "" } else { ", missed" },
                known.len()
            );
            match missed {
                None => break,
                Some(took) => expected = u64::try_from(took.as_micros()).unwrap(),
            }
        }
    }
    println!("{KILLS} kills were inside an import, {in_part} of them between two new batches");

    let answer = disturbed.import("all.ndjson", &events);
    assert_eq!(answer["duplicate"], stored.len());
    assert_eq!(answer["accepted"], EVENTS - stored.len());
    assert_eq!(answer["conflicting"], json!([]));
    assert_eq!(disturbed.verified()["events"], EVENTS);
    assert_eq!(usage_of_all(&disturbed), usage_of_all(&undisturbed));
    let bills = billed(&disturbed);
    assert_eq!(bills.len(), ACCOUNTS.len());
    assert_eq!(bills, billed(&undisturbed));
    disturbed.verified();
}

/// A folder with an account that has 100 GB of egress (5 SYNOR) in the month, and a full wallet.
fn shop() -> (Folder, String) {
    let folder = Folder::new();
    let key = folder.open_account("acme");
    let event = json!({
        "account": "acme", "service": "network", "resource": "egress", "quantity": "100",
        "unit": "GB", "time": "2026-01-15T00:00:00Z", "source": "node-1", "id": "1",
    });
    folder.import("events.ndjson", &[event]);
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 100 SYNOR").ok();
    (folder, key)
}

#[test]
fn a_deposit_that_was_answered_survives_the_kill_of_the_server() {
    let (folder, key) = shop();
    for round in 1..=3 {
        let server = Server::start(&folder);
        folder.type_in("billing deposit 10 SYNOR").key(&key).ok();
        server.kill();
        assert_eq!(
            folder.balance("acme")["prepaid_micro_synor"],
            round * 10_000_000
        );
        folder.verified();
    }
}

#[test]
fn a_deposit_that_waits_for_its_confirmations_survives_the_kill_of_the_server() {
    let (folder, key) = shop();
    let server = Server::start(&folder);
    folder
        .type_in("billing deposit 10 SYNOR --no-wait")
        .key(&key)
        .ok();
    server.kill();
    let _server = Server::start(&folder);
    wait_until("the deposit counts", || {
        (folder.balance("acme")["prepaid_micro_synor"] == 10_000_000).then_some(())
    });
    let left = folder.type_in("wallet balance").json();
    assert_eq!(integer(&left["balance_soma"]), 90 * 100_000_000);
    folder.verified();
}

#[test]
fn what_was_answered_over_http_survives_the_kill_of_the_server() {
    let (folder, _) = shop();
    let server = Server::start(&folder);
    let api = server.api();
    let grant = json!({
        "amount": "10 SYNOR", "source": {"type": "promotional", "campaign": "spring"},
    });
    let path = "/admin/accounts/acme/credits";
    api.post_once(&server.secret, path, &grant, "g").expect(201);
    let take = json!({"amount": "3 SYNOR", "reason": "an hour"});
    let path = "/billing/deduct?account=acme";
    let taken = api.post_once(&server.secret, path, &take, "d").expect(200);
    server.kill();

    let server = Server::start(&folder);
    let api = server.api();
    let again = api.post_once(&server.secret, path, &take, "d").expect(200);
    assert_eq!(again, taken, "the command is known after the restart");
    assert_eq!(folder.balance("acme")["credit_micro_synor"], 7_000_000);
    folder.verified();
}

#[test]
fn a_close_and_a_payment_that_were_answered_survive_the_kill_of_the_server() {
    let (folder, key) = shop();
    let server = Server::start(&folder);
    let closed = folder.synor(&["admin", "close-period", MONTH]).json();
    server.kill();
    let made = &list(&closed["invoices"])[0];
    let server = Server::start(&folder);
    let again = folder.synor(&["admin", "close-period", MONTH]).json();
    assert_eq!(again["invoices"], json!([]));
    let found = folder.synor(&["billing", "invoice", text(&made["number"])]);
    let found = found.key(&key).json();
    for field in [
        "invoice_id",
        "subtotal_micro_synor",
        "total_due_micro_synor",
    ] {
        assert_eq!(found[field], made[field]);
    }
    assert_eq!(list(&found["line_items"]).len(), made["line_count"]);

    folder.type_in("billing pay INV-000001").key(&key).ok();
    server.kill();
    let found = folder
        .type_in("billing invoice INV-000001")
        .key(&key)
        .json();
    assert_eq!(found["status"], "paid");
    let found = folder.verified();
    assert_eq!(
        found["distributed_micro_synor"],
        made["total_due_micro_synor"]
    );
}
