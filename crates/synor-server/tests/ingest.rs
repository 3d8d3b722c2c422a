//! Bodies of events as they come over the wire: compressed, too large, too many at once, and lines
//! that are taken in as they arrive.

use std::sync::Arc;

use axum::body::Bytes;
use reqwest::StatusCode;
use serde_json::{Value, json};
use synor_chain::{DevChain, DevChainConfig, RpcServer, Wallet};
use synor_economics::pricing::PriceList;
use synor_engine::{Engine, EngineConfig, NewAccount, SystemClock};
use synor_server::{AppState, IngestConfig, Intake, router};
use synor_store::SqliteStore;
use synor_usage::import::Meters;
use synor_usage::{SqliteUsageLog, UsageLog};

const BATCH: &str = "application/cloudevents-batch+json";
const LINES: &str = "application/x-ndjson";

struct Server {
    url: String,
    client: reqwest::Client,
    usage: Arc<SqliteUsageLog>,
    intake: Arc<Intake>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start(config: IngestConfig, meters: Meters) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        let usage = Arc::new(SqliteUsageLog::open(file("usage.db")).expect("a log"));
        let store = Arc::new(SqliteStore::open(&file("book.db")).expect("a book"));
        let chain = DevChain::open(file("chain.db"), DevChainConfig::default()).expect("a chain");
        let chain = Arc::new(chain);
        let engine = Engine::new(
            Arc::<SqliteUsageLog>::clone(&usage),
            store,
            Arc::<DevChain>::clone(&chain),
            Arc::new(SystemClock),
            Wallet::development("synor-dev", "billing"),
            EngineConfig::default(),
            PriceList::built_in().expect("prices"),
        );
        let engine = Arc::new(engine.await.expect("an engine"));
        let account = NewAccount {
            account_id: "acme".parse().expect("an id"),
            name: None,
            time_zone: "UTC".parse().expect("a zone"),
        };
        engine.open_account(account).await.expect("an account");
        let intake = Arc::new(Intake::new(config, meters));
        let state = AppState {
            engine,
            rpc: Arc::new(RpcServer::for_development(chain)),
            local_secret: "admin".into(),
            stopping: tokio::sync::watch::channel(false).1,
            operator: Arc::default(),
            intake: Arc::clone(&intake),
            stream: synor_server::StreamSide::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router(state)).await });
        Self {
            url: format!("http://{address}/api/v1/events"),
            client: reqwest::Client::new(),
            usage,
            intake,
            _folder: folder,
        }
    }

    async fn send(
        &self,
        media: &str,
        encoding: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let request = self.client.post(&self.url).bearer_auth("admin");
        let mut request = request.header("Content-Type", media).body(body);
        if let Some(encoding) = encoding {
            request = request.header("Content-Encoding", encoding);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.json().await.unwrap_or_default())
    }
}

fn line(id: usize) -> String {
    json!({ "account": "acme", "service": "network", "resource": "egress", "quantity": 5,
        "time": "2026-01-05T00:00:00Z", "source": "s", "id": id.to_string() })
    .to_string()
}

fn event(id: usize) -> Value {
    json!({ "specversion": "1.0", "type": "network.egress", "source": "n", "id": id.to_string(),
        "subject": "acme", "time": "2026-01-05T00:00:00Z", "data": { "quantity": 1 } })
}

fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(text).expect("memory");
    writer.finish().expect("memory")
}

#[tokio::test]
async fn compressed_bodies_are_read_and_bombs_are_not() {
    let config = IngestConfig {
        body_max_bytes: 1 << 20,
        ..IngestConfig::default()
    };
    let server = Server::start(config, Meters::NONE).await;
    let body = json!([event(1), event(2)]).to_string();
    let (status, answer) = server
        .send(BATCH, Some("gzip"), gzip(body.as_bytes()))
        .await;
    assert_eq!((status.as_u16(), &answer["accepted"]), (200, &json!(2)));
    let zstd = zstd::encode_all(body.as_bytes(), 0).expect("memory");
    let (status, answer) = server.send(BATCH, Some("zstd"), zstd).await;
    assert_eq!((status.as_u16(), &answer["duplicate"]), (200, &json!(2)));
    let (status, _) = server.send(BATCH, Some("gzip"), body.clone()).await;
    assert_eq!(status, 400, "not gzip at all");
    // 64 MiB of spaces in some 64 kB.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 17);
    let (status, _) = server.send(BATCH, Some("gzip"), bomb).await;
    assert_eq!(status, 413);
    server
        .intake
        .reserve(256 << 20)
        .expect("all room is given back");
}

#[tokio::test]
async fn lines_are_taken_in_as_they_arrive() {
    let server = Server::start(IngestConfig::default(), Meters::NONE).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let pieces = futures_util::stream::unfold(receiver, async |mut receiver| {
        let piece: Bytes = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), receiver))
    });
    let body = reqwest::Body::wrap_stream(pieces);
    let feed = async {
        let many: String = (0..9_000).map(|n| line(n) + "\n").collect();
        sender.send(many.into()).await.expect("a reader");
        // Durable before the body has come to its end.
        while server.usage.position().await.expect("a position") < 9_000 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let long = format!("{{\"x\":\"{}\"}}\nnonsense\n", "x".repeat(2 << 20));
        sender.send(long.into()).await.expect("a reader");
        sender.send(line(9_000).into()).await.expect("a reader");
        drop(sender);
    };
    let (_, (status, answer)) = tokio::join!(feed, server.send(LINES, None, body));
    assert_eq!(status, 200, "{answer}");
    let counts = ["accepted", "duplicate", "rejected", "omitted"].map(|name| &answer[name]);
    assert_eq!(counts, [9_001, 0, 2, 0]);
    let results = answer["results"].as_array().expect("results");
    let places: Vec<_> = results.iter().map(|r| (&r["index"], &r["line"])).collect();
    let (long, nonsense) = ((json!(9_000), json!(9_001)), (json!(9_001), json!(9_002)));
    assert_eq!(places, [(&long.0, &long.1), (&nonsense.0, &nonsense.1)]);
}

#[tokio::test]
async fn beyond_its_room_the_server_asks_to_come_later() {
    let config = IngestConfig {
        body_max_bytes: 1 << 20,
        in_flight_max_bytes: 1 << 20,
        ..IngestConfig::default()
    };
    let server = Server::start(config, Meters::NONE).await;
    let body = json!([event(1)]).to_string();
    let room = server.intake.reserve(1 << 20).expect("room");
    let (status, problem) = server.send(BATCH, None, body.clone()).await;
    assert_eq!(status, 429, "{problem}");
    assert_eq!(problem["type"], "urn:synor:problem:overloaded");
    drop(room);
    let (status, _) = server.send(BATCH, None, body).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn an_operators_meters_make_usage_of_other_events() {
    let meters = "[api-calls]\ntype = 'request'\nresource = 'network.requests'\nquantity = 1\n\
                  dimensions = {region = '$.region', plan = '$.user.plan'}\n\
                  [tokens]\ntype = 'ai.tokens'\nresource = 'compute.invocations'\n\
                  value = '$.usage.total'";
    let meters = Meters::new(toml::from_str(meters).expect("TOML")).expect("meters");
    let server = Server::start(IngestConfig::default(), meters).await;
    let sent = |kind: &str, id: &str, data: Value| {
        json!({ "specversion": "1.0", "type": kind, "source": "app", "id": id, "subject": "acme",
            "data": data })
    };
    let body = json!([
        sent(
            "request",
            "1",
            json!({ "region": "eu", "user": { "plan": "pro" }, "ms": 1.5 })
        ),
        sent("request", "2", Value::Null),
        sent("ai.tokens", "3", json!({ "usage": { "total": 1234 } })),
        sent("ai.tokens", "4", json!({ "usage": { "total": "56" } })),
        sent("ai.tokens", "5", json!({ "usage": {} })),
        sent("ai.tokens", "6", json!({ "usage": { "total": 1.5 } })),
        sent("other", "7", json!({})),
        event(8),
    ]);
    let (status, answer) = server.send(BATCH, None, body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["accepted"], 5, "{answer}");
    let results = answer["results"].as_array().expect("results");
    let ids: Vec<_> = results.iter().map(|r| &r["id"]).collect();
    assert_eq!(ids, ["5", "6", "7"]);
    let query = synor_usage::EventQuery::all("acme".parse().expect("an id"));
    let events = server.usage.events(query).await.expect("events").items;
    let first = &events[0].event;
    assert_eq!(first.resource.to_string(), "network.requests");
    let dimensions: Vec<_> = first
        .dimensions
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(dimensions, ["plan=pro", "region=eu"]);
    let quantities: Vec<_> = events.iter().map(|e| e.event.quantity.get()).collect();
    assert_eq!(quantities, [1, 1, 1234, 56, 1]);
}
