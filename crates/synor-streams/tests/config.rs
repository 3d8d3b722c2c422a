//! The settings of a stream: what is read, and what is refused and how.
#![allow(clippy::unwrap_used)]

use synor_streams::{StreamConfig, StreamUrl};

fn url(text: &str) -> String {
    match text.parse::<StreamUrl>() {
        Ok(url) => format!("{url:?}"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn addresses() {
    let kept = "kafka://one:9092,two:9092/usage-events";
    assert_eq!(url(kept), kept);
    let hidden = "redis://cache:6379/usage:events";
    assert_eq!(
        url("redis://user:pass/word@cache:6379/usage:events"),
        hidden
    );
    for (text, error) in [
        ("localhost/usage", "starts with `kafka://` or `redis://`"),
        (
            "rediss://localhost/usage",
            "starts with `kafka://` or `redis://`",
        ),
        (
            "redis://localhost:6379",
            "must end with the name of the stream",
        ),
        ("kafka://localhost/", "must end with the name of the stream"),
        (
            "kafka://localhost/usage events",
            "must end with the name of the stream",
        ),
        ("kafka:///usage", "names no host"),
        ("redis://:secret@/usage", "names no host"),
        ("kafka://user:secret@host/usage", "`sasl.username`"),
    ] {
        let told = url(text);
        assert!(
            told.starts_with("error: ") && told.contains(error),
            "{text}: {told}"
        );
        assert!(!told.contains("secret"), "{told}");
    }
}

#[test]
fn a_table_of_settings() {
    let config: StreamConfig = toml::from_str(
        r#"
        url = "redis://localhost:6379/usage-events"
        batch_records = 500
        [kafka]
        "security.protocol" = "sasl_ssl"
        "#,
    )
    .unwrap();
    let mut expected = StreamConfig::new(config.url.clone());
    assert_eq!(
        (expected.group.as_str(), expected.batch_wait_ms),
        ("synor", 50)
    );
    expected.batch_records = 500.try_into().unwrap();
    let protocol = ("security.protocol".to_owned(), "sasl_ssl".to_owned());
    expected.kafka.extend([protocol]);
    assert_eq!(config, expected);
}

#[test]
fn what_does_not_hold_is_named() {
    for (line, error) in [
        ("group = \" \"", "a group needs a name"),
        ("batch_records = 0", "nonzero"),
        ("batch = 10", "unknown field `batch`"),
        ("url = \"localhost\"", "a stream's address starts with"),
    ] {
        let url = "url = \"kafka://localhost:9092/usage\"\n";
        let text = match line.starts_with("url") {
            true => line.to_owned(),
            false => format!("{url}{line}"),
        };
        let told = toml::from_str::<StreamConfig>(&text)
            .unwrap_err()
            .to_string();
        assert!(told.contains(error), "{line}: {told}");
    }
}
