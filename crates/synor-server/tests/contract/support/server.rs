//! A whole server over real backends in a folder of its own, and a client that believes nothing:
//! every answer is held against the document before the test sees it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use synor_chain::{Chain, DevChain, DevChainConfig, RpcChain, RpcServer, Soma, Wallet};
use synor_economics::billing::AutoPayPolicy;
use synor_economics::period::Timestamp;
use synor_economics::pricing::PriceList;
use synor_engine::{Clock, Engine, EngineConfig};
use synor_server::{AppState, StreamSide, router};
use synor_store::SqliteStore;
use synor_streams::{
    Lag, PartitionLag, SqliteDeadLetters, StreamProducer, WorkerState, WorkerStatus,
};
use synor_usage::SqliteUsageLog;
use tempfile::TempDir;

use crate::oracle::{self, Said};

use super::document::{Document, Operation, object, text};

/// The server's present, until it is set: 2026-02-03T10:00:00Z.
pub const NOW_SECS: i64 = 1_770_112_800;
/// The secret that makes its sender an admin.
pub const ADMIN: &str = "the-secret-of-this-run";
pub const CHAIN_ID: &str = "synor-dev";
/// Where nothing answers.
const NOWHERE: &str = "http://127.0.0.1:1/rpc";
/// Besides the built-in prices, one that depends on the quantity.
const TIERED: &str = r#"
[[price]]
resource = "network.requests"
dimensions = { region = "eu-central" }
per = "1M requests"
model = "graduated"
free = 1
tiers = [{ up_to = 5, amount = "0.10 SYNOR" }, { amount = "0.05 SYNOR", flat = "0.50 SYNOR" }]
"#;

/// A clock that stands still until it is set.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// A worker that has seen everything.
fn worker_status() -> WorkerStatus {
    WorkerStatus {
        state: WorkerState::SinkAway,
        last_failure: Some("the sink failed".to_owned()),
        lag: Lag {
            partitions: vec![PartitionLag {
                stream: "usage-events".to_owned(),
                partition: 0,
                waiting: Some(7),
                pending: 3,
            }],
            missing: 1,
        },
        ..WorkerStatus::default()
    }
}

pub struct Server {
    pub document: Document,
    pub engine: Arc<Engine>,
    pub chain: Arc<DevChain>,
    pub dead_letters: Arc<SqliteDeadLetters>,
    said: Said,
    clock: Arc<SetClock>,
    base: String,
    client: reqwest::Client,
    seen: Mutex<BTreeSet<(String, u16)>>,
    _stop: tokio::sync::watch::Sender<bool>,
    _folder: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        let said = Arc::new(Mutex::new(["0.25", "0.251", "0.249"]));
        Self::start_on(None, None, Some(said)).await
    }

    /// A server that asks nobody what a SYNOR is worth.
    pub async fn start_without_oracle() -> Self {
        Self::start_on(None, None, None).await
    }

    /// A server that cannot reach its chain. Tests still can.
    pub async fn start_without_chain() -> Self {
        let chain = RpcChain::new(NOWHERE).expect("an address");
        Self::start_on(Some(Arc::new(chain)), None, None).await
    }

    /// A server that sends usage into a stream.
    pub async fn start_before(producer: Arc<dyn StreamProducer>) -> Self {
        Self::start_on(None, Some(producer), None).await
    }

    async fn start_on(
        other_chain: Option<Arc<dyn Chain>>,
        producer: Option<Arc<dyn StreamProducer>>,
        said: Option<Said>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let usage = SqliteUsageLog::open(folder.path().join("usage.db")).expect("a usage log");
        let store = SqliteStore::open(&folder.path().join("book.db")).expect("a book");
        let config = DevChainConfig {
            // A thousand blocks can be taken back; the tests must be over before there are more.
            block_interval: Duration::from_millis(200),
            ..DevChainConfig::default()
        };
        let chain = DevChain::open(folder.path().join("chain.db"), config).expect("a chain");
        let chain = Arc::new(chain);
        let prices = PriceList::built_in().expect("the built-in prices");
        let prices = PriceList::parse(&format!("{}{TIERED}", prices.text()));
        let clock = Arc::new(SetClock(AtomicI64::new(NOW_SECS)));
        let engine = Engine::new(
            Arc::new(usage),
            Arc::new(store),
            other_chain.unwrap_or_else(|| chain.clone()),
            clock.clone(),
            Wallet::development(CHAIN_ID, "billing"),
            EngineConfig {
                auto_pay: AutoPayPolicy {
                    lead_secs: 0,
                    ..AutoPayPolicy::default()
                },
                oracle: said.as_ref().map(oracle::config),
                ..EngineConfig::default()
            },
            prices.expect("prices"),
        );
        let engine = Arc::new(engine.await.expect("an engine"));
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let letters = SqliteDeadLetters::open(folder.path().join("dead-letters.db"));
        let dead_letters = Arc::new(letters.expect("dead letters"));
        let (worker, status) = tokio::sync::watch::channel(worker_status());
        // What it said last stays readable.
        drop(worker);
        let stream = StreamSide {
            url: Some("redis://cache:6379/usage-events".parse().expect("a URL")),
            producer,
            worker: Some(status),
            dead_letters: Some(dead_letters.clone()),
        };
        let state = AppState {
            engine: Arc::clone(&engine),
            rpc: Arc::new(RpcServer::for_development(chain.clone())),
            local_secret: ADMIN.into(),
            stopping,
            operator: Arc::default(),
            intake: Arc::default(),
            stream,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(async move { axum::serve(listener, router(state)).await });
        Self {
            document: Document::read(),
            engine,
            chain,
            clock,
            base,
            client: reqwest::Client::new(),
            dead_letters,
            said: said.unwrap_or_default(),
            seen: Mutex::default(),
            _stop: stop,
            _folder: folder,
        }
    }

    /// Lets it be this many seconds later than [`NOW_SECS`].
    pub fn set_later(&self, secs: i64) {
        self.clock.0.store(NOW_SECS + secs, Ordering::SeqCst);
    }

    /// Where a path is.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Lets the oracle's three sources say these prices.
    pub fn say(&self, prices: [&'static str; 3]) {
        *self.said.lock().expect("what is said") = prices;
    }

    /// A call of an operation, without a key.
    pub fn call(&self, operation: &str) -> Call<'_> {
        Call {
            server: self,
            operation: self.document.operation(operation).clone(),
            scheme: "Bearer",
            key: None,
            path: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            is_malformed: false,
        }
    }

    /// The same, as an admin.
    pub fn admin(&self, operation: &str) -> Call<'_> {
        self.call(operation).key(ADMIN)
    }

    /// A request that the document does not know.
    pub async fn raw(&self, method: &str, path: &str) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.base));
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("a problem document"))
    }

    /// Opens an account and returns its key.
    pub async fn open_account(&self, account: &str) -> String {
        let new = json!({ "account_id": account });
        self.admin("openAccount").json(&new).expect(201).await;
        let key = self.admin("createApiKey").path("id", account);
        let key = key.json(&json!({ "label": "dashboard" })).expect(201).await;
        text(&key["secret"]).to_owned()
    }

    /// A wallet with this many SYNOR from the faucet, in a block.
    pub async fn wallet(&self, name: &str, synor: u64) -> Wallet {
        let wallet = Wallet::development(CHAIN_ID, name);
        let params = json!({
            "address": wallet.address(),
            "amount_micro_synor": synor * 1_000_000,
        });
        self.rpc("synor_devFaucet", params).await;
        self.chain.mine(1).await.expect("a block");
        wallet
    }

    /// The result of a call to the chain.
    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.call("callChain").json(&request).expect(200).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// A signed transfer of what a payment request asks for.
    pub async fn transfer(&self, wallet: &Wallet, request: &Value) -> Value {
        let micro = request["amount_micro_synor"].as_u64().expect("an amount");
        self.transfer_of(wallet, request, micro, text(&request["reference"]))
            .await
    }

    /// A signed transfer to the billing address.
    pub async fn transfer_of(
        &self,
        wallet: &Wallet,
        request: &Value,
        micro_synor: u64,
        memo: &str,
    ) -> Value {
        let nonce = self.chain.next_nonce(wallet.address()).await;
        let to = text(&request["pay_to"]).parse().expect("an address");
        let amount = Soma::new(micro_synor * 100);
        let signed = wallet.sign_transfer(CHAIN_ID, nonce.expect("a nonce"), &to, amount, memo);
        serde_json::to_value(signed.expect("a signature")).expect("JSON")
    }

    /// A signed grant to the billing address.
    pub async fn grant(&self, wallet: &Wallet, synor: u64) -> Value {
        let nonce = self.chain.next_nonce(wallet.address()).await;
        let limit = Soma::new(synor * 100_000_000);
        let spender = self.engine.pay_to();
        let signed = wallet.sign_grant(CHAIN_ID, nonce.expect("a nonce"), spender, limit, limit);
        serde_json::to_value(signed.expect("a signature")).expect("JSON")
    }

    /// Makes blocks until every payment counts, and lets the books follow.
    pub async fn confirm(&self) {
        self.chain.mine(101).await.expect("blocks");
        self.engine.follow_chain().await.expect("the chain");
    }

    /// Fails if the document promises an answer that was never given.
    pub fn assert_all_seen(&self, except: impl Fn(&Operation, u16) -> bool) {
        let seen = self.seen.lock().expect("the list");
        let mut unseen = Vec::new();
        for operation in self.document.operations() {
            for status in self.document.responses(operation).into_keys() {
                let key = (operation.id.clone(), status);
                if !seen.contains(&key) && !except(operation, status) {
                    unseen.push(format!("{} {status}", operation.id));
                }
            }
        }
        assert!(unseen.is_empty(), "documented, never answered: {unseen:#?}");
    }
}

/// A request on its way.
pub struct Call<'s> {
    server: &'s Server,
    operation: Operation,
    scheme: &'static str,
    key: Option<String>,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<(String, Vec<u8>)>,
    is_malformed: bool,
}

impl Call<'_> {
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// How the key is announced.
    pub fn scheme(mut self, scheme: &'static str) -> Self {
        self.scheme = scheme;
        self
    }

    pub fn path(mut self, name: &str, value: &str) -> Self {
        self.path.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn account(self, account: &str) -> Self {
        self.query("account", account)
    }

    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some((content_type.to_owned(), body.into()));
        self
    }

    /// The body is not what the document asks for, though the answer will not be a problem.
    pub fn malformed(mut self) -> Self {
        self.is_malformed = true;
        self
    }

    /// Sends it, and wants this status and an answer as documented.
    pub async fn expect(self, status: u16) -> Value {
        let what = format!("{} {:?} {:?}", self.operation.id, self.path, self.query);
        let (got, body) = self.send().await;
        assert_eq!(got, status, "{what}: {body:#}");
        body
    }

    /// Sends it, and wants this status and kind of problem.
    pub async fn problem(self, status: u16, kind: &str) -> Value {
        let what = format!("{} {:?} {:?}", self.operation.id, self.path, self.query);
        let (got, body) = self.send().await;
        assert_eq!(got, status, "{what}: {body:#}");
        assert_eq!(body["type"], format!("urn:synor:problem:{kind}"), "{what}");
        body
    }

    /// Sends it, and wants an answer as documented.
    pub async fn send(self) -> (u16, Value) {
        let url = format!(
            "{}{}",
            self.server.base,
            self.operation.path_with(&self.path)
        );
        let method = self.operation.method.to_uppercase();
        let method = method.parse().expect("a method");
        let mut request = self.server.client.request(method, url).query(&self.query);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("{} {key}", self.scheme));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some((content_type, body)) = &self.body {
            request = request
                .header(CONTENT_TYPE, content_type)
                .body(body.clone());
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let header = |name| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().expect("a header").to_owned())
        };
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        if status == 401 {
            assert_eq!(header(WWW_AUTHENTICATE).as_deref(), Some("Bearer"));
        }
        if status == 429 {
            let secs = header(RETRY_AFTER).and_then(|secs| secs.parse::<u64>().ok());
            assert!(secs.is_some_and(|secs| secs > 0), "when to try again");
        }
        let bytes = answer.bytes().await.expect("a body");
        if status < 300 && !self.is_malformed {
            self.check_request();
        }
        let body = self.check_answer(status, &content_type, &bytes);
        let seen = (self.operation.id.clone(), status);
        self.server.seen.lock().expect("the list").insert(seen);
        (status, body)
    }

    /// What was accepted must be documented.
    fn check_request(&self) {
        let (document, id) = (&self.server.document, &self.operation.id);
        let parameters = document.parameters(&self.operation);
        let headers = self.headers.iter().map(|(name, value)| (*name, value));
        let given = self.path.iter().chain(&self.query);
        for (name, value) in given.map(|(n, v)| (n.as_str(), v)).chain(headers) {
            let known = parameters.get(name);
            let known = known.unwrap_or_else(|| panic!("{id} has no parameter {name}"));
            let as_text = document.violations(&known["schema"], &json!(value));
            let as_number = serde_json::from_str(value);
            let fits = as_text.is_empty()
                || as_number.is_ok_and(|n| document.violations(&known["schema"], &n).is_empty());
            assert!(fits, "{id} took {name}={value}: {as_text:#?}");
        }
        let Some((content_type, body)) = &self.body else {
            return;
        };
        let content = document.request_content(&self.operation);
        let content = content.unwrap_or_else(|| panic!("{id} takes no body"));
        let media = content.get(content_type);
        let media = media.unwrap_or_else(|| panic!("{id} takes no {content_type}"));
        let body = read(content_type, body);
        let schema = document.resolve(&media["schema"]);
        let mut wrong = document.violations(schema, &body);
        if let (Some(of_line), Some(text)) = (schema.get("contentSchema"), body.as_str()) {
            for line in text.lines() {
                let line = read("application/json", line.as_bytes());
                wrong.extend(document.violations(of_line, &line));
            }
        }
        assert!(wrong.is_empty(), "{id} took {body:#}: {wrong:#?}");
    }

    fn check_answer(&self, status: u16, content_type: &str, bytes: &[u8]) -> Value {
        let (document, id) = (&self.server.document, &self.operation.id);
        let responses = document.responses(&self.operation);
        let shown = String::from_utf8_lossy(bytes);
        let Some(response) = responses.get(&status) else {
            panic!("{id} answers {status}, which is not documented: {shown}");
        };
        let content_type = content_type.split(';').next().unwrap_or_default();
        if response.get("content").is_none() && bytes.is_empty() {
            return Value::Null;
        }
        let Some(media) = object(&response["content"]).get(content_type) else {
            panic!("{id} answers {status} as `{content_type}`, which is not documented: {shown}");
        };
        let body = read(content_type, bytes);
        let wrong = document.violations(&media["schema"], &body);
        assert!(wrong.is_empty(), "{id} {status}: {wrong:#?}\n{body:#}");
        if status >= 400 {
            assert_eq!(body["status"], status, "{id}: {body:#}");
            let kind = text(&body["type"]).rsplit(':').next().unwrap_or_default();
            let told = text(&response["description"]).contains(&format!("`{kind}`"));
            assert!(told, "{id} {status} does not tell of `{kind}`: {body:#}");
        }
        body
    }
}

/// A body as a value: JSON where it is, otherwise its text.
fn read(content_type: &str, bytes: &[u8]) -> Value {
    if content_type.ends_with("json") && content_type != "application/x-ndjson" {
        serde_json::from_slice(bytes).expect("JSON")
    } else {
        Value::String(String::from_utf8_lossy(bytes).into_owned())
    }
}
