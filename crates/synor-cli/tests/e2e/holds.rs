//! Holds from the command line and over HTTP, many at once, and through a kill of the server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Folder, Random, Server, integer, list, text, wait_until};

#[test]
fn a_hold_is_placed_captured_and_released() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder.type_in("admin grant-credit acme 10 SYNOR").ok();
    let shown = folder.type_in("billing hold list").key(&key).ok();
    assert_eq!(shown, "No holds.\n");
    let create = "billing hold create 6 SYNOR --reason rendering --idempotency-key a";
    let placed = folder.type_in(create).account("acme").json();
    let again = folder.type_in(create).account("acme").json();
    assert_eq!(placed, again, "the key names one hold");
    assert_eq!(integer(&placed["remaining_balance_micro_synor"]), 4_000_000);
    let hold = text(&placed["hold_id"]);
    folder
        .type_in("billing hold create 5 SYNOR --reason more")
        .account("acme")
        .refused(&["4.000000 SYNOR", "5.000000 SYNOR"]);
    // Only those who bill in real time may do it, not the account itself.
    folder
        .type_in("billing hold create 1 SYNOR --reason mine")
        .key(&key)
        .refused(&["admin"]);

    let shown = folder.type_in("billing balance").key(&key).ok();
    assert!(shown.contains("On hold besides"), "{shown}");
    let capture = format!("billing hold capture {hold} 2 SYNOR --more-to-come");
    let shown = folder.type_in(&capture).account("acme").ok();
    assert!(shown.contains("captured  2.000000 SYNOR"), "{shown}");
    assert!(shown.contains("on hold   4.000000 SYNOR"), "{shown}");
    let capture = format!("billing hold capture {hold} 1.5 SYNOR");
    let done = folder.type_in(&capture).account("acme").json();
    assert_eq!(done["hold"]["status"], "captured");
    assert_eq!(integer(&done["remaining_balance_micro_synor"]), 6_500_000);
    let late = format!("billing hold release {hold}");
    folder
        .type_in(&late)
        .account("acme")
        .refused(&["is captured"]);

    let create = "billing hold create 6.5 SYNOR --reason all";
    let all = folder.type_in(create).account("acme").json();
    let release = format!("billing hold release {}", text(&all["hold_id"]));
    let freed = folder.type_in(&release).account("acme").json();
    assert_eq!(freed["status"], "released");
    let shown = folder.type_in("billing hold list").key(&key).csv();
    assert_eq!(shown.len(), 2);
    let one = format!("billing hold show {hold}");
    let shown = folder.type_in(&one).key(&key).ok();
    assert!(
        shown.contains("rendering") && shown.contains("3.500000"),
        "{shown}"
    );
    folder.verified();
}

#[test]
fn a_hold_that_nobody_captures_expires() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder.type_in("admin grant-credit acme 10 SYNOR").ok();
    let create = "billing hold create 10 SYNOR --reason rendering --expires-in 2";
    let placed = folder.type_in(create).account("acme").json();
    let show = format!("billing hold show {}", text(&placed["hold_id"]));
    wait_until("the hold expires", || {
        let hold = folder.type_in(&show).key(&key).json();
        (hold["status"] == "expired").then_some(())
    });
    assert_eq!(folder.balance("acme")["balance_micro_synor"], 10_000_000);
    let capture = format!("billing hold capture {}", text(&placed["hold_id"]));
    folder
        .type_in(&capture)
        .account("acme")
        .refused(&["is expired"]);
    // The job has written it down, so that the journal agrees.
    wait_until("the journal says so", || {
        let open = folder.type_in("billing hold list --open").key(&key).json();
        list(&open["items"]).is_empty().then_some(())
    });
    folder.verified();
}

#[test]
fn sixty_four_holds_at_once_hold_what_there_is_and_no_more() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let api = server.api();
    folder.open_account("acme");
    folder.type_in("admin grant-credit acme 100 SYNOR").ok();
    let order = json!({"amount": "3 SYNOR", "reason": "an hour"});
    let path = "/billing/holds?account=acme";
    let place = || {
        api.wait_all((0..64).map(|n| {
            let name = format!("hold-{n}");
            api.post_later(&server.secret, path, &order, Some(&name))
        }))
    };
    let first = place();
    let held: Vec<_> = first.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(held.len(), 33, "33 times 3 SYNOR fit into 100");
    for reply in first.iter().filter(|reply| reply.status != 201) {
        reply
            .clone()
            .problem(402, "insufficient-balance", &["1.000000", "3.000000"]);
    }
    let balance = folder.balance("acme");
    assert_eq!(balance["balance_micro_synor"], 1_000_000);
    assert_eq!(balance["on_hold_micro_synor"], 99_000_000);
    // All again with the same names: the same holds.
    for (reply, before) in place().iter().zip(&first) {
        assert_eq!(reply.status, before.status);
        if reply.status == 201 {
            assert_eq!(reply.body, before.body);
        }
    }
    // Each captured by four at once, under four names: only one of them can be.
    let captures = held.iter().flat_map(|reply| {
        let id = text(&reply.body["hold_id"]).to_owned();
        (0..4).map(move |n| (id.clone(), n))
    });
    let take = json!({"amount": "1 SYNOR"});
    let replies = api.wait_all(captures.map(|(id, n)| {
        let path = format!("/billing/holds/{id}/capture?account=acme");
        let name = format!("{id}-{n}");
        api.post_later(&server.secret, &path, &take, Some(&name))
    }));
    let captured = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(captured, 33);
    assert_eq!(folder.balance("acme")["balance_micro_synor"], 67_000_000);
    folder.verified();
}

/// What the answers to a client say.
#[derive(Default)]
struct Told {
    /// Replies by path and name of their command.
    replies: BTreeMap<(String, String), (Value, Value)>,
}

/// Clients that hold, capture and deduct until the server is killed under them: every answer given
/// is kept for ever, and repeating what was answered is answered the same.
#[test]
fn what_was_answered_is_there_after_a_kill_in_the_middle() {
    const CLIENTS: usize = 16;
    let folder = Folder::new();
    let accounts = ["ada", "bert", "cleo"];
    for account in accounts {
        folder.open_account(account);
        let grant = format!("admin grant-credit {account} 1000 SYNOR");
        folder.type_in(&grant).ok();
    }
    let mut told = Told::default();
    for round in 0..2 {
        let server = Server::start(&folder);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let account = accounts[client % accounts.len()];
                let api = server.api();
                let secret = server.secret.clone();
                std::thread::spawn(move || {
                    let mut random = Random::new((round * CLIENTS + client) as u64);
                    work(
                        &api,
                        &secret,
                        account,
                        &format!("{round}-{client}"),
                        &mut random,
                    )
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(700));
        server.kill();
        let before = told.replies.len();
        for client in clients {
            told.replies.extend(client.join().unwrap());
        }
        assert!(
            told.replies.len() > before + 50,
            "it was killed in the middle"
        );
        folder.verified();
    }
    let server = Server::start(&folder);
    let api = server.api();
    let mut spent: BTreeMap<String, i128> = BTreeMap::new();
    for ((path, name), (body, reply)) in &told.replies {
        let again = api.post_once(&server.secret, path, body, name);
        assert_eq!(again.body, *reply, "{path} {name}");
        for field in ["amount_deducted_micro_synor", "amount_captured_micro_synor"] {
            if let Some(amount) = reply.get(field) {
                let account = path.rsplit_once('=').unwrap().1.to_owned();
                *spent.entry(account).or_default() += integer(amount);
            }
        }
    }
    // What was not answered may have landed too, but for each client at most one in each round.
    for account in accounts {
        let balance = folder.balance(account);
        let left = integer(&balance["balance_micro_synor"]);
        let there = left + integer(&balance["on_hold_micro_synor"]);
        let gone = 1_000_000_000 - there;
        let unanswered = gone - spent[account];
        assert!(
            (0..=2 * CLIENTS as i128 * 9).contains(&unanswered),
            "{account}: {unanswered}"
        );
    }
    folder.verified();
}

/// Works until the server does not answer any more.
fn work(
    api: &crate::common::Api,
    secret: &str,
    account: &str,
    name: &str,
    random: &mut Random,
) -> BTreeMap<(String, String), (Value, Value)> {
    let mut told = BTreeMap::new();
    for n in 0.. {
        let amount = 1 + random.below(9);
        let once = |path: String, body: Value, step: &str| {
            let key = format!("{name}-{n}-{step}");
            let reply = api.try_post_once(secret, &path, &body, &key)?;
            Some(((path, key), (body, reply)))
        };
        let body = json!({"amount_micro_synor": amount, "reason": "work"});
        if random.below(2) == 0 {
            match once(format!("/billing/deduct?account={account}"), body, "d") {
                Some((key, reply)) => told.insert(key, reply),
                None => return told,
            };
            continue;
        }
        let Some((key, held)) = once(format!("/billing/holds?account={account}"), body, "h") else {
            return told;
        };
        let id = text(&held.1["hold_id"]).to_owned();
        told.insert(key, held);
        let (verb, body) = match random.below(3) {
            0 => ("release", json!({})),
            _ => (
                "capture",
                json!({"amount_micro_synor": 1 + random.below(amount)}),
            ),
        };
        let path = format!("/billing/holds/{id}/{verb}?account={account}");
        match once(path, body, verb) {
            Some((key, reply)) => told.insert(key, reply),
            None => return told,
        };
    }
    told
}
