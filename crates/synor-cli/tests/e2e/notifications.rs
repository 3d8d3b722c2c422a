//! Customers are told: public libraries receive what the real server sends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::common::{Folder, Server, list, text, wait_until, workspace};

/// A port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `NOTIFY_PYTHON` names a Python that has the libraries; else it is that of `target/notify`, which
/// `.ci/run` makes.
fn receiver(arguments: [String; 4]) -> (Receiver, impl Iterator<Item = Value>) {
    let python = match std::env::var_os("NOTIFY_PYTHON") {
        Some(python) => python.into(),
        None => workspace().join("target/notify/bin/python"),
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notify/receive.py");
    let mut command = Command::new(&python);
    command.arg(script).args(arguments).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!(
            "{}: {error}; see .ci/run for how it is made",
            python.display()
        )
    });
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    (Receiver(child), told)
}

#[test]
fn a_receiver_that_fails_gets_everything_in_order_and_mail_brings_the_pdf() {
    let folder = Folder::new();
    let (http, smtp) = (free_port(), free_port());
    let secrets = folder.write("secrets", "");
    let refusals = "3".to_owned();
    let at = secrets.display().to_string();
    let (_receiver, mut told) = receiver([http.to_string(), smtp.to_string(), refusals, at]);
    assert_eq!(told.next().unwrap()["kind"], "ready");
    folder.configure(&format!(
        "block_interval_ms = 10\n[email]\nhost = '127.0.0.1'\nport = {smtp}\n\
         from = 'Northwind <billing@northwind.example>'\ntls = 'none'\n[webhooks]\n\
         allow_private = true\nretry = {{ first_secs = 1, max_secs = 1, give_up_secs = 600 }}\n"
    ));
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder
        .type_in("billing email billing@acme.example")
        .key(&key)
        .ok();
    let add = format!("webhooks add http://127.0.0.1:{http}/");
    let added = folder.type_in(&add).key(&key).json();
    let endpoint = text(&added["endpoint_id"]);
    let rotate = format!("webhooks rotate {endpoint}");
    let rotated = folder.type_in(&rotate).key(&key).json();
    // Both secrets verify what is sent from now on.
    let both = format!("{}\n{}", text(&added["secret"]), text(&rotated["secret"]));
    folder.write("secrets", both);

    folder
        .type_in("admin grant-credit acme 1 SYNOR --reason welcome")
        .ok();
    folder.import(
        "events.ndjson",
        &[json!({
            "account": "acme", "service": "network", "resource": "egress", "quantity": 200,
            "unit": "GB", "time": "2026-01-15T12:00:00Z", "source": "n", "id": "1",
        })],
    );
    folder.type_in("admin close-period 2026-01").ok();
    let mut webhooks = Vec::new();
    let mut mail = None;
    while webhooks.len() < 3 || mail.is_none() {
        let one = told.next().unwrap();
        match one["kind"].as_str() {
            Some("webhook") => {
                assert_eq!(one["verified"], 2, "{one}");
                webhooks.push(one);
            }
            Some("mail") => mail = Some(one),
            _ => panic!("{one}"),
        }
    }
    let order: Vec<_> = webhooks.iter().map(|w| text(&w["type"])).collect();
    assert_eq!(
        order,
        ["credit.granted", "invoice.finalized", "invoice.sent"]
    );
    let mail = mail.unwrap();
    let subject = text(&mail["subject"]);
    assert!(
        subject.starts_with("9.000000 SYNOR due 2026-03-03"),
        "{subject}"
    );
    for part in ["text", "html"] {
        let written = text(&mail[part]);
        for fact in [
            "9.000000 SYNOR due 2026-03-03",
            "INV-000001",
            "10.000000 SYNOR",
            "synor1",
        ] {
            assert!(written.contains(fact), "no {fact} in {written}");
        }
    }
    assert_eq!(
        (&mail["pdf"], &mail["begins"]),
        (&json!(["INV-000001.pdf"]), &json!(["%PDF-"]))
    );

    // What was taken can be had again, under the same id.
    let first = text(&webhooks[0]["id"]).to_owned();
    folder
        .type_in(&format!("webhooks replay {endpoint} {first}"))
        .key(&key)
        .ok();
    assert_eq!(text(&told.next().unwrap()["id"]), first);
    wait_until("everything is delivered", || {
        let found = folder.type_in("webhooks deliveries").key(&key).json();
        let items = list(&found["items"]);
        items
            .iter()
            .all(|d| d["state"] == "delivered")
            .then_some(())
    });
    let pdf = folder.file("invoice.pdf");
    let to = format!("billing invoice INV-000001 --pdf {}", pdf.display());
    folder.type_in(&to).key(&key).ok();
    assert!(std::fs::read(&pdf).unwrap().starts_with(b"%PDF-"));
    folder.verified();
}
