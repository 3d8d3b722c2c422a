//! Collectors: what is sent from standard input is counted once, whoever dies in the middle.

use std::io::Write;
use std::time::Duration;

use crate::common::{Folder, Server, integer, list, wait_until};

/// How many bytes of egress an account has, and how many events.
fn counted(folder: &Folder) -> (i128, u64) {
    let summary = folder.usage("acme", "2026-01");
    let rows = list(&summary["rows"]).iter();
    let bytes = rows.map(|row| integer(&row["quantity"])).sum();
    let events = folder
        .type_in("usage events --limit 10000")
        .account("acme")
        .json();
    (bytes, list(&events["items"]).len() as u64)
}

fn line(quantity: u64) -> String {
    format!("acme network.egress {quantity} bytes time=2026-01-10T00:00:00Z\n")
}

#[test]
fn lines_that_are_refused_are_named_and_the_others_count() {
    let folder = Folder::new();
    let _server = Server::start(&folder);
    folder.open_account("acme");
    let input = format!(
        "{}\n{}acme network.egress\n{}nobody network.egress 1\n",
        line(1),
        line(0),
        line(2)
    );
    let ran = folder.type_in("usage send --format json").fed(&input);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for expected in [
        "line 3: quantity `0`",
        "line 4: is not",
        "line 6: account `nobody`",
        "3 events",
    ] {
        assert!(ran.stderr.contains(expected), "no `{expected}` in {ran:?}");
    }
    assert_eq!(counted(&folder), (3, 2));
    let csv = "account,service,resource,quantity,time,source,id\n\
               acme,network,egress,4,2026-01-10T00:00:00Z,n,1\n\
               acme,network,egress,8,2026-01-10T00:00:00Z,n,2\n";
    for _ in 0..2 {
        let ran = folder.type_in("usage send").fed(csv);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    assert_eq!(
        counted(&folder),
        (3 + 4 + 8, 4),
        "ids that are given are kept"
    );
}

/// The server is killed while events flow, and comes back at the same address.
#[test]
fn every_event_counts_once_when_the_server_dies_and_comes_back() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    folder.open_account("acme");
    let address = server.url.trim_start_matches("http://").to_owned();
    let (url, key) = (server.url.clone(), server.admin_key.clone().unwrap());
    let mut send = folder
        .type_in("usage send --batch 50 --server")
        .arg(&url)
        .key(&key)
        .spawn_fed();
    let mut input = send.stdin.take().unwrap();
    let mut server = Some(server);
    for n in 1..=3_000_u64 {
        input.write_all(line(n).as_bytes()).unwrap();
        if n == 1_000 {
            wait_until("some are counted", || {
                (counted(&folder).1 > 0).then_some(())
            });
            server.take().unwrap().kill();
        }
        if n == 2_000 {
            std::thread::sleep(Duration::from_millis(300));
            server = Some(Server::start_at(&folder, &address));
        }
    }
    drop(input);
    let output = send.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let summary = folder.usage("acme", "2026-01");
    assert_eq!(
        integer(&list(&summary["rows"])[0]["quantity"]),
        3_000 * 3_001 / 2
    );
    folder.verified();
    drop(server);
}

/// The client is killed while the server is away; the next one on its spool sends what it held.
#[test]
fn a_killed_client_loses_nothing_that_its_spool_holds() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    folder.open_account("acme");
    let address = server.url.trim_start_matches("http://").to_owned();
    let url = server.url.clone();
    let key = server.admin_key.clone().unwrap();
    let spool = folder.file("usage.spool");
    let send = || {
        let command = folder.type_in("usage send --batch 100 --server").arg(&url);
        command.arg("--spool").arg(&spool).key(&key)
    };
    let mut client = send().spawn_fed();
    let mut input = client.stdin.take().unwrap();
    for n in 1..=500 {
        input.write_all(line(n).as_bytes()).unwrap();
    }
    wait_until("the first are counted", || {
        (counted(&folder).1 == 500).then_some(())
    });
    server.kill();
    for n in 501..=1_000 {
        input.write_all(line(n).as_bytes()).unwrap();
    }
    input.flush().unwrap();
    let held = || std::fs::read_to_string(&spool).unwrap().lines().count();
    wait_until("the spool holds the rest", || (held() == 500).then_some(()));
    client.kill().unwrap();
    client.wait().unwrap();

    let _server = Server::start_at(&folder, &address);
    let ran = send().fed(&line(1_001));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(counted(&folder), (1_001 * 1_002 / 2, 1_001));
    assert_eq!(held(), 0);
    // Sent again by a third, nothing is left to send.
    assert_eq!(send().fed("").code, Some(0));
    assert_eq!(counted(&folder), (1_001 * 1_002 / 2, 1_001));
    folder.verified();
}
