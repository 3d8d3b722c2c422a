//! What an operator relies on: what the log does not say, and how a server stops.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::common::{Folder, PASSPHRASE, Server, wait_until};

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"node-1","type":"network.egress","subject":"acme","time":"2026-01-15T00:00:00Z","data":{"quantity":"100","unit":"GB"}}"#;

#[test]
fn the_log_is_json_and_holds_no_secret() {
    let folder = Folder::new();
    let log = folder.file("log");
    let passphrase = "a passphrase of the billing wallet";
    let server = Server::start_logging(&folder, &log, passphrase);
    let admin_key = server.admin_key.clone().unwrap();
    let key = folder.open_account("acme");
    let api = server.api();
    api.get(&admin_key, "/billing/balance?account=acme")
        .expect(200);
    api.get(&key, "/billing/balance").expect(200);
    let wrong = format!("{key}x");
    api.get(&wrong, "/billing/balance").expect(401);
    api.post_text(&server.secret, "/events", "application/json", EVENT)
        .expect(200);
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 100 SYNOR").ok();
    folder.type_in("billing deposit 10 SYNOR").key(&key).ok();
    let secret = server.secret.clone();
    server.stop();

    let log = std::fs::read_to_string(log).unwrap();
    let mut requests = 0;
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        requests += usize::from(line["message"] == "request");
    }
    assert!(requests >= 6, "the log tells of requests: {requests}");
    let secrets = [&admin_key, &key, &secret, passphrase, PASSPHRASE];
    for secret in secrets {
        assert!(!log.contains(secret), "the log holds a secret");
    }
}

#[test]
fn a_request_under_way_is_finished_before_the_server_stops() {
    let folder = Folder::new();
    folder.open_account("acme");
    let server = Server::start(&folder);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nhost: synor\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        server.secret,
        EVENT.len()
    );
    let (first, rest) = EVENT.as_bytes().split_at(20);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(first).unwrap();
    // Until it has the request; nothing tells when that is.
    std::thread::sleep(Duration::from_millis(300));
    server.ask_to_stop();
    wait_until("it takes no connection any more", || {
        TcpStream::connect(&address).is_err().then_some(())
    });
    stream.write_all(rest).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(server.ended().success());
    assert_eq!(folder.verified()["events"], 1);
}

#[test]
fn health_readiness_and_metrics_answer_without_a_key() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let fetch = |path: &str| {
        let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: synor\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(fetch("/healthz").ends_with("\r\n\r\nok\n"));
    assert!(fetch("/readyz").ends_with("\r\n\r\nready\n"));
    let job = r#"synor_job_runs{job="follow chain"}"#;
    wait_until("the jobs are counted", || {
        fetch("/metrics").contains(job).then_some(())
    });
}

#[test]
fn a_configuration_is_checked_and_every_command_has_a_manual_page() {
    let folder = Folder::new();
    folder.type_in("config check").ok();
    folder.configure("listn = '127.0.0.1:1'\n[billing]\ngrace = 5\n");
    let ran = folder.type_in("config check --format json").run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let lines: Vec<_> = found["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["line"])
        .collect();
    assert_eq!(lines, [1, 3], "{found}");

    let pages = folder.file("man");
    folder.synor(&["man", pages.to_str().unwrap()]).ok();
    let page = std::fs::read_to_string(pages.join("synor-admin-backup.1")).unwrap();
    assert!(page.contains("synor admin backup /backups/2026"), "{page}");
    for page in ["synor.1", "synor-billing-export.1", "synor-config-check.1"] {
        assert!(pages.join(page).exists(), "{page}");
    }
}
