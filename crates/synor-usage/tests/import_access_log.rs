//! Access logs: what their lines become, and what is refused.
#![allow(clippy::unwrap_used)]

mod import_common;

use expect_test::{Expect, expect};
use import_common::options;
use synor_usage::import::{ImportFormat, ImportOptions, read};

fn check(input: &str, expected: Expect) {
    import_common::check(ImportFormat::AccessLog, input, expected);
}

#[test]
fn a_line_is_bandwidth_and_a_request() {
    check(
        "83.149.9.216 - - [31/Dec/2025:10:05:03 +0100] \"GET /a HTTP/1.1\" 200 203023 \"-\" \"Mozilla\"\n",
        expect![[r#"
            acme hosting.bandwidth 203023 bytes 2025-12-31T09:05:03Z access-log/9db68f3e2276a5812591dde389c5ee26-1-b
            acme network.requests 1 requests 2025-12-31T09:05:03Z access-log/9db68f3e2276a5812591dde389c5ee26-1-r
        "#]],
    );
}

#[test]
fn identical_lines_both_count_and_empty_answers_have_no_bandwidth() {
    let line = "::1 - - [31/Dec/2025:10:05:03 +0000] \"GET / HTTP/1.1\" 304 - \"-\" \"-\"\n";
    check(
        &format!("{line}{line}"),
        expect![[r#"
        acme network.requests 1 requests 2025-12-31T10:05:03Z access-log/0ce087ea2e8a3bb5055a418bc3768d8d-1-r
        acme network.requests 1 requests 2025-12-31T10:05:03Z access-log/0ce087ea2e8a3bb5055a418bc3768d8d-2-r
    "#]],
    );
    check(
        &line.replace("304 -", "500 0"),
        expect![[r#"
        acme network.requests 1 requests 2025-12-31T10:05:03Z access-log/dc069857b504b24170d7306801c29769-1-r
    "#]],
    );
}

#[test]
fn lines_as_real_servers_write_them() {
    let line = |request: &str, rest: &str| {
        format!("h - - [31/Dec/2025:00:00:00 -0530] {request} {rest}\n")
    };
    for (request, rest) in [
        (
            r#""GET /\"x\" 200 5 HTTP/1.0""#,
            r#"404 7 "-" "\"quoted\" agent""#,
        ),
        (r#""GET /" 1 2" HTTP/1.0""#, r#"404 7 "-" "-""#),
        (r#""-""#, "408 7"),
        (r#""\x16\x03\x01""#, r#"400 7 "-" "-""#),
        (r#""GET / HTTP/1.1""#, r#"200 7 "-" "cut off"#),
    ] {
        let input = line(request, rest);
        let imported = read(
            ImportFormat::AccessLog,
            &mut input.as_bytes(),
            &options(),
            &mut |_| {},
        )
        .unwrap();
        let quantities: Vec<_> = imported.events.iter().map(|e| e.quantity.get()).collect();
        assert_eq!(quantities, [7, 1], "{input}");
        assert_eq!(imported.events[0].time.to_string(), "2025-12-31T05:30:00Z");
    }
    check(
        "h - a b [c] [31/Dec/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200 7\n",
        expect![[r#"
            acme hosting.bandwidth 7 bytes 2025-12-31T00:00:00Z access-log/78a383c4e106ccab930dc741e77c1b5b-1-b
            acme network.requests 1 requests 2025-12-31T00:00:00Z access-log/78a383c4e106ccab930dc741e77c1b5b-1-r
        "#]],
    );
}

#[test]
fn what_is_not_such_a_line_is_refused() {
    check(
        "hello\n",
        expect![[r#"
        line 1: text `hello`: is not a line of an access log: host ident user [time] "request" status bytes …
    "#]],
    );
    check(
        "h - - [31/Dec/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200 many \"-\" \"-\"\n",
        expect![[r#"
            line 1: text `h - - [31/Dec/2025:00:00:00 +0000] "GET / HTTP/1.1" 200 many "-" "-"`: is not a line of an access log: host ident user [time] "request" status bytes …
        "#]],
    );
    check(
        "h - - [32/Dec/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200 7\n",
        expect![[r#"
            line 1: time `2025-12-32T00:00:00+00:00`: `2025-12-32T00:00:00+00:00` is not a time; write it as 2026-01-31T23:59:59Z
        "#]],
    );
    check(
        "h - - [31/Dez/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200 7\n",
        expect![[r#"
            line 1: text `h - - [31/Dez/2025:00:00:00 +0000] "GET / HTTP/1.1" 200 7`: is not a line of an access log: host ident user [time] "request" status bytes …
        "#]],
    );
}

#[test]
fn an_account_must_be_given() {
    let options = ImportOptions {
        account: None,
        ..options()
    };
    let error = read(
        ImportFormat::AccessLog,
        &mut &b""[..],
        &options,
        &mut |_| {},
    )
    .unwrap_err();
    expect!["an access log does not name an account; say which one it belongs to"]
        .assert_eq(&error.to_string());
}
