//! How commands reach the platform: always through its HTTP API, over a server elsewhere, the
//! running server of the data folder, or one that lives as long as the command.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use synor_chain::RpcChain;
use synor_economics::id::AccountId;
use synor_server::Problem;

use crate::args::Global;
use crate::data_folder::{DataFolder, RunningServer};
use crate::error::{error, error_with_help};
use crate::node::Node;

/// How long a command waits for another one that has the folder.
const WAIT_FOR_FOLDER: Duration = Duration::from_secs(30);

/// A connection to the platform.
pub struct Session {
    http: reqwest::Client,
    url: String,
    secret: String,
    account: Option<AccountId>,
    node: Option<Node>,
}

/// The name of the default data folder.
pub const FOLDER: &str = "synor";

impl Session {
    /// Connects as the command line says.
    pub async fn connect(global: &Global) -> anyhow::Result<Self> {
        if let Some(url) = &global.server {
            let Some(key) = &global.api_key else {
                let help = "set SYNOR_API_KEY or pass --api-key";
                return Err(error_with_help("a server elsewhere needs an API key", help));
            };
            let server = RunningServer {
                url: url.trim_end_matches('/').to_owned(),
                secret: key.clone(),
            };
            return Self::to(server, global, None);
        }
        let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
        let started = Instant::now();
        loop {
            if let Some(lock) = folder.lock()? {
                let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let node = Node::start(&folder, lock, Some(anywhere)).await?;
                if let Some(first) = &node.first_key {
                    eprintln!("admin key (shown this once): {}", first.secret);
                }
                return Self::to(node.server.clone(), global, Some(node));
            }
            if let Some(server) = folder.running()
                && is_up(&server.url).await
            {
                return Self::to(server, global, None);
            }
            if started.elapsed() > WAIT_FOR_FOLDER {
                let message = format!("{} is in use by another process", folder.path().display());
                return Err(error_with_help(
                    message,
                    "wait for it to end, or name another --data",
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Connects to a server.
    pub fn to(server: RunningServer, global: &Global, node: Option<Node>) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            url: server.url,
            secret: global.api_key.clone().unwrap_or(server.secret),
            account: global.account.clone(),
            node,
        })
    }

    /// The same connection about another account.
    pub fn about(&self, account: &AccountId) -> Self {
        Self {
            http: self.http.clone(),
            url: self.url.clone(),
            secret: self.secret.clone(),
            account: Some(account.clone()),
            node: None,
        }
    }

    /// Ends a platform that lived for this command, so that nothing is left half-done.
    pub async fn close(self) {
        if let Some(node) = self.node {
            node.stop().await;
        }
    }

    /// The chain, through the server.
    pub fn chain(&self) -> anyhow::Result<RpcChain> {
        Ok(RpcChain::new(format!("{}/rpc", self.url))?)
    }

    /// Reads something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.answer(self.request(Method::GET, path)).await
    }

    /// Reads something that parameters say more about.
    pub async fn get_with<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        self.answer(self.request(Method::GET, path).query(query))
            .await
    }

    /// Where the server is, and the key that this session has there.
    pub fn server(&self) -> (&str, &str) {
        (&self.url, &self.secret)
    }

    /// Opens an answer that is read as it comes. `last_event` is the last message of a stream that
    /// was seen.
    pub async fn open(
        &self,
        path: &str,
        query: &[(&str, String)],
        last_event: Option<&str>,
    ) -> anyhow::Result<Response> {
        let mut request = self.request(Method::GET, path).query(query);
        if let Some(last) = last_event {
            request = request.header("Last-Event-ID", last);
        }
        let response = self.send(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.context("the answer broke off")?;
        Err(refusal(status, &body))
    }

    /// Removes something.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.answer(self.request(Method::DELETE, path)).await
    }

    /// Does something. `key` names the command, so that a retry is not a second one.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        key: Option<&str>,
    ) -> anyhow::Result<T> {
        let mut request = self.request(Method::POST, path).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.answer(request).await
    }

    /// Sends a body as it is.
    pub async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<T> {
        let request = self
            .request(Method::POST, path)
            .header("Content-Type", content_type);
        self.answer(request.body(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(&self.secret);
        match &self.account {
            Some(account) => request.query(&[("account", account.as_str())]),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        request.send().await.map_err(|e| {
            error_with_help(
                format!("cannot reach {}: {}", self.url, without_url(e)),
                "is the server running? `synor serve` starts one",
            )
        })
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = self.send(request).await?;
        let status = response.status();
        let body = response.bytes().await.context("the answer broke off")?;
        if status.is_success() {
            return serde_json::from_slice(&body).context("the server's answer cannot be read");
        }
        Err(refusal(status, &body))
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => told(&problem),
        Err(_) => error(format!("the server answered {status}")),
    }
}

fn without_url(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn is_up(url: &str) -> bool {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build();
    match client {
        Ok(client) => client.get(format!("{url}/healthz")).send().await.is_ok(),
        Err(_) => false,
    }
}

/// A problem document as an error, with the way out where it is known.
fn told(problem: &Problem) -> anyhow::Error {
    let kind = problem.kind.rsplit(':').next().unwrap_or_default();
    let help = match kind {
        "unknown-account" => {
            "`synor admin accounts` lists them; `synor admin open-account ID` opens one"
        }
        "unauthenticated" => "check SYNOR_API_KEY; `synor admin issue-key ACCOUNT` makes a new one",
        "insufficient-balance" => "`synor billing deposit 100 SYNOR` adds to it",
        "invalid-request" if problem.detail.contains("?account=") => {
            return error_with_help(
                "an admin key is for all accounts",
                "name one with --account ID or SYNOR_ACCOUNT; `synor admin accounts` lists them",
            );
        }
        _ => return error(problem.detail.clone()),
    };
    error_with_help(problem.detail.clone(), help)
}

/// A JSON answer's array.
pub fn items(value: &Value) -> Vec<Value> {
    value["items"].as_array().cloned().unwrap_or_default()
}
