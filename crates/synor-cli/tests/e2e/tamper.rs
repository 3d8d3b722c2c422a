//! A byte altered behind the platform's back, in a stored event, a journal entry or an invoice:
//! `synor admin verify` says so, and says where.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::json;

use crate::common::{Folder, MONTH, Ran, Server};

/// A stopped platform with usage, two invoices of which one is paid, and a deposit. Its files hold
/// everything once: nothing waits in a write-ahead log, and no page holds an earlier form.
fn stopped() -> Folder {
    let folder = Folder::new();
    // A log that can be altered by SQL; what of one in segments is altered is found in `torture`.
    folder.configure("block_interval_ms = 10\n[storage]\nusage_log = \"sqlite\"\n");
    let server = Server::start(&folder);
    let key = folder.open_account("acme");
    folder.open_account("beta");
    let events: Vec<_> = (0..40)
        .map(|n| {
            json!({
                "account": if n % 2 == 0 { "acme" } else { "beta" },
                "service": "network", "resource": "egress", "quantity": (1 + n % 2) * 1_000_000_000 + n,
                "time": format!("2026-01-15T00:00:{n:02}Z"), "source": "the-known-source",
                "id": format!("the-known-event-{n:04}"), "provider": "operator-1",
            })
        })
        .collect();
    folder.import("events.ndjson", &events);
    folder.type_in("wallet create").ok();
    folder.type_in("wallet faucet 100 SYNOR").ok();
    folder.synor(&["admin", "close-period", MONTH]).ok();
    folder.type_in("billing pay INV-000001").key(&key).ok();
    folder.type_in("billing deposit 5 SYNOR").key(&key).ok();
    // The other invoice is long overdue; who looks at the folder later has no reminders to add.
    folder.type_in("admin run-dunning").ok();
    server.stop();
    for name in ["usage.sqlite", "book.sqlite"] {
        let connection = Connection::open(folder.data().join(name)).unwrap();
        connection
            .execute_batch(
                "PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)",
            )
            .unwrap();
    }
    folder
}

/// A folder with copies of another's files.
fn copy(of: &Folder) -> Folder {
    let copy = Folder::new();
    for file in std::fs::read_dir(of.data()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.data().join(file.file_name())).unwrap();
    }
    copy
}

/// Wants verification to fail: exit code 1 with the problems as its answer, or 2 where the file
/// cannot even be opened. Either way it says what differs.
fn assert_found(what: &str, folder: &Folder, naming: &[&str]) {
    let ran = folder.type_in("admin verify").run();
    match ran.code {
        Some(1) => {
            let told: String = ran.stdout.lines().filter(|l| l.starts_with("✗ ")).collect();
            assert!(!told.is_empty(), "{what}: {ran:?}");
            let named = naming.iter().any(|name| told.contains(name));
            assert!(named, "{what}: none of {naming:?} in {told}");
        }
        Some(2) => assert_opening_refused(what, &ran, naming),
        _ => panic!("{what}: {ran:?}"),
    }
}

fn assert_opening_refused(what: &str, ran: &Ran, naming: &[&str]) {
    let error = ran.stderr.lines().find(|line| line.starts_with("error: "));
    let error = error.unwrap_or_else(|| panic!("{what}: {ran:?}"));
    let files = ["usage.sqlite", "book.sqlite"];
    let named = naming.iter().chain(&files).any(|name| error.contains(name));
    assert!(named, "{what}: none of {naming:?} in {error}");
}

/// The places of a text in a file.
fn places(file: &Path, text: &str) -> Vec<usize> {
    let bytes = std::fs::read(file).unwrap();
    let windows = bytes.windows(text.len()).enumerate();
    windows
        .filter(|(_, window)| *window == text.as_bytes())
        .map(|(at, _)| at)
        .collect()
}

/// Alters one bit of one byte.
fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

/// Everything that a database says: all rows of all tables, and whether its indexes agree. Pages
/// have unused bytes in which earlier text may remain; altering those alters nothing that is said.
fn said(file: &Path) -> Result<Vec<String>, rusqlite::Error> {
    let connection = Connection::open(file)?;
    let rows = |sql: &str| -> Result<Vec<String>, rusqlite::Error> {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at));
            Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
        };
        statement.query_map([], row)?.collect()
    };
    let mut all = rows("PRAGMA integrity_check")?;
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut names = connection.prepare(tables)?;
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for name in names {
        all.extend(rows(&format!("SELECT * FROM \"{name}\""))?);
    }
    Ok(all)
}

/// Alters the byte so far behind each place where the file holds this text.
fn alter_bytes(folder: &Folder, file: &str, text: &str, offset: usize, naming: &[&str]) {
    let path = folder.data().join(file);
    let before = said(&path).unwrap();
    let mut altered_what_is_said = 0;
    for at in places(&path, text) {
        let altered = copy(folder);
        flip(&altered.data().join(file), at + offset);
        if said(&altered.data().join(file)).is_ok_and(|now| now == before) {
            continue;
        }
        altered_what_is_said += 1;
        let what = format!("byte {offset} of `{text}` at {at} of {file}");
        assert_found(&what, &altered, naming);
    }
    assert!(altered_what_is_said > 0, "{file} holds `{text}`");
}

/// One text of the book.
fn ask(folder: &Folder, sql: &str) -> String {
    let connection = Connection::open(folder.data().join("book.sqlite")).unwrap();
    let found = connection.query_row(sql, [], |row| row.get(0));
    found.unwrap()
}

/// Alters the file through SQL.
fn alter(folder: &Folder, file: &str, sql: &str, naming: &[&str]) {
    let altered = copy(folder);
    let connection = Connection::open(altered.data().join(file)).unwrap();
    assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
    drop(connection);
    assert_found(sql, &altered, naming);
}

#[test]
fn an_untouched_folder_and_its_copy_hold() {
    let folder = stopped();
    let found = folder.verified();
    assert_eq!(
        (&found["events"], &found["invoices"]),
        (&json!(40), &json!(2))
    );
    assert_eq!(copy(&folder).verified(), found);
    let shown = folder.type_in("admin verify").ok();
    assert!(shown.contains("✓ everything holds"), "{shown}");
}

#[test]
fn a_byte_of_a_stored_event() {
    let folder = stopped();
    let id = "the-known-event-0007";
    alter_bytes(&folder, "usage.sqlite", id, id.len() - 1, &["usage log"]);
    let source = "the-known-source";
    alter_bytes(&folder, "usage.sqlite", source, 0, &["usage log"]);
    for sql in [
        "UPDATE events SET id = 'the-known-event-9007' WHERE position = 8",
        "UPDATE events SET time = time + 1 WHERE position = 8",
        "UPDATE events SET correction = 1 WHERE position = 8",
        "UPDATE events SET account = 3 - account WHERE position = 8",
        "UPDATE events SET quantity = (SELECT quantity FROM events WHERE position = 9) \
         WHERE position = 8",
        "UPDATE events SET digest = zeroblob(length(digest)) WHERE position = 8",
        "UPDATE events SET chain = zeroblob(length(chain)) WHERE position = 8",
        "DELETE FROM events WHERE position = 8",
    ] {
        alter(
            &folder,
            "usage.sqlite",
            sql,
            &["event 8", "position 8", "8"],
        );
    }
    // The last event is held by the head of the chain.
    let sql = "DELETE FROM events WHERE position = 40";
    alter(&folder, "usage.sqlite", sql, &["usage log"]);
}

#[test]
fn a_byte_of_a_journal_entry() {
    let folder = stopped();
    let last = ask(&folder, "SELECT CAST(max(sequence) AS TEXT) FROM journal");
    for (row, at) in [
        ("1", "sequence = 1"),
        (&last, "sequence = (SELECT max(sequence) FROM journal)"),
    ] {
        let body = ask(&folder, &format!("SELECT body FROM journal WHERE {at}"));
        let amount = body.find("_micro_synor\":").unwrap() + "_micro_synor\":".len();
        let digit = body[amount..].find(|c: char| c.is_ascii_digit()).unwrap() + amount;
        alter_bytes(&folder, "book.sqlite", &body, digit, &["journal", row]);
        for change in [
            "body = replace(body, '\"', ' ')",
            "chain = zeroblob(length(chain))",
            "entry_id = entry_id || 'x'",
        ] {
            let sql = format!("UPDATE journal SET {change} WHERE {at}");
            alter(&folder, "book.sqlite", &sql, &["journal", row]);
        }
        let sql = format!("DELETE FROM journal WHERE {at}");
        alter(&folder, "book.sqlite", &sql, &["journal", row]);
    }
}

#[test]
fn a_byte_of_an_invoice() {
    let folder = stopped();
    for number in ["INV-000001", "INV-000002"] {
        let at = format!("kind = 'invoice' AND lookup = '{number}'");
        let body = ask(&folder, &format!("SELECT body FROM documents WHERE {at}"));
        let id = ask(&folder, &format!("SELECT id FROM documents WHERE {at}"));
        // The audit log says it, too.
        let naming = [number, id.as_str(), "audit"];
        let account = format!("\"number\":\"{number}\",\"account_id\":\"");
        for field in [
            "\"subtotal_micro_synor\":",
            "\"total_due_micro_synor\":",
            &account,
        ] {
            let behind = body.find(field).unwrap() + field.len();
            // With the first character of the value, which differs between the two invoices.
            let seen = &body[behind - field.len()..=behind];
            alter_bytes(&folder, "book.sqlite", seen, field.len(), &naming);
        }
        for change in [
            "body = replace(body, '\"network\"', '\"storage\"')",
            "digest = zeroblob(length(digest))",
            "account = 'gamma'",
            "sort_key = sort_key + 1",
            "is_open = 1 - is_open",
        ] {
            let sql = format!("UPDATE documents SET {change} WHERE {at}");
            alter(&folder, "book.sqlite", &sql, &naming);
        }
        // One that is gone is told by the gap that it leaves.
        let sql = format!("DELETE FROM documents WHERE {at}");
        let gap = "2 invoices were numbered, 1 are there";
        alter(&folder, "book.sqlite", &sql, &[gap]);
    }
}

/// What is cut off or overwritten from the start cannot be opened, and is not taken for new.
#[test]
fn a_file_that_is_cut_or_gone() {
    let folder = stopped();
    for file in ["usage.sqlite", "book.sqlite"] {
        let path = |folder: &Folder| -> PathBuf { folder.data().join(file) };
        let cut = copy(&folder);
        let length = std::fs::metadata(path(&cut)).unwrap().len();
        let handle = std::fs::File::options()
            .write(true)
            .open(path(&cut))
            .unwrap();
        handle.set_len(length / 2).unwrap();
        assert_found(&format!("{file} cut"), &cut, &["usage log", "book"]);
        let headless = copy(&folder);
        flip(&path(&headless), 0);
        assert_found(
            &format!("{file} without its head"),
            &headless,
            &["usage log", "book"],
        );
    }
}
