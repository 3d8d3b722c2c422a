//! Several endpoints that have to tell the same: one that lies is found out, one that lags is waited
//! for.

use alloy_primitives::{Address, U64};
use alloy_sol_types::SolCall;

use super::rpc::{At, Endpoint, Header, Log, LogFilter};
use crate::ChainError;

/// One or more endpoints of one chain.
#[derive(Debug, Clone)]
pub(super) struct Endpoints {
    all: Vec<Endpoint>,
}

impl Endpoints {
    /// Clients for some URLs; `Unsupported` if there are none.
    pub(super) fn new(urls: &[String]) -> Result<Self, ChainError> {
        let all: Vec<Endpoint> = urls
            .iter()
            .map(|url| Endpoint::new(url))
            .collect::<Result<_, _>>()?;
        if all.is_empty() {
            let what = "a chain without an endpoint".to_owned();
            return Err(ChainError::Unsupported { what });
        }
        Ok(Self { all })
    }

    /// The one that is asked where nothing is to be compared.
    pub(super) fn first(&self) -> &Endpoint {
        &self.all[0]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        self.all.iter()
    }

    /// The chain's number, which must be the same everywhere.
    pub(super) async fn chain_id(&self) -> Result<u64, ChainError> {
        let mut answers = Vec::new();
        for endpoint in &self.all {
            answers.push(endpoint.chain_id().await?);
        }
        self.same("the chain's number", answers)
    }

    /// The last block that every endpoint has: the lowest of their last ones. All must have the same
    /// block at that height.
    pub(super) async fn head(&self) -> Result<Header, ChainError> {
        let mut heads = Vec::new();
        for endpoint in &self.all {
            heads.push(endpoint.head().await?);
        }
        let Some(lowest) = heads.iter().map(|head| head.number).min() else {
            return Err(self.first().unusable("there is no last block"));
        };
        if heads.iter().all(|head| *head == heads[0]) {
            return Ok(heads.swap_remove(0));
        }
        self.header(lowest.to()).await
    }

    /// The header at a height that every endpoint has reached.
    pub(super) async fn header(&self, number: u64) -> Result<Header, ChainError> {
        let mut answers = Vec::new();
        for endpoint in &self.all {
            let header = endpoint.header(number).await?;
            let header = header.filter(|header| header.number == U64::from(number));
            // Behind a balancer, a block that was there a moment ago may be gone.
            let none = || endpoint.unusable(&format!("it has no block {number}"));
            answers.push(header.ok_or_else(none)?);
        }
        self.same(&format!("block {number}"), answers)
    }

    /// The logs of a range of blocks, both ends included.
    pub(super) async fn logs(
        &self,
        filter: &LogFilter,
        from: u64,
        to: u64,
    ) -> Result<Vec<Log>, ChainError> {
        let mut answers = Vec::new();
        for endpoint in &self.all {
            answers.push(endpoint.logs(filter, from, to).await?);
        }
        self.same(&format!("the payments of blocks {from} to {to}"), answers)
    }

    /// What a contract answers at a block.
    pub(super) async fn call<C: SolCall + Sync>(
        &self,
        to: Address,
        call: &C,
        at: At,
    ) -> Result<C::Return, ChainError>
    where
        C::Return: PartialEq + Send,
    {
        let mut answers = Vec::new();
        for endpoint in &self.all {
            answers.push(endpoint.call(to, call, at).await?);
        }
        self.same(&format!("the answer of {to}"), answers)
    }

    /// The one answer of all endpoints; refuses when two differ.
    fn same<T: PartialEq>(&self, what: &str, mut answers: Vec<T>) -> Result<T, ChainError> {
        if let Some(other) = answers.iter().position(|answer| *answer != answers[0]) {
            return Err(ChainError::RpcDisagree {
                first: self.first().name().to_owned(),
                second: self.all[other].name().to_owned(),
                what: what.to_owned(),
            });
        }
        Ok(answers.swap_remove(0))
    }
}
