//! What the server counts, told as Prometheus reads it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::server::Server;
use crate::usage::{event, ingest};
use crate::{ACME, BETA};

/// Every sample by its name and labels.
async fn samples(server: &Server) -> BTreeMap<String, f64> {
    let text = server.call("getMetrics").expect(200).await;
    let text = text.as_str().expect("text");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a sample");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

#[tokio::test]
async fn requests_events_and_progress_are_counted() {
    let server = Server::start().await;
    let acme = server.open_account(ACME).await;
    let used = event("network.egress", "1", ACME, "2026-01-10T00:00:00Z", 1, "GB");
    let of_nobody = event("network.egress", "2", BETA, "2026-01-10T00:00:00Z", 1, "GB");
    ingest(&server, std::slice::from_ref(&used)).await;
    ingest(&server, &[used, of_nobody]).await;
    for _ in 0..3 {
        server.call("getBalance").key(&acme).expect(200).await;
    }
    server.raw("GET", "/api/v1/nothing").await;
    server.raw("GET", "/api/v1/nothing-else").await;
    server.engine.close_due().await.expect("nothing is due");

    let samples = samples(&server).await;
    let of = |name: &str| {
        *samples
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {samples:#?}"))
    };
    assert_eq!(of("synor_events_accepted_total"), 1.0);
    assert_eq!(of("synor_events_duplicate_total"), 1.0);
    assert_eq!(of("synor_events_rejected_total"), 1.0);
    assert_eq!(of("synor_usage_log_position"), 1.0);
    let balance = r#"method="GET",route="/api/v1/billing/balance",status="200""#;
    assert_eq!(of(&format!("synor_http_requests_total{{{balance}}}")), 3.0);
    let nowhere = r#"method="GET",route="none",status="404""#;
    assert_eq!(of(&format!("synor_http_requests_total{{{nowhere}}}")), 2.0);
    let latency = r#"synor_http_request_seconds_count{route="/api/v1/billing/balance"}"#;
    assert_eq!(of(latency), 3.0);
    for part in ["book", "usage_log", "chain"] {
        assert_eq!(of(&format!("synor_up{{part=\"{part}\"}}")), 1.0);
    }
    assert!(of("synor_book_commits") >= 2.0, "an account and its key");
    let partition = r#"synor_stream_waiting_records{stream="usage-events",partition="0"}"#;
    assert_eq!(of(partition), 7.0);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        of(&format!("synor_build_info{{version=\"{version}\"}}")),
        1.0
    );
    let told: Vec<_> = samples.keys().filter(|name| name.contains(ACME)).collect();
    assert_eq!(json!(told), json!([]), "metrics tell of no account");
}

#[tokio::test]
async fn a_job_that_fails_is_told() {
    let server = Server::start_without_chain().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let jobs = tokio::spawn(server.engine.clone().run_jobs(stopped));
    let failures = r#"synor_job_failures{job="follow chain"}"#;
    let samples = loop {
        let samples = samples(&server).await;
        if samples.get(failures).is_some_and(|count| *count > 0.0) {
            break samples;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let success = r#"synor_job_last_success_timestamp_seconds{job="follow chain"}"#;
    assert_eq!(samples[success], 0.0, "it never ended well");
    assert_eq!(samples[r#"synor_up{part="chain"}"#], 0.0);
    stop.send(true).expect("the jobs");
    jobs.await.expect("they stop");
}
