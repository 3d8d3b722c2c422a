//! Two real nodes over one book in PostgreSQL: what both do at once is done once, and one goes on
//! where the other died.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::postgres::fresh_database;
use crate::common::{Folder, Server, integer, list, text, wait_until};

const ACCOUNTS: usize = 40;
const LEASE: Duration = Duration::from_secs(2);
/// Jobs that run every few seconds and more often, so that a node always holds their leases.
const OFTEN: [&str; 3] = ["auto-pay", "follow chain", "spot market"];

/// Two nodes over one new database that follow the chain of a third server, and the two folders.
struct Nodes {
    chain: (Folder, Server),
    folders: [Folder; 2],
    nodes: Vec<Server>,
}

fn configure(folder: &Folder, url: &str, chain: &str) {
    folder.configure(&format!(
        "chain_rpc = \"{chain}/rpc\"\njob_lease_secs = {}\n\
         [storage]\nbook = \"{url}\"\nusage_log = \"{url}\"\n",
        LEASE.as_secs()
    ));
}

impl Nodes {
    fn start() -> Self {
        let chain_folder = Folder::new();
        let chain = Server::start(&chain_folder);
        let url = fresh_database();
        let folders = [Folder::new(), Folder::new()];
        let mut nodes = Vec::new();
        for folder in &folders {
            configure(folder, &url, &chain.url);
            if !nodes.is_empty() {
                for file in ["billing-wallet.json", "billing-passphrase"] {
                    let [from, to] = [&folders[0], folder].map(|f| f.data().join(file));
                    std::fs::copy(from, to).unwrap();
                }
            }
            nodes.push(Server::start(folder));
        }
        Self {
            chain: (chain_folder, chain),
            folders,
            nodes,
        }
    }
}

/// Who runs each job, as a node tells it.
fn holders(node: &Server) -> BTreeMap<String, String> {
    let jobs = node.api().get(&node.secret, "/admin/jobs").expect(200);
    let holder = |job: &Value| {
        (
            text(&job["job"]).to_owned(),
            text(&job["holder"]).to_owned(),
        )
    };
    list(&jobs["items"]).iter().map(holder).collect()
}

#[test]
fn two_nodes_do_everything_once_and_one_survives_the_other() {
    let Nodes {
        chain,
        folders,
        mut nodes,
    } = Nodes::start();
    let (first, second) = (&nodes[0], &nodes[1]);
    let jobs = wait_until("the jobs have a node", || {
        let jobs = holders(second);
        OFTEN
            .iter()
            .all(|job| jobs.contains_key(*job))
            .then_some(jobs)
    });
    let runs: BTreeSet<_> = jobs.values().collect();
    assert_eq!(runs.len(), 1, "the first node took all of them: {jobs:?}");
    let first_run = jobs["follow chain"].clone();

    // Both nodes close the month at once.
    let mut events = Vec::new();
    for n in 0..ACCOUNTS {
        let account = format!("acme-{n}");
        let node = &folders[n % 2];
        node.open_account(&account);
        events.push(json!({
            "account": account, "service": "network", "resource": "egress", "unit": "GB",
            "quantity": 100, "time": "2026-01-15T12:00:00Z", "source": "s", "id": account,
        }));
    }
    folders[1].import("events.ndjson", &events);
    let close = "/admin/periods/2026-01/close";
    let nothing = json!({});
    let closing = nodes.iter().map(|node| {
        let api = node.api();
        let (secret, nothing) = (node.secret.clone(), nothing.clone());
        std::thread::spawn(move || api.post(&secret, close, &nothing).expect(200))
    });
    let closed: Vec<Value> = closing
        .collect::<Vec<_>>()
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    let made: Vec<_> = closed.iter().flat_map(|c| list(&c["invoices"])).collect();
    let numbers: BTreeSet<_> = made.iter().map(|i| text(&i["number"])).collect();
    assert_eq!(
        (made.len(), numbers.len()),
        (ACCOUNTS, ACCOUNTS),
        "{closed:?}"
    );
    let last = format!("INV-{ACCOUNTS:06}");
    assert_eq!(
        numbers.last(),
        Some(&last.as_str()),
        "no number is left out"
    );

    // A deposit through one node counts for the other; one key is one deduction on both.
    let deposit = |node: &Server, payer: &str, amount: &str| {
        let api = node.api();
        let order = json!({ "amount": amount });
        let path = "/billing/deposit?account=acme-1";
        let announced = api.post(&node.secret, path, &order).expect(200);
        let wallet = api.wallet(payer, 100);
        let signed = api.transfer(&wallet, &announced["request"]);
        let id = text(&announced["deposit_id"]);
        let path = format!("/billing/deposits/{id}/transfer?account=acme-1");
        api.post(&node.secret, &path, &json!({ "signed_transfer": signed }))
            .expect(200);
    };
    let balance_at = |node: &Server| {
        let path = "/billing/balance?account=acme-1";
        let balance = node.api().get(&node.secret, path).expect(200);
        integer(&balance["prepaid_micro_synor"])
    };
    deposit(second, "payer-1", "20 SYNOR");
    wait_until("the deposit counts", || {
        (balance_at(first) == 20_000_000).then_some(())
    });
    let take = json!({ "amount": "3 SYNOR", "reason": "an hour" });
    let taking = (0..8).map(|n| {
        let node = &nodes[n % 2];
        let (api, secret, take) = (node.api(), node.secret.clone(), take.clone());
        std::thread::spawn(move || {
            api.post_once(&secret, "/billing/deduct?account=acme-1", &take, "once")
                .expect(200)
        })
    });
    let taken: Vec<_> = taking.collect::<Vec<_>>();
    let taken: Vec<Value> = taken.into_iter().map(|t| t.join().unwrap()).collect();
    assert!(taken.iter().all(|answer| *answer == taken[0]), "{taken:?}");
    assert_eq!(balance_at(second), 17_000_000);

    // The node that runs the jobs dies.
    nodes.remove(0).kill();
    let died = Instant::now();
    let survivor = &nodes[0];
    let jobs = wait_until("the jobs are taken over", || {
        let jobs = holders(survivor);
        let has = |job: &&str| jobs.get(*job).is_some_and(|run| *run != first_run);
        OFTEN.iter().all(has).then_some(jobs)
    });
    let after = died.elapsed();
    assert!(after < LEASE * 4, "{after:?}");
    println!("the jobs were taken over after {after:?}: {jobs:?}");
    deposit(survivor, "payer-2", "5 SYNOR");
    wait_until("the deposit counts", || {
        (balance_at(survivor) == 22_000_000).then_some(())
    });
    folders[1].verified();

    // One that would collect elsewhere does not serve.
    let stranger = Folder::new();
    let configured = std::fs::read_to_string(folders[1].data().join("synor.toml")).unwrap();
    stranger.configure(&configured);
    let refused = stranger.type_in("serve --listen 127.0.0.1:0");
    refused.refused(&["this book collects at"]);
    chain.1.stop();
}
