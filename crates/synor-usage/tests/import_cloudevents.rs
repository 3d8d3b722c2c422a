//! CloudEvents: files of them, what they are refused for, and that what is written reads back as the
//! same events.
#![allow(clippy::unwrap_used)]

mod import_common;

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use synor_economics::metering::{Measure, RawEvent, ResourceType, UsageEvent};
use synor_economics::period::Timestamp;
use synor_usage::import::{EventReader, ImportFormat, ImportOptions, read, write_cloudevents};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn events() -> impl Strategy<Value = UsageEvent> {
    let resources: Vec<ResourceType> = ResourceType::all().map(|spec| spec.resource).collect();
    let quantity = prop_oneof![
        1..1_000_i128,
        (1_i128 << 53) - 2..(1 << 53) + 2,
        1..1_000_000_000_000_000_000_000_000_000_i128
    ];
    (
        prop::sample::select(resources),
        quantity,
        any::<(bool, bool)>(),
        0..NOW.secs(),
        "[^\\p{Cc}]{1,40}",
        "[^\\p{Cc}]{1,40}",
        proptest::option::of("[a-z][a-z0-9.:_-]{0,20}"),
        proptest::collection::btree_map("[a-z0-9_]{1,10}", "[^\\p{Cc}]{1,40}", 0..4),
    )
        .prop_map(
            |(resource, quantity, (sample, correction), secs, source, id, provider, dims)| {
                event(
                    resource, quantity, sample, correction, secs, source, id, provider, dims,
                )
            },
        )
}

#[expect(clippy::too_many_arguments)]
fn event(
    resource: ResourceType,
    quantity: i128,
    sample: bool,
    correction: bool,
    secs: i64,
    source: String,
    id: String,
    provider: Option<String>,
    mut dimensions: BTreeMap<String, String>,
) -> UsageEvent {
    let spec = resource.spec();
    let unit = match spec.measure {
        Measure::Level { sample: unit } if sample => unit,
        _ => spec.base_unit,
    };
    let correction = correction && unit == spec.base_unit;
    if let Some(needed) = spec.required_dimension {
        dimensions.insert(needed.to_owned(), "rtx4090".to_owned());
    }
    let raw = RawEvent {
        account: "acme".to_owned(),
        service: resource.service().name().to_owned(),
        resource: spec.name.to_owned(),
        quantity: if correction { -quantity } else { quantity }.to_string(),
        unit: Some(unit.name().to_owned()),
        time: Timestamp::from_secs(secs).to_string(),
        source,
        id,
        provider,
        dimensions,
        correction,
    };
    raw.validate(NOW).unwrap()
}

proptest! {
    #[test]
    fn a_batch_reads_back_as_the_same_events(events in proptest::collection::vec(events(), 0..5)) {
        let body = write_cloudevents(&events).unwrap();
        let body_read = EventReader::new(NOW).cloudevents(&body).unwrap();
        let back: Vec<_> = body_read.events.into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(&back, &events);

        let options = ImportOptions { now: NOW, account: None, provider: None, source: None };
        let imported =
            read(ImportFormat::CloudEvents, &mut body.as_slice(), &options, &mut |_| {}).unwrap();
        prop_assert_eq!(imported.events, events);
    }

    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = EventReader::new(NOW).cloudevents(&body);
        let _ = EventReader::new(NOW).ndjson(&body);
        for format in ImportFormat::ALL {
            let account = Some("acme".parse().unwrap());
            let options = ImportOptions { now: NOW, account, provider: None, source: None };
            let _ = read(format, &mut body.as_slice(), &options, &mut |_| {});
        }
    }
}

const GOOD: &str = r#"{"specversion":"1.0","type":"compute.cpu","source":"node-1","id":"1",
  "subject":"acme","time":"2026-01-01T00:00:00Z","traceparent":"00-ab",
  "data":{"quantity":"0.5","unit":"core-hours","provider":"op-1","dimensions":{"region":"eu"}}}"#;

fn check(input: &str, expected: Expect) {
    import_common::check(ImportFormat::CloudEvents, input, expected);
}

#[test]
fn one_several_and_an_array_are_read() {
    check(
        GOOD,
        expect![[r#"
        acme compute.cpu 1800000 core-milliseconds 2026-01-01T00:00:00Z node-1/1 by op-1 region=eu
    "#]],
    );
    let line = GOOD.replace('\n', "");
    check(
        &format!("{line}\n{line}\n"),
        expect![[r#"
        acme compute.cpu 1800000 core-milliseconds 2026-01-01T00:00:00Z node-1/1 by op-1 region=eu
        acme compute.cpu 1800000 core-milliseconds 2026-01-01T00:00:00Z node-1/1 by op-1 region=eu
    "#]],
    );
    check(
        &format!("[{GOOD},\n{GOOD}]"),
        expect![[r#"
        acme compute.cpu 1800000 core-milliseconds 2026-01-01T00:00:00Z node-1/1 by op-1 region=eu
        acme compute.cpu 1800000 core-milliseconds 2026-01-01T00:00:00Z node-1/1 by op-1 region=eu
    "#]],
    );
    check("[]", expect![]);
}

#[test]
fn what_does_not_hold_is_named_with_its_line() {
    let with = |from: &str, to: &str| format!("[{GOOD},\n{}]", GOOD.replace(from, to));
    check(
        &with("\"1.0\"", "\"0.3\""),
        expect![[r#"
        line 4: specversion `0.3`: is not a version known here; write 1.0
    "#]],
    );
    check(
        &with("compute.cpu", "compute"),
        expect![[r#"
        line 4: type `compute`: must be a service and a resource, as in storage.stored_data
    "#]],
    );
    check(
        &with("compute.cpu", "compute.quantum"),
        expect![[r#"
        line 4: resource `quantum`: `quantum` is not a resource of compute; it has cpu, gpu, memory, invocations
    "#]],
    );
    check(
        &with("\"subject\":\"acme\",", ""),
        expect![[r#"
        line 4: subject ``: is missing; it names the account
    "#]],
    );
    check(
        &with("\"time\":\"2026-01-01T00:00:00Z\",", ""),
        expect![[r#"
        line 4: time ``: is missing
    "#]],
    );
    check(
        &with("\"0.5\"", "0.5"),
        expect![[r#"
        line 4: quantity `0.5`: is a JSON number with a fraction or an exponent, which JSON readers round; write it in quotes, as a plain decimal
    "#]],
    );
    check(
        &with("\"unit\"", "\"units\""),
        expect![[r#"
        line 4: field `units`: is not a field here; there are quantity, unit, provider, dimensions, correction
    "#]],
    );
    check(
        &with("\"data\"", "\"data_base64\""),
        expect![[r#"
        line 4: data ``: is missing
    "#]],
    );
    check(
        &with("\"traceparent\"", "\"datacontenttype\""),
        expect![[r#"
        line 4: datacontenttype `00-ab`: must be application/json
    "#]],
    );
    check(
        &with("}}}", "}}"),
        expect![[r#"
            line 6: text `  "data":{"quantity":"0.5","unit":"core-hours","provider":"op-1","dimensions":{"…`: is not JSON: expected `,` or `}`, column 95
        "#]],
    );
    check(
        &format!("{GOOD}\n7"),
        expect![[r#"
            line 4: event `7`: invalid type: integer `7`, expected a JSON object
        "#]],
    );
}
