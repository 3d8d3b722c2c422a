//! An EVM chain by command line: a development node with the contracts that `synor chain deploy` put
//! there, a server that is paid on it, and payers whose wallets read links.

mod chain;

use std::io::Read;
use std::process::Child;

use serde_json::{Value, json};

use crate::common::{Folder, PASSPHRASE, integer, list, text, wait_until};
use chain::{Gate, Node};

/// A platform on a chain, its server running with everything logged.
struct World {
    node: Node,
    gate: Gate,
    folder: Folder,
    server: Option<Child>,
    log: Option<std::thread::JoinHandle<String>>,
}

impl World {
    fn start() -> Option<Self> {
        let node = Node::start()?;
        let gate = Gate::start(node.address());
        let folder = Folder::new();
        let key = folder.data().join("operator.json");
        let made = folder.synor(&["chain", "key"]).arg(&key).json();
        node.give_gas(text(&made["address"]));
        let deploy = [
            "chain",
            "deploy",
            "--rpc",
            node.url(),
            "--minter",
            node.minter(),
        ];
        let contracts = folder.synor(&deploy).arg("--key").arg(&key).json();
        node.fund_payer(&contracts);
        folder.configure(&format!(
            "[auto_pay]\nlead_secs = 0\n[confirmations]\nsteps = [[\"1000 SYNOR\", 3]]\nabove = 10\n\
             [chain]\nkind = \"evm\"\nrpc = [\"{}\", \"{}\"]\nbilling = {}\nfrom_block = {}\n\
             operator_key = \"operator.json\"\n",
            gate.url,
            node.url(),
            contracts["billing"],
            contracts["from_block"],
        ));
        let mut world = Self {
            node,
            gate,
            folder,
            server: None,
            log: None,
        };
        world.serve();
        Some(world)
    }

    fn serve(&mut self) {
        let serve = self.folder.synor(&["serve", "--listen", "127.0.0.1:0"]);
        let serve = serve.env("RUST_LOG", "debug");
        let mut child = serve.env("SYNOR_OPERATOR_PASSPHRASE", PASSPHRASE).spawn();
        let mut log = child.stderr.take().unwrap();
        self.log = Some(std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).unwrap();
            text
        }));
        self.server = Some(child);
        let published = self.folder.data().join("server.json");
        wait_until("the server runs", || published.exists().then_some(()));
    }

    /// An account that used so many core-hours of 0.02 SYNOR in January; its invoice.
    fn bill(&self, account: &str, core_hours: i64) -> String {
        self.folder.open_account(account);
        let used = json!({
            "account": account, "service": "compute", "resource": "cpu", "quantity": core_hours,
            "unit": "core-hours", "time": "2026-01-10T00:00:00Z", "source": "node-1",
            "id": account, "provider": "operator-1",
        });
        self.folder.import(&format!("{account}.ndjson"), &[used]);
        let closed = self.folder.type_in("admin close-period 2026-01").json();
        let invoices = list(&closed["invoices"]);
        let mine = invoices.iter().find(|i| i["account_id"] == account);
        text(&mine.unwrap()["invoice_id"]).to_owned()
    }

    fn invoice(&self, account: &str, id: &str) -> Value {
        let command = self.folder.synor(&["billing", "invoice", id]);
        command.account(account).json()
    }

    fn pay_link(&self, account: &str, id: &str) -> String {
        let command = self.folder.synor(&["billing", "pay", id, "--link"]);
        let asked = command.account(account).json();
        text(&asked["request"]["payment_uri"]).to_owned()
    }

    fn balance(&self, account: &str) -> i128 {
        integer(&self.folder.balance(account)["balance_micro_synor"])
    }

    /// Waits until the books show something, with new blocks meanwhile.
    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        wait_until(what, || {
            self.node.mine(1);
            holds().then_some(())
        });
    }

    /// Ends the server; everything that it logged.
    fn stop(mut self) -> (Folder, String) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        // Nobody looks for the server that was.
        std::fs::remove_file(self.folder.data().join("server.json")).unwrap();
        let folder = std::mem::replace(&mut self.folder, Folder::new());
        (folder, log)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

#[test]
fn invoices_are_paid_by_link_by_deposit_and_by_grant_and_nothing_secret_shows() {
    let Some(world) = World::start() else {
        return;
    };
    // 100 core-hours of 0.02 SYNOR.
    let invoice = world.bill("acme", 100);
    let link = world.pay_link("acme", &invoice);
    let shown = world.folder.synor(&["billing", "pay", &invoice, "--link"]);
    let shown = shown.account("acme").ok();
    assert!(shown.contains(&link) && shown.contains('█'), "{shown}");

    // In part, which settles a part; whole, which is more than is left; and once more.
    world.node.pay(&link, 500_000);
    world.until("the part counts", || {
        integer(&world.invoice("acme", &invoice)["paid_micro_synor"]) == 500_000
    });
    world.node.pay(&link, 2_000_000);
    world.until("the rest counts", || world.balance("acme") == 500_000);
    assert_eq!(world.invoice("acme", &invoice)["status"], "paid");
    world.node.pay(&link, 2_000_000);
    world.until("the duplicate counts", || {
        world.balance("acme") == 2_500_000
    });

    let deposit = world.folder.synor(&["billing", "deposit", "10", "SYNOR"]);
    let deposit = deposit.account("acme").json();
    world
        .node
        .pay(text(&deposit["request"]["payment_uri"]), 10_000_000);
    world.until("the deposit counts", || world.balance("acme") == 12_500_000);

    let charged = world.bill("beta", 300);
    let status = world.folder.synor(&["billing", "auto-pay", "show"]);
    let status = status.account("beta").json();
    world
        .node
        .grant(text(&status["account_reference"]), 10_000_000);
    let payer = world.node.payer();
    world.until("the grant is seen", || {
        let enable = [
            "billing", "auto-pay", "enable", "--max", "10", "--from", payer,
        ];
        world.folder.synor(&enable).account("beta").run().code == Some(0)
    });
    world.until("the charge counts", || {
        world.invoice("beta", &charged)["status"] == "paid"
    });
    world.folder.verified();

    let before = world.node.balance_of_payer();
    let refund = [
        "admin",
        "refund",
        &charged,
        "1",
        "SYNOR",
        "--reason",
        "an outage",
    ];
    world.folder.synor(&refund).arg("--to").arg(payer).ok();
    world.until("the refund arrives", || {
        world.node.balance_of_payer() == before + 1_000_000
    });
    world.folder.verified();

    let key = world.folder.data().join("operator.json");
    let (folder, log) = world.stop();
    assert!(log.contains("payment"), "{log}");
    let key = alloy_signer_local::PrivateKeySigner::decrypt_keystore(key, PASSPHRASE).unwrap();
    let key = key.to_bytes();
    let hex = key.to_string().trim_start_matches("0x").to_owned();
    let secrets = [hex.as_bytes(), PASSPHRASE.as_bytes(), key.as_slice()];
    let mut texts = vec![log.into_bytes()];
    for entry in std::fs::read_dir(folder.data()).unwrap() {
        let path = entry.unwrap().path();
        texts.extend(path.is_file().then(|| std::fs::read(path).unwrap()));
    }
    assert!(texts.len() > 4);
    for text in texts {
        for secret in secrets {
            let found = text.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "a secret shows");
        }
    }
}

#[test]
fn a_reorganization_and_an_endpoint_that_goes_away_leave_the_book_right() {
    let Some(world) = World::start() else {
        return;
    };
    let invoice = world.bill("acme", 100);
    let link = world.pay_link("acme", &invoice);
    let before = world.node.snapshot();
    world.node.pay(&link, 2_000_000);
    world.node.mine(4);
    let status = || text(&world.invoice("acme", &invoice)["status"]).to_owned();
    wait_until("the payment counts", || (status() == "paid").then_some(()));
    world.folder.verified();

    // The last five blocks go, and others come.
    world.node.revert(&before);
    world.node.mine(6);
    wait_until("the payment is taken back", || {
        (status() != "paid").then_some(())
    });
    world.folder.verified();

    world.gate.close();
    world.node.pay(&link, 2_000_000);
    world.node.mine(4);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_ne!(status(), "paid");
    // The books cannot be held against a chain that does not answer, and that is said.
    let unanswered = world.folder.synor(&["admin", "verify"]).run();
    assert_eq!(unanswered.code, Some(1), "{unanswered:?}");
    world.gate.open();
    wait_until("the payment counts again", || {
        (status() == "paid").then_some(())
    });
    world.folder.verified();
}
