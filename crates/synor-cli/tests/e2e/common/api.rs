//! The HTTP API as a client sees it.

use std::future::Future;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use synor_chain::{Chain, DevControls, RpcChain, Soma, Wallet};
use synor_economics::money::MicroSynor;
use tokio::runtime::Runtime;

use super::{text, wait_until};

/// A client of a server.
pub struct Api {
    runtime: Runtime,
    client: reqwest::Client,
    url: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub body: Value,
}

impl Reply {
    /// The body, if the status is this.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.body
    }

    /// Wants a problem document (RFC 9457) of this kind that names all of these.
    pub fn problem(self, status: u16, kind: &str, naming: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.content_type, "application/problem+json", "{self:?}");
        let kind = format!("urn:synor:problem:{kind}");
        assert_eq!(self.body["type"], kind.as_str(), "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        assert!(!text(&self.body["title"]).is_empty(), "{self:?}");
        let detail = text(&self.body["detail"]);
        for name in naming {
            assert!(detail.contains(name), "no `{name}` in {self:?}");
        }
    }
}

impl Api {
    pub fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        Self {
            runtime: runtime.unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: url.to_owned(),
        }
    }

    pub fn get(&self, key: &str, path: &str) -> Reply {
        self.wait(self.call(Method::GET, path, Some(key), &[], None))
    }

    pub fn post(&self, key: &str, path: &str, body: &Value) -> Reply {
        self.wait(self.post_later(key, path, body, None))
    }

    pub fn post_once(&self, key: &str, path: &str, body: &Value, name: &str) -> Reply {
        self.wait(self.post_later(key, path, body, Some(name)))
    }

    /// The answer to a command that nothing speaks against, unless the server is gone meanwhile.
    pub fn try_post_once(&self, key: &str, path: &str, body: &Value, name: &str) -> Option<Value> {
        let url = format!("{}/api/v1{path}", self.url);
        let request = self.client.post(url).bearer_auth(key).json(body);
        let request = request.header("Idempotency-Key", name);
        self.wait(async {
            let answer = request.send().await.ok()?;
            let status = answer.status();
            let body: Value = answer.json().await.ok()?;
            assert!(status.is_success(), "{status}: {body}");
            Some(body)
        })
    }

    /// A request that is sent when it is waited for.
    pub fn post_later(
        &self,
        key: &str,
        path: &str,
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> impl Future<Output = Reply> + Send + use<> {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(idempotency_key.map(|name| ("Idempotency-Key", name)));
        let body = body.to_string();
        self.call(Method::POST, path, Some(key), &headers, Some(body))
    }

    pub fn post_text(&self, key: &str, path: &str, content_type: &str, body: &str) -> Reply {
        let headers = [("Content-Type", content_type)];
        let body = body.to_owned();
        self.wait(self.call(Method::POST, path, Some(key), &headers, Some(body)))
    }

    /// Without a key.
    pub fn anonymous(&self, method: Method, path: &str) -> Reply {
        self.wait(self.call(method, path, None, &[], None))
    }

    pub fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> impl Future<Output = Reply> + Send + use<> {
        let url = format!("{}/api/v1{path}", self.url);
        let mut request = self.client.request(method, url);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        async move {
            let answer = request.send().await.unwrap();
            let content_type = answer.headers().get(CONTENT_TYPE).unwrap();
            Reply {
                status: answer.status().as_u16(),
                content_type: content_type.to_str().unwrap().to_owned(),
                body: answer.json().await.unwrap(),
            }
        }
    }

    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// All at once, answers in the order of the requests.
    pub fn wait_all<T, F>(&self, futures: impl IntoIterator<Item = F>) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let started: Vec<_> = futures
            .into_iter()
            .map(|future| self.runtime.spawn(future))
            .collect();
        started
            .into_iter()
            .map(|task| self.wait(task).unwrap())
            .collect()
    }

    pub fn chain(&self) -> RpcChain {
        RpcChain::new(format!("{}/rpc", self.url)).unwrap()
    }

    /// A wallet with this many SYNOR from the faucet, in a block.
    pub fn wallet(&self, name: &str, synor: i64) -> Wallet {
        let chain = self.chain();
        self.wait(async {
            let wallet = Wallet::development(&chain.chain_id().await.unwrap(), name);
            let amount = MicroSynor::new(synor * 1_000_000);
            let tx = chain.faucet(wallet.address(), amount).await.unwrap();
            loop {
                let seen = chain.transfer(&tx).await.unwrap();
                if seen.is_some_and(|t| t.confirmations > 0) {
                    return wallet;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
    }

    /// What an address holds, in the chain's smallest unit.
    pub fn soma_of(&self, wallet: &Wallet) -> u64 {
        let balance = self.wait(self.chain().balance(wallet.address())).unwrap();
        serde_json::from_value(json!(balance)).unwrap()
    }

    /// A signed transfer of what a payment request asks for.
    pub fn transfer(&self, wallet: &Wallet, request: &Value) -> Value {
        let chain = self.chain();
        self.wait(async {
            let amount: MicroSynor =
                serde_json::from_value(request["amount_micro_synor"].clone()).unwrap();
            let signed = wallet.sign_transfer(
                &chain.chain_id().await.unwrap(),
                chain.next_nonce(wallet.address()).await.unwrap(),
                &text(&request["pay_to"]).parse().unwrap(),
                Soma::from_micro(amount).unwrap(),
                text(&request["reference"]),
            );
            json!(signed.unwrap())
        })
    }

    /// A signed grant of so many SYNOR, at once and in all, to the platform.
    pub fn grant(&self, key: &str, wallet: &Wallet, synor: i64) -> Value {
        let spender = self.get(key, "/billing/auto-pay").expect(200)["spender"].clone();
        let chain = self.chain();
        self.wait(async {
            let limit = Soma::from_micro(MicroSynor::new(synor * 1_000_000)).unwrap();
            let signed = wallet.sign_grant(
                &chain.chain_id().await.unwrap(),
                chain.next_nonce(wallet.address()).await.unwrap(),
                &text(&spender).parse().unwrap(),
                limit,
                limit,
            );
            json!(signed.unwrap())
        })
    }

    /// Waits until an invoice has this status.
    pub fn wait_for_status(&self, key: &str, invoice: &str, status: &str) -> Value {
        let path = format!("/billing/invoices/{invoice}");
        wait_until(&format!("{invoice} is {status}"), || {
            let found = self.get(key, &path).expect(200);
            (found["status"] == status).then_some(found)
        })
    }
}
