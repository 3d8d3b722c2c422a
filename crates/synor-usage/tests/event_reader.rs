//! What is wrong with one event of a body is told of that event, and of no other.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use synor_economics::period::Timestamp;
use synor_usage::import::{EventReader, ReadEvent};

const NOW: Timestamp = Timestamp::from_secs(1_769_904_000); // 2026-02-01T00:00:00Z

fn reader() -> EventReader<'static> {
    EventReader::new(NOW)
}

fn show(events: &[ReadEvent]) -> String {
    let mut shown = String::new();
    for event in events {
        match event {
            Ok(e) => writeln!(
                shown,
                "{} {} {} {}",
                e.identity.account, e.identity.id, e.resource, e.quantity
            ),
            Err(refused) => writeln!(shown, "{:?} {refused}", refused.id),
        }
        .unwrap();
    }
    shown
}

fn check(body: &[u8], expected: Expect) {
    expected.assert_eq(&match reader().cloudevents(body) {
        Ok(read) => show(&read.events),
        Err(error) => error.to_string(),
    });
}

fn event(id: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","type":"network.egress","source":"n","id":"{id}","subject":"acme",
        "time":"2026-01-01T00:00:00Z","data":{data}}}"#
    )
}

#[test]
fn bad_events_of_a_batch_are_told_one_by_one() {
    let good = |id: &str| event(id, r#"{"quantity":"1.5","unit":"GB"}"#);
    let bad = [
        r#"{"specversion":"1.0"}"#.to_owned(),
        event("b1", r#"{"quantity":1.5}"#),
        event("b2", r#"{"quantity":0}"#),
        event("b3", "{\"quantity\":1,\"quantity\":2}"),
        event("b4", "tru"),
        event("b5", "[1]"),
        "7".to_owned(),
        "null".to_owned(),
        String::new(),
        r#"{"id":"x",}"#.to_owned(),
        event("b6", r#"{"quantity":1,"colour":"blue"}"#),
        event("b7", r#"{"quantity":18446744073709551616000000000}"#),
        event("b8", r#"{"quantity":"1e3"}"#),
    ];
    let mut batch = vec![good("g0")];
    for (n, bad) in bad.into_iter().enumerate() {
        batch.push(bad);
        batch.push(good(&format!("g{}", n + 1)));
    }
    let body = format!("[{}]", batch.join(","));
    let read = reader().cloudevents(body.as_bytes()).unwrap();
    let good: Vec<_> = read.events.iter().step_by(2).cloned().collect();
    assert_eq!(good.len(), 14);
    assert!(good.iter().all(Result::is_ok), "{}", show(&good));
    let bad: Vec<_> = read.events.iter().skip(1).step_by(2).cloned().collect();
    expect![[r#"
        None type ``: is missing
        Some("b1") quantity `1.5`: is a JSON number with a fraction or an exponent, which JSON readers round; write it in quotes, as a plain decimal
        Some("b2") quantity `0`: is zero; nothing was used
        Some("b3") data `{"quantity":1,"quantity":2}`: the field `quantity` is written twice
        None event `{"specversion":"1.0","type":"network.egress","source":"n","id":"b4","subject":"a…`: is not JSON: expected ident, column 49
        Some("b5") data `[1]`: invalid type: sequence, expected a JSON object
        None event `7`: invalid type: integer `7`, expected a JSON object
        None event `null`: invalid type: null, expected a JSON object
        None event ``: is not JSON: EOF while parsing a value, column 0
        None event `{"id":"x",}`: is not JSON: trailing comma, column 11
        Some("b6") field `colour`: is not a field here; there are quantity, unit, provider, dimensions, correction
        Some("b7") quantity `18446744073709551616000000000`: is too large for one event
        Some("b8") quantity `1e3`: `1e3` is not a plain decimal number (digits, at most one point, no exponent)
    "#]]
    .assert_eq(&show(&bad));
}

#[test]
fn bytes_that_are_no_text_spoil_one_event() {
    let mut body = b"[".to_vec();
    body.extend(event("a", r#"{"quantity":1}"#).into_bytes());
    body.extend(b",{\"id\":\"\xff\"},");
    body.extend(event("b", r#"{"quantity":1}"#).into_bytes());
    body.extend(b"]");
    check(
        &body,
        expect![[r#"
        acme a network.egress 1
        None event `{"id":"�"}`: is not valid UTF-8 at byte 8
        acme b network.egress 1
    "#]],
    );
}

#[test]
fn a_body_that_is_not_json_is_told_apart() {
    check(
        b"",
        expect!["the body is not JSON: EOF while parsing a value, column 0"],
    );
    check(
        b"{",
        expect!["the body is not JSON: EOF while parsing an object, column 1"],
    );
    check(
        b"[{]",
        expect!["the body is not JSON: it ends before its array does"],
    );
    check(
        b"[]x",
        expect!["the body is not JSON: something follows the array"],
    );
    check(
        b"account,service",
        expect!["the body is not JSON: expected value, column 1"],
    );
    check(
        b"\"\xff\"",
        expect![[r#"
        None event `"�"`: is not valid UTF-8 at byte 2
    "#]],
    );
    // JSON, and no event.
    check(
        b"\"hello\"",
        expect![[r#"
        None event `"hello"`: invalid type: string "hello", expected a JSON object
    "#]],
    );
    check(
        b"{}",
        expect![[r#"
        None specversion ``: is missing
    "#]],
    );
    check(b"[]", expect![[r#""#]]);
}

#[test]
fn lines_are_told_by_their_number() {
    let flat = r#"{"account":"acme","service":"network","resource":"egress","quantity":5,"time":"2026-01-05T00:00:00Z","source":"s","id":"1"}"#;
    let cloud = event("2", r#"{"quantity":1}"#).replace('\n', " ");
    let body = format!("{flat}\r\n\n{{\"id\":\"x\"}}\n  \n{cloud}\nnonsense\n");
    let read = reader().ndjson(body.as_bytes());
    assert_eq!((read.lines, read.count), (vec![0, 2, 4, 5], 6));
    expect![[r#"
        acme 1 network.egress 5
        Some("x") account ``: is missing
        acme 2 network.egress 1
        None text `nonsense`: is not JSON: expected ident, column 2
    "#]]
    .assert_eq(&show(&read.events));
}
