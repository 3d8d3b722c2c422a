//! What is exported and imported again is the same events, whatever they say.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeSet;

use synor_economics::metering::UsageEvent;
use synor_economics::period::Timestamp;
use synor_usage::conformance::events;
use synor_usage::export::{CsvExport, write_ndjson_line};
use synor_usage::import::{ImportFormat, ImportOptions, read};

/// Levels, corrections, large numbers, and texts that break careless formats.
fn awkward() -> Vec<UsageEvent> {
    let mut all = events([
        "n/1 network.egress 5 @2026-01-01T00:00:01Z region=eu provider=op-1",
        "n/2 storage.stored_data 1000 @2026-01-02 bucket=a",
        "n/3 storage.stored_data 7GB-seconds @2026-01-02",
        "n/4 compute.gpu 1gpu-hours @2026-01-03 gpu_model=rtx4090 region=us",
        "n/5 network.egress -3 @2026-01-04 correction",
        "n/6 storage.stored_data 0 @2026-01-05 bucket=a",
        "n/7 network.requests 999999999999999999999999999 @2026-01-05",
    ]);
    for (event, text) in all
        .iter_mut()
        .zip(["a,b", "\"quoted\"", "grüße 🙂", "'=1+1", "a\\b;c"])
    {
        event.identity.id = text.to_owned();
        event.identity.source = format!(" {text} ");
        event.dimensions.insert("note".to_owned(), text.to_owned());
    }
    all
}

fn imported(format: ImportFormat, bytes: &[u8]) -> Vec<UsageEvent> {
    let options = ImportOptions {
        now: Timestamp::parse("2026-02-01T00:00:00Z").unwrap(),
        account: None,
        provider: None,
        source: None,
    };
    read(format, &mut &bytes[..], &options, &mut |_| {})
        .unwrap()
        .events
}

#[test]
fn csv_reads_back_as_the_same_events() {
    let events = awkward();
    let names: BTreeSet<_> = events
        .iter()
        .flat_map(|e| e.dimensions.keys().cloned())
        .collect();
    let mut export = CsvExport::new(Vec::new(), names).unwrap();
    events.iter().for_each(|event| export.push(event).unwrap());
    let bytes = export.finish().unwrap();
    assert_eq!(imported(ImportFormat::Csv, &bytes), events);
}

#[test]
fn ndjson_reads_back_as_the_same_events() {
    let events = awkward();
    let mut bytes = Vec::new();
    for event in &events {
        write_ndjson_line(&mut bytes, event).unwrap();
    }
    assert_eq!(imported(ImportFormat::Ndjson, &bytes), events);
}
