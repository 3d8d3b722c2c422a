//! The asking side: a chain somewhere else.

use std::time::Duration;

use async_trait::async_trait;
use jsonrpsee_core::client::{ClientT, Error};
use jsonrpsee_core::params::ArrayParams;
use jsonrpsee_http_client::HttpClient;
use serde::Serialize;
use serde::de::DeserializeOwned;
use synor_economics::id::{Address, TxId};
use synor_economics::money::MicroSynor;

use super::methods;
use crate::{
    Chain, ChainError, Cursor, DevControls, Grant, ObservedTransfer, Page, Reorganization,
    Reorganized, SignedTransaction, Soma,
};

/// How long a node may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A chain behind an HTTP endpoint, without TLS. Nothing is retried: every call may be repeated by
/// its caller, who knows for how long.
#[derive(Debug, Clone)]
pub struct RpcChain {
    url: String,
    client: HttpClient,
}

impl RpcChain {
    /// A client for the endpoint, such as `http://127.0.0.1:8080/rpc`. It does not connect yet;
    /// `RpcUnreachable` if it is not an `http` URL.
    pub fn new(url: impl Into<String>) -> Result<Self, ChainError> {
        let url = url.into();
        let built = HttpClient::builder()
            .request_timeout(ANSWER_WITHIN)
            .build(&url);
        match built {
            Ok(client) => Ok(Self { url, client }),
            Err(error) => Err(ChainError::RpcUnreachable {
                url,
                reason: error.to_string(),
            }),
        }
    }

    /// The endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &[&(dyn Param + Sync)],
    ) -> Result<T, ChainError> {
        let mut array = ArrayParams::new();
        for param in params {
            param
                .push(&mut array)
                .map_err(|error| self.unusable(&error))?;
        }
        self.client
            .request(method, array)
            .await
            .map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &Error) -> ChainError {
        match error {
            Error::Call(object) => object
                .data()
                .and_then(|data| serde_json::from_str(data.get()).ok())
                .unwrap_or_else(|| {
                    self.unusable(&format!("{} (code {})", object.message(), object.code()))
                }),
            Error::Transport(source) => self.unreachable(&chain_of(source.as_ref())),
            Error::RequestTimeout => self.unreachable(&"it did not answer in time"),
            other => self.unusable(other),
        }
    }

    fn unreachable(&self, reason: &dyn std::fmt::Display) -> ChainError {
        ChainError::RpcUnreachable {
            url: self.url.clone(),
            reason: reason.to_string(),
        }
    }

    fn unusable(&self, reason: &dyn std::fmt::Display) -> ChainError {
        ChainError::RpcAnswer {
            url: self.url.clone(),
            reason: reason.to_string(),
        }
    }
}

/// Transport errors say what happened only in their sources.
fn chain_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Something that goes into the parameters of a call.
trait Param {
    fn push(&self, array: &mut ArrayParams) -> Result<(), serde_json::Error>;
}

impl<T: Serialize> Param for T {
    fn push(&self, array: &mut ArrayParams) -> Result<(), serde_json::Error> {
        array.insert(self)
    }
}

#[async_trait]
impl Chain for RpcChain {
    async fn submit(&self, tx: SignedTransaction) -> Result<TxId, ChainError> {
        self.ask(methods::SEND_TRANSACTION, &[&tx]).await
    }

    async fn transfer(&self, tx: &TxId) -> Result<Option<ObservedTransfer>, ChainError> {
        self.ask(methods::GET_TRANSACTION, &[tx]).await
    }

    async fn transfers_to(
        &self,
        address: &Address,
        after: Cursor,
        limit: usize,
    ) -> Result<Page<ObservedTransfer>, ChainError> {
        self.ask(methods::GET_TRANSFERS_TO, &[address, &after, &limit])
            .await
    }

    async fn balance(&self, address: &Address) -> Result<Soma, ChainError> {
        self.ask(methods::GET_BALANCE, &[address]).await
    }

    async fn next_nonce(&self, address: &Address) -> Result<u64, ChainError> {
        self.ask(methods::GET_NEXT_NONCE, &[address]).await
    }

    async fn block_count(&self) -> Result<u64, ChainError> {
        self.ask(methods::GET_BLOCK_COUNT, &[]).await
    }

    async fn grant(&self, owner: &Address, spender: &Address) -> Result<Option<Grant>, ChainError> {
        self.ask(methods::GET_GRANT, &[owner, spender]).await
    }

    async fn chain_id(&self) -> Result<String, ChainError> {
        self.ask(methods::GET_CHAIN_ID, &[]).await
    }
}

#[async_trait]
impl DevControls for RpcChain {
    async fn faucet(&self, to: &Address, amount: MicroSynor) -> Result<TxId, ChainError> {
        self.ask(methods::DEV_FAUCET, &[to, &amount]).await
    }

    async fn reorganize(&self, wish: Reorganization) -> Result<Reorganized, ChainError> {
        self.ask(
            methods::DEV_REORGANIZE,
            &[&wish.depth, &wish.drop_all, &wish.drop],
        )
        .await
    }
}
