//! What is counted while requests are served: a look-up and two additions a request, and three
//! additions a batch of events.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use synor_engine::Ingested;

use super::collect::Standing;
use crate::ingest::Intake;
use crate::state::AppState;

/// Upper ends of the buckets of latencies, in seconds.
const LATENCIES: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// The route of requests that none matched. What they asked for would be labels without end.
const NO_ROUTE: &str = "none";

type Labels<const N: usize> = [(&'static str, String); N];

/// What became of events that came in over HTTP.
#[derive(Debug, Default)]
pub(crate) struct EventCounts {
    accepted: Counter,
    duplicate: Counter,
    rejected: Counter,
}

impl EventCounts {
    /// Adds what became of a batch.
    pub fn add(&self, ingested: &Ingested) {
        let count = |len| u64::try_from(len).unwrap_or(u64::MAX);
        self.accepted.inc_by(ingested.accepted);
        self.duplicate.inc_by(count(ingested.duplicates.len()));
        self.rejected.inc_by(count(ingested.rejected.len()));
    }

    fn register(&self, registry: &mut Registry) {
        for (outcome, counter) in [
            ("accepted", &self.accepted),
            ("duplicate", &self.duplicate),
            ("rejected", &self.rejected),
        ] {
            registry.register(
                format!("events_{outcome}"),
                format!("Usage events that came in over HTTP and were {outcome}"),
                counter.clone(),
            );
        }
    }
}

/// Everything that `/metrics` tells.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    latencies: Family<Labels<1>, Histogram>,
    standing: Standing,
}

impl Metrics {
    /// Nothing counted yet, besides what the intake has.
    pub fn new(intake: &Intake) -> Self {
        let mut registry = Registry::with_prefix("synor");
        registry.register(
            "build",
            "What runs here",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let requests = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        let latencies = Family::new_with_constructor((|| Histogram::new(LATENCIES)) as fn() -> _);
        registry.register(
            "http_request_seconds",
            "How long requests took until their answer began",
            latencies.clone(),
        );
        intake.taken.register(&mut registry);
        let standing = Standing::register(&mut registry);
        Self {
            registry,
            requests,
            latencies,
            standing,
        }
    }

    fn note(&self, method: String, route: String, status: u16, seconds: f64) {
        let latency = self
            .latencies
            .get_or_create_owned(&[("route", route.clone())]);
        latency.observe(seconds);
        let labels = [
            ("method", method),
            ("route", route),
            ("status", status.to_string()),
        ];
        self.requests.get_or_create_owned(&labels).inc();
    }

    /// Looks at where things stand, and writes everything as OpenMetrics text.
    pub async fn text(&self, state: &AppState) -> Result<String, std::fmt::Error> {
        self.standing.look(state).await;
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Counts a request and how long it took, under the route that it matched.
pub async fn measure(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let began = Instant::now();
    let response = next.run(request).await;
    let (took, status) = (began.elapsed(), response.status().as_u16());
    tracing::debug!(%method, route, status, took_us = took.as_micros(), "request");
    // Methods that HTTP does not know would be labels without end, too.
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    };
    metrics.note(method.to_owned(), route, status, took.as_secs_f64());
    response
}
