//! NDJSON and CSV: what they become, and what they are refused for; and which format a
//! file is in.
#![allow(clippy::unwrap_used)]

mod import_common;

use expect_test::{Expect, expect};
use import_common::{check, check_bytes, options};
use synor_usage::import::{ImportFormat, detect, read};

mod ndjson {
    use super::*;

    /// A good line with one field replaced or added.
    fn line(field: &str) -> String {
        let (name, _) = field.split_once(':').unwrap();
        let good = [
            r#""account":"acme""#,
            r#""service":"network""#,
            r#""resource":"egress""#,
            r#""quantity":5"#,
            r#""time":"2026-01-01T00:00:00Z""#,
            r#""source":"node-1""#,
            r#""id":"1""#,
        ];
        let kept = good.iter().filter(|known| !known.starts_with(name));
        let fields: Vec<_> = kept.copied().chain([field]).collect();
        format!("{{{}}}\n", fields.join(","))
    }

    fn check(input: &str, expected: Expect) {
        super::check(ImportFormat::Ndjson, input, expected);
    }

    #[test]
    fn flat_objects_and_cloudevents_mix() {
        check(
            "\u{feff}{\"account\":\"acme\",\"service\":\"storage\",\"resource\":\"stored_data\",\"quantity\":\"1.5\",\"unit\":\"GiB\",\"time\":\"2026-01-01T01:00:00+01:00\",\"source\":\"node-1\",\"id\":\"1\",\"provider\":\"op-1\",\"dimensions\":{\"bucket\":\"a\"}}\r\n\
             \n\
             {\"specversion\":\"1.0\",\"type\":\"network.egress\",\"source\":\"node-1\",\"id\":\"2\",\"subject\":\"acme\",\"time\":\"2026-01-01T00:00:00Z\",\"data\":{\"quantity\":-7,\"correction\":true}}",
            expect![[r#"
                acme storage.stored_data level 1610612736 bytes 2026-01-01T00:00:00Z node-1/1 by op-1 bucket=a
                acme network.egress -7 bytes 2026-01-01T00:00:00Z node-1/2 correction
            "#]],
        );
    }

    #[test]
    fn integers_keep_all_their_digits() {
        check(
            &line(r#""quantity":123456789012345678901234567"#),
            expect![[r#"
                acme network.egress 123456789012345678901234567 bytes 2026-01-01T00:00:00Z node-1/1
            "#]],
        );
        check(
            &line(r#""quantity":"9007199254740993""#),
            expect![[r#"
            acme network.egress 9007199254740993 bytes 2026-01-01T00:00:00Z node-1/1
        "#]],
        );
    }

    #[test]
    fn what_does_not_hold_is_named() {
        for (field, expected) in [
            (
                r#""quantity":1.5"#,
                expect![[r#"
                line 1: quantity `1.5`: is a JSON number with a fraction or an exponent, which JSON readers round; write it in quotes, as a plain decimal
            "#]],
            ),
            (
                r#""quantity":1e3"#,
                expect![[r#"
                line 1: quantity `1e3`: is a JSON number with a fraction or an exponent, which JSON readers round; write it in quotes, as a plain decimal
            "#]],
            ),
            (
                r#""quantity":"abc""#,
                expect![[r#"
                line 1: quantity `abc`: `abc` is not a plain decimal number (digits, at most one point, no exponent)
            "#]],
            ),
            (
                r#""quantity":true"#,
                expect![[r#"
                line 1: quantity `true`: is neither an integer nor a plain decimal in quotes
            "#]],
            ),
            (
                r#""quantity":null"#,
                expect![[r#"
                line 1: quantity ``: is missing
            "#]],
            ),
            (
                r#""quantity":"-1""#,
                expect![[r#"
                line 1: quantity `-1`: is negative; only an event marked `correction` may reduce
            "#]],
            ),
            (
                r#""time":"yesterday""#,
                expect![[r#"
                line 1: time `yesterday`: `yesterday` is not a time; write it as 2026-01-31T23:59:59Z
            "#]],
            ),
            (
                r#""time":1767225600"#,
                expect![[r#"
                line 1: time `1767225600`: must be a string
            "#]],
            ),
            (
                r#""time":"2026-01-03T00:00:01Z""#,
                expect![[r#"
                line 1: time `2026-01-03T00:00:01Z`: is more than a day in the future
            "#]],
            ),
            (
                r#""unit":"GB-month""#,
                expect![[r#"
                line 1: unit `GB-months`: network.egress is measured in bytes, or a multiple
            "#]],
            ),
            (
                r#""service":"dns""#,
                expect![[r#"
                line 1: service `dns`: `dns` is not a service; there are storage, hosting, database, compute, network
            "#]],
            ),
            (
                r#""account":"a/b""#,
                expect![[r#"
                line 1: account `a/b`: `a/b` is not an account id (1 to 128 letters, digits, `.`, `_`, `-`, `:`)
            "#]],
            ),
            (
                r#""id":"""#,
                expect![[r#"
                line 1: id ``: must be 1 to 256 bytes without control characters
            "#]],
            ),
            (
                r#""correction":"yes""#,
                expect![[r#"
                line 1: correction `"yes"`: is neither true nor false
            "#]],
            ),
            (
                r#""dimensions":{"a":1}"#,
                expect![[r#"
                line 1: dimensions `a: 1`: its value must be a string
            "#]],
            ),
            (
                r#""dimensions":["a"]"#,
                expect![[r#"
                    line 1: dimensions `["a"]`: invalid type: sequence, expected a JSON object
                "#]],
            ),
            (
                r#""colour":"red""#,
                expect![[r#"
                line 1: field `colour`: is not a field here; there are account, service, resource, quantity, unit, time, source, id, provider, dimensions, correction
            "#]],
            ),
            (
                r#""id":"1","id":"2""#,
                expect![[r#"
                    line 1: text `{"account":"acme","service":"network","resource":"egress","quantity":5,"time":"2…`: the field `id` is written twice
                "#]],
            ),
        ] {
            check(&line(field), expected);
        }
    }

    #[test]
    fn the_line_is_counted_with_blank_ones() {
        let good = line(r#""id":"1""#);
        check(
            &format!("{good}\n\n{}", line(r#""quantity":"abc""#)),
            expect![[r#"
                line 4: quantity `abc`: `abc` is not a plain decimal number (digits, at most one point, no exponent)
            "#]],
        );
        check(
            &format!("{good}{{\"account\":\n{good}"),
            expect![[r#"
                line 2: text `{"account":`: is not JSON: EOF while parsing a value, column 11
            "#]],
        );
        check(
            &format!("{good}[]\n"),
            expect![[r#"
                line 2: text `[]`: invalid type: sequence, expected a JSON object
            "#]],
        );
        check(
            &format!("{good}{{}}\n"),
            expect![[r#"
            line 2: account ``: is missing
        "#]],
        );
    }

    #[test]
    fn broken_text_is_refused() {
        let mut input = line(r#""id":"1""#).into_bytes();
        input.extend(b"{\"account\":\"a\xff\"}\n");
        check_bytes(
            ImportFormat::Ndjson,
            &input,
            expect![[r#"
            line 2: text `{"account":"a�"}`: is not valid UTF-8 at byte 14 of the line
        "#]],
        );
        let long = format!("{{\"account\":\"{}\"}}", "x".repeat(1 << 20));
        check(
            &long,
            expect![[r#"
            line 1: text `{"account":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`: is a line of more than 1048576 bytes
        "#]],
        );
    }
}

mod csv {
    use super::*;

    const HEADER: &str = "account,service,resource,quantity,unit,time,source,id";

    fn check(input: &str, expected: Expect) {
        super::check(ImportFormat::Csv, input, expected);
    }

    #[test]
    fn records_become_events() {
        check(
            "\u{feff}id,account,service,resource,quantity,unit,time,source,provider,correction,dimension.bucket\r\n\
             1,acme,storage,stored_data,2,GB-months,2026-01-01T00:00:00Z,node-1,op-1,,logs\r\n\
             \r\n\
             2,acme,network,egress,-1.5,GB,2026-01-01T00:00:00Z,\"node, \"\"1\"\"\",,true,\r\n",
            expect![[r#"
                acme storage.stored_data 5356800000000000 byte-seconds 2026-01-01T00:00:00Z node-1/1 by op-1 bucket=logs
                acme network.egress -1500000000 bytes 2026-01-01T00:00:00Z node, "1"/2 correction
            "#]],
        );
    }

    #[test]
    fn columns_are_checked_by_name() {
        check(
            "account,service,resource,quantity\n",
            expect![[r#"
            line 1: column `time, source, id`: is missing in the header
        "#]],
        );
        check(
            &format!("{HEADER},colour\n"),
            expect![[r#"
            line 1: column `colour`: is not a column of events; there are account, service, resource, quantity, unit, time, source, id, provider, correction and dimension.<name>
        "#]],
        );
        check(
            &format!("{HEADER},id\n"),
            expect![[r#"
            line 1: column `id`: is there twice
        "#]],
        );
        check(
            "",
            expect![[r#"
            line 1: text ``: is empty; a header was expected
        "#]],
        );
    }

    #[test]
    fn an_error_names_the_line_where_its_record_starts() {
        let good = "acme,network,egress,1,GB,2026-01-01T00:00:00Z,node-1,1";
        let bad = "acme,network,egress,abc,GB,2026-01-01T00:00:00Z,node-1,2";
        let tall = "acme,network,egress,1,GB,2026-01-01T00:00:00Z,\"node\n1\",3";
        check(
            &format!("{HEADER}\n{good}\n{bad}\n"),
            expect![[r#"
            line 3: quantity `abc`: `abc` is not a plain decimal number (digits, at most one point, no exponent)
        "#]],
        );
        check(
            &format!("{HEADER}\r\n{good}\r\n\r\n{bad}\r\n"),
            expect![[r#"
            line 4: quantity `abc`: `abc` is not a plain decimal number (digits, at most one point, no exponent)
        "#]],
        );
        check(
            &format!("{HEADER}\n{good}\n{tall}\n{good}\n"),
            expect![[r#"
            line 3: source `node
            1`: must be 1 to 256 bytes without control characters
        "#]],
        );
        check(
            &format!("{HEADER}\n{good}\n{good},x\n"),
            expect![[r#"
            line 3: record `acme,network,egress,1,GB,2026-01-01T00:00:00Z,node-1,1,x`: has 9 fields where the header has 8
        "#]],
        );
        check(
            &format!("{HEADER}\n{good}\nacme,\"network\n{good}\n"),
            expect![[r#"
                line 3: record `acme,"network`: has a quote that is opened and never closed
            "#]],
        );
        check(
            &format!("{HEADER}\n{good},\n"),
            expect![[r#"
            line 2: record `acme,network,egress,1,GB,2026-01-01T00:00:00Z,node-1,1,`: has 9 fields where the header has 8
        "#]],
        );
    }

    #[test]
    fn a_tall_record_moves_the_lines_after_it() {
        let header = "account,service,resource,quantity,time,source,id,correction,dimension.note";
        let good = "acme,network,egress,1,2026-01-01T00:00:00Z,\"a\",\"1\",,\"x\"";
        check(
            &format!(
                "{header}\n{good}\n\n\nacme,network,egress,1,2026-01-01T00:00:00Z,a,2,maybe,\n"
            ),
            expect![[r#"
                line 5: correction `maybe`: is neither true nor false
            "#]],
        );
        check_bytes(
            ImportFormat::Csv,
            &[header.as_bytes(), b"\n", good.as_bytes(), b"\nacme,\xff\n"].concat(),
            expect![[r#"
                line 3: text `acme,�`: is not valid UTF-8 at byte 6 of the line
            "#]],
        );
    }
}

#[test]
fn formats_are_known_by_their_beginning() {
    let found = |text: &str, name: &str| {
        detect(text.as_bytes(), name).map_or_else(|| "?".to_owned(), |format| format.to_string())
    };
    assert_eq!(found("{\"specversion\":\"1.0\"", "a.json"), "cloudevents");
    assert_eq!(found("{\"specversion\":\"1.0\"", "a.ndjson"), "ndjson");
    assert_eq!(found("\u{feff}[{", ""), "cloudevents");
    assert_eq!(
        found("BilledCost,ChargePeriodStart,ProviderName\n", "a.csv"),
        "focus"
    );
    assert_eq!(found("\"account\",\"id\"\n", ""), "csv");
    assert_eq!(
        found(
            "h - - [31/Dec/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200 7\n",
            ""
        ),
        "access-log"
    );
    assert_eq!(found("?", "access.log"), "access-log");
    assert_eq!(found("?", "x"), "?");
    for format in ImportFormat::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    expect!["`xml` is not a format; there are ndjson, csv, cloudevents, access-log, focus"]
        .assert_eq(&"xml".parse::<ImportFormat>().unwrap_err().to_string());
}

#[test]
fn progress_is_told_up_to_the_last_byte() {
    let line = "{\"account\":\"acme\",\"service\":\"network\",\"resource\":\"egress\",\"quantity\":5,\"time\":\"2026-01-01T00:00:00Z\",\"source\":\"s\",\"id\":\"1\"}\n";
    let input = line.repeat(2_000);
    let mut told = Vec::new();
    let format = ImportFormat::Ndjson;
    read(format, &mut input.as_bytes(), &options(), &mut |bytes| {
        told.push(bytes)
    })
    .unwrap();
    assert_eq!(told.last().copied(), u64::try_from(input.len()).ok());
    assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
}
