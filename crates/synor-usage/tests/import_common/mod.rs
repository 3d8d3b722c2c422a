//! What the tests of the importers share: text in, events as text out.
#![allow(dead_code, clippy::unwrap_used)]

use expect_test::Expect;
use synor_economics::period::Timestamp;
use synor_usage::import::{ImportFormat, ImportOptions, Imported, read};

pub fn options() -> ImportOptions {
    ImportOptions {
        now: Timestamp::parse("2026-01-02T00:00:00Z").unwrap(),
        account: Some("acme".parse().unwrap()),
        provider: None,
        source: None,
    }
}

/// One event a line, as a reader would say it.
fn show(imported: &Imported) -> String {
    let mut text = String::new();
    for event in &imported.events {
        let kind = if event.is_sample { "level " } else { "" };
        let identity = &event.identity;
        text += &format!(
            "{} {} {kind}{} {} {} {}/{}",
            identity.account,
            event.resource,
            event.quantity,
            event.unit(),
            event.time,
            identity.source,
            identity.id
        );
        if let Some(provider) = &event.provider {
            text += &format!(" by {provider}");
        }
        for (key, value) in &event.dimensions {
            text += &format!(" {key}={value}");
        }
        if event.correction {
            text += " correction";
        }
        text.push('\n');
    }
    text
}

pub fn check_bytes(format: ImportFormat, input: &[u8], expected: Expect) {
    let shown = match read(format, &mut &*input, &options(), &mut |_| {}) {
        Ok(imported) => show(&imported),
        Err(error) => format!("{error}\n"),
    };
    expected.assert_eq(&shown);
}

pub fn check(format: ImportFormat, input: &str, expected: Expect) {
    check_bytes(format, input.as_bytes(), expected);
}
