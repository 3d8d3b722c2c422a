//! Sources over HTTP that answer, lie, hang, send too much or nonsense, or are not there. Each
//! costs its own answer and nobody else's.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;
use synor_economics::oracle::report::PriceReport;
use synor_economics::oracle::{AggregateLimits, Answer, PriceFeedAggregator};
use synor_economics::period::Timestamp;
use synor_feeds::{BODY_MAX_BYTES, NamedFeed, SourceConfig, ask_all, open};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
const TIMEOUT: Duration = Duration::from_millis(400);

/// A key that is known to everyone, for tests.
fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn signed(oracle_id: &str, price: &str, said: &str) -> String {
    let report = PriceReport {
        oracle_id: oracle_id.to_owned(),
        pair: "SYNOR/USD".to_owned(),
        price: price.parse().unwrap(),
        observed_at: NOW,
    };
    let signature = hex::encode(key().sign(&report.message()).to_bytes());
    json!({"price": said, "observed_at": NOW, "signature": signature}).to_string()
}

async fn server() -> String {
    let router = Router::new()
        .route(
            "/good",
            get(async || json!({"last": "0.25", "at": NOW.secs()}).to_string()),
        )
        .route(
            "/lies",
            get(async || json!({"last": "25", "at": NOW.secs()}).to_string()),
        )
        .route(
            "/old",
            get(async || json!({"last": "0.25", "at": NOW.secs() - 3_600}).to_string()),
        )
        .route("/garbage", get(async || "<html>bad gateway</html>"))
        .route("/long", get(async || "9".repeat(BODY_MAX_BYTES + 1)))
        .route("/fails", get(async || (StatusCode::BAD_GATEWAY, "no")))
        .route("/away", get(async || Redirect::temporary("/good")))
        .route(
            "/hangs",
            get(async || tokio::time::sleep(Duration::from_secs(60)).await),
        )
        .route("/signed", get(async || signed("acme", "0.2501", "0.2501")))
        .route("/changed", get(async || signed("acme", "0.2501", "0.35")))
        .route(
            "/of-another",
            get(async || signed("bolt", "0.2501", "0.2501")),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn source(name: &str, fields: serde_json::Value) -> SourceConfig {
    let mut source = fields;
    source["name"] = json!(name);
    serde_json::from_value(source).unwrap()
}

fn ticker(url: &str, name: &str) -> SourceConfig {
    let fields = json!({
        "type": "cex", "exchange": name, "url": format!("{url}/{name}"),
        "price": "/last", "time": "/at",
    });
    source(name, fields)
}

fn report(url: &str, name: &str) -> SourceConfig {
    let signer = hex::encode(key().verifying_key().to_bytes());
    let fields = json!({
        "type": "signed", "oracle_id": "acme", "url": format!("{url}/{name}"), "signer": signer,
    });
    source(name, fields)
}

fn feeds(sources: &[SourceConfig]) -> Vec<NamedFeed> {
    open(sources, TIMEOUT).unwrap()
}

fn shown(answers: &[Answer]) -> Vec<String> {
    let one = |answer: &Answer| match &answer.quote {
        Ok(quote) => format!("{} {}", answer.name, quote.price),
        Err(reason) => format!("{}: {reason}", answer.name),
    };
    answers.iter().map(one).collect()
}

#[tokio::test]
async fn each_source_answers_for_itself() {
    let url = server().await;
    let mut sources: Vec<_> = ["good", "lies", "garbage", "long", "fails", "away", "hangs"]
        .map(|name| ticker(&url, name))
        .into();
    sources.extend(["signed", "changed", "of-another"].map(|name| report(&url, name)));
    sources.push(ticker("http://127.0.0.1:1", "nowhere"));
    let feeds = feeds(&sources);
    let start = Instant::now();
    let answers = ask_all(&feeds, NOW, TIMEOUT).await;
    // All at once: not the sum of what each took.
    assert!(start.elapsed() < TIMEOUT * 3, "{:?}", start.elapsed());
    let shown = shown(&answers);
    for (place, expected) in [
        (0, "good 0.25"),
        (1, "lies 25"),
        (2, "garbage: its answer cannot be read"),
        (3, "long: it sent more than 262144 bytes"),
        (4, "fails: it answered with HTTP status 502"),
        (5, "away: it answered with HTTP status 307"),
        (6, "hangs: "),
        (7, "signed 0.2501"),
        (8, "changed: the signature is not of acme"),
        (9, "of-another: the signature is not of acme"),
        (10, "nowhere: cannot reach it"),
    ] {
        assert!(shown[place].starts_with(expected), "{}", shown[place]);
    }
}

#[tokio::test]
async fn what_lies_fails_or_is_old_does_not_move_the_price() {
    let url = server().await;
    let mut sources: Vec<_> = ["good", "lies", "old", "garbage"]
        .map(|name| ticker(&url, name))
        .into();
    sources.push(report(&url, "signed"));
    let answers = ask_all(&feeds(&sources), NOW, TIMEOUT).await;
    let limits = AggregateLimits {
        quorum: 2,
        stale_after_secs: 300,
        spread_max_bps: 500,
    };
    let outcome = PriceFeedAggregator { limits }.aggregate(&answers, NOW);
    let statuses: Vec<_> = outcome.sources.iter().map(|s| s.status.name()).collect();
    assert_eq!(statuses, ["used", "outlier", "stale", "failed", "used"]);
    assert_eq!(outcome.price.unwrap().to_string(), "0.2501");
    assert_eq!(outcome.fault, None);
}

#[test]
fn a_source_that_cannot_work_is_refused_before_it_is_asked() {
    let url = "http://127.0.0.1:1";
    let twice = [ticker(url, "good"), ticker(url, "good")];
    let cex = |field: &str, value: &str| {
        let mut fields = json!({
            "type": "cex", "exchange": "x", "url": url, "price": "/last",
        });
        fields[field] = json!(value);
        [source("s", fields)]
    };
    let mut key = json!({"type": "signed", "oracle_id": "a", "url": url, "signer": "abc"});
    let short_key = [source("s", key.clone())];
    key["oracle_id"] = json!("a\nb");
    let two_lines = [source("s", key)];
    let cases: [(&[SourceConfig], &str); 6] = [
        (&twice, "two sources have this name"),
        (&cex("url", "ftp://x"), "`ftp` is not http or https"),
        (&cex("url", "x"), "url: `x`"),
        (&cex("price", "last"), "not a JSON pointer"),
        (&short_key, "64 hexadecimal digits"),
        (&two_lines, "on one line"),
    ];
    for (sources, why) in cases {
        let error = open(sources, TIMEOUT).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
