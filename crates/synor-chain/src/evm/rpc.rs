//! One endpoint of an EVM chain, and the little of Ethereum's JSON-RPC that billing needs.

use std::fmt;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::SolCall;
use jsonrpsee_core::client::{ClientT, Error};
use jsonrpsee_core::params::ArrayParams;
use jsonrpsee_http_client::HttpClient;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::abi::refusal;
use crate::ChainError;

/// How long an endpoint may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// More than the logs of a range of blocks are.
const ANSWER_MAX_BYTES: u32 = 64 * 1024 * 1024;

/// An endpoint. It is named by its host alone: a path or query may be a secret.
#[derive(Clone)]
pub(super) struct Endpoint {
    name: String,
    client: HttpClient,
}

/// A block's header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    pub number: U64,
    pub hash: B256,
    pub parent_hash: B256,
    pub timestamp: U64,
    pub base_fee_per_gas: Option<U256>,
}

/// What a contract told in a block.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    pub address: Address,
    pub topics: Vec<B256>,
    pub data: Bytes,
    pub block_number: U64,
    pub block_hash: B256,
    pub transaction_hash: B256,
    pub log_index: U64,
}

/// Which logs: of one contract, of any of these kinds.
#[derive(Debug, Clone)]
pub(super) struct LogFilter {
    pub address: Address,
    pub kinds: Vec<B256>,
}

/// What became of a transaction in its block.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    pub transaction_hash: B256,
    pub block_number: U64,
    pub block_hash: B256,
    pub status: U64,
    pub contract_address: Option<Address>,
}

/// At which block a state is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    /// A block that is known by its hash.
    Block(B256),
    /// Whatever the endpoint has last.
    Latest,
}

/// A transaction that is tried or estimated before it is signed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Draft {
    pub from: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    pub data: Bytes,
}

impl Endpoint {
    /// A client for a URL. It does not connect yet; `RpcUnreachable` if it is no `http` URL.
    pub(super) fn new(url: &str) -> Result<Self, ChainError> {
        let name = host_of(url);
        let built = HttpClient::builder()
            .request_timeout(ANSWER_WITHIN)
            .max_response_size(ANSWER_MAX_BYTES)
            .build(url);
        match built {
            Ok(client) => Ok(Self { name, client }),
            // The builder's own words repeat the URL.
            Err(_) => Err(ChainError::RpcUnreachable {
                url: name,
                reason: "it is not an http or https URL".to_owned(),
            }),
        }
    }

    /// The host, to be shown.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn chain_id(&self) -> Result<u64, ChainError> {
        let id: U64 = self.ask("eth_chainId", []).await?;
        Ok(id.to())
    }

    /// The last block's header.
    pub(super) async fn head(&self) -> Result<Header, ChainError> {
        let params = [json!("latest"), json!(false)];
        let header: Option<Header> = self.ask("eth_getBlockByNumber", params).await?;
        header.ok_or_else(|| self.unusable("it has no last block"))
    }

    /// The header of a height; `None` above the last block.
    pub(super) async fn header(&self, number: u64) -> Result<Option<Header>, ChainError> {
        let params = [json!(U64::from(number)), json!(false)];
        self.ask("eth_getBlockByNumber", params).await
    }

    /// The logs of a range of blocks, both ends included, in order.
    pub(super) async fn logs(
        &self,
        filter: &LogFilter,
        from: u64,
        to: u64,
    ) -> Result<Vec<Log>, ChainError> {
        let wanted = json!({
            "address": filter.address,
            "topics": [filter.kinds],
            "fromBlock": U64::from(from),
            "toBlock": U64::from(to),
        });
        let mut logs: Vec<Log> = self.ask("eth_getLogs", [wanted]).await?;
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        Ok(logs)
    }

    /// What a contract answers.
    pub(super) async fn call<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        at: At,
    ) -> Result<C::Return, ChainError> {
        let call = json!({"to": to, "data": Bytes::from(call.abi_encode())});
        let data: Bytes = self.ask("eth_call", [call, at.param()]).await?;
        C::abi_decode_returns(&data).map_err(|error| self.unusable(&error.to_string()))
    }

    /// The code at an address.
    pub(super) async fn code(&self, of: Address) -> Result<Bytes, ChainError> {
        self.ask("eth_getCode", [json!(of), json!("latest")]).await
    }

    /// What the code of a contract would be that `from` deploys next.
    pub(super) async fn runtime_of(
        &self,
        from: Address,
        init: &Bytes,
    ) -> Result<Bytes, ChainError> {
        let call = json!({"from": from, "data": init});
        self.ask("eth_call", [call, json!("latest")]).await
    }

    /// How many transactions an address has had in blocks.
    pub(super) async fn nonce(&self, of: Address) -> Result<u64, ChainError> {
        let params = [json!(of), json!("latest")];
        let nonce: U64 = self.ask("eth_getTransactionCount", params).await?;
        Ok(nonce.to())
    }

    /// How many transactions an address has had, with those that wait for a block.
    pub(super) async fn next_nonce(&self, of: Address) -> Result<u64, ChainError> {
        let params = [json!(of), json!("pending")];
        let nonce: U64 = self.ask("eth_getTransactionCount", params).await?;
        Ok(nonce.to())
    }

    /// What a block's maker asks for each unit of gas besides the base fee, in wei.
    pub(super) async fn tip(&self) -> Result<u128, ChainError> {
        let tip: U256 = self.ask("eth_maxPriorityFeePerGas", []).await?;
        u128::try_from(tip).map_err(|_| self.unusable("a tip beyond 128 bits"))
    }

    /// The gas that a transaction will use; `Reverted` if it would be refused.
    pub(super) async fn estimate(&self, draft: &Draft) -> Result<u64, ChainError> {
        let gas: U64 = self.ask("eth_estimateGas", [json!(draft)]).await?;
        Ok(gas.to())
    }

    /// Hands in a signed transaction.
    pub(super) async fn send(&self, raw: &[u8]) -> Result<B256, ChainError> {
        let raw = Bytes::copy_from_slice(raw);
        self.ask("eth_sendRawTransaction", [json!(raw)]).await
    }

    /// What became of a transaction; `None` while it is in no block.
    pub(super) async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        self.ask("eth_getTransactionReceipt", [json!(hash)]).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: impl IntoIterator<Item = Value>,
    ) -> Result<T, ChainError> {
        let mut array = ArrayParams::new();
        for param in params {
            array
                .insert(param)
                .map_err(|error| self.unusable(&error.to_string()))?;
        }
        let answer = self.client.request(method, array).await;
        answer.map_err(|error| self.failure(method, &error))
    }

    fn failure(&self, method: &str, error: &Error) -> ChainError {
        match error {
            Error::Call(object) if is_revert(object.message()) => ChainError::Reverted {
                reason: object
                    .data()
                    .and_then(|data| serde_json::from_str::<Bytes>(data.get()).ok())
                    .map_or_else(|| object.message().to_owned(), |data| refusal(&data)),
            },
            Error::Call(object) => self.unusable(&format!(
                "{method}: {} (code {})",
                short(object.message()),
                object.code()
            )),
            Error::RequestTimeout => self.unreachable("it did not answer in time"),
            // The transport's words may repeat the URL.
            Error::Transport(_) => self.unreachable("the connection failed"),
            Error::ParseError(error) => self.unusable(&format!("{method}: {error}")),
            other => self.unusable(&format!("{method}: {}", short(&other.to_string()))),
        }
    }

    fn unreachable(&self, reason: &str) -> ChainError {
        ChainError::RpcUnreachable {
            url: self.name.clone(),
            reason: reason.to_owned(),
        }
    }

    pub(super) fn unusable(&self, reason: &str) -> ChainError {
        ChainError::RpcAnswer {
            url: self.name.clone(),
            reason: reason.to_owned(),
        }
    }
}

impl At {
    fn param(self) -> Value {
        match self {
            Self::Block(hash) => json!({"blockHash": hash}),
            Self::Latest => json!("latest"),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.name).finish()
    }
}

/// What of a URL may be shown: its scheme, host and port.
fn host_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

fn is_revert(message: &str) -> bool {
    message.contains("execution reverted")
}

fn short(message: &str) -> String {
    message.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_without_its_secrets() {
        for url in [
            "https://user:secret@node.example:8545/v3/secret?key=secret",
            "ftp://node.example:8545/secret",
            "https://node.example:8545#secret",
        ] {
            let shown = match Endpoint::new(url) {
                Ok(endpoint) => format!("{endpoint:?} {}", endpoint.name()),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(shown.contains("node.example:8545"), "{shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
