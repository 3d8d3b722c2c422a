//! The little of Ethereum's JSON-RPC that reading prices needs. All reads of a quote are at one
//! block, so that they are of one moment.

use alloy_primitives::{Address, hex};
use alloy_sol_types::SolCall;
use serde::Deserialize;
use serde_json::{Value, json};
use synor_economics::period::Timestamp;

use crate::feed::FeedError;
use crate::http::Http;

/// A chain's JSON-RPC.
#[derive(Debug, Clone)]
pub struct EvmRpc {
    url: String,
    http: Http,
}

/// A block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    number: u64,
    /// When it was made, by the chain's clock.
    pub(super) at: Timestamp,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    message: String,
}

#[derive(Deserialize)]
struct RawBlock {
    number: String,
    timestamp: String,
}

impl EvmRpc {
    /// The JSON-RPC at a URL.
    pub const fn new(url: String, http: Http) -> Self {
        Self { url, http }
    }

    /// The last block.
    pub(super) async fn latest(&self) -> Result<Block, FeedError> {
        let block = self
            .request("eth_getBlockByNumber", json!(["latest", false]))
            .await?;
        let block: RawBlock = serde_json::from_value(block).map_err(FeedError::malformed)?;
        let at = i64::try_from(quantity(&block.timestamp)?).map_err(FeedError::malformed)?;
        Ok(Block {
            number: quantity(&block.number)?,
            at: Timestamp::from_secs(at),
        })
    }

    /// What a contract answers at a block.
    pub(super) async fn call<C: SolCall>(
        &self,
        to: Address,
        call: C,
        block: Block,
    ) -> Result<C::Return, FeedError> {
        let transaction = json!({
            "to": to.to_string(),
            "data": hex::encode_prefixed(call.abi_encode()),
        });
        let at = format!("{:#x}", block.number);
        let answer = self.request("eth_call", json!([transaction, at])).await?;
        let text = answer
            .as_str()
            .ok_or_else(|| FeedError::malformed("no data"))?;
        let data = hex::decode(text).map_err(FeedError::malformed)?;
        C::abi_decode_returns(&data).map_err(FeedError::malformed)
    }

    async fn request(&self, method: &str, params: Value) -> Result<Value, FeedError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let reply: Reply = self.http.post(&self.url, &body).await?;
        match (reply.result, reply.error) {
            (_, Some(error)) => {
                let message = error.message.chars().take(200).collect();
                Err(FeedError::Rpc(message))
            }
            (Some(result), None) => Ok(result),
            (None, None) => Err(FeedError::malformed("neither a result nor an error")),
        }
    }
}

fn quantity(text: &str) -> Result<u64, FeedError> {
    let digits = text.strip_prefix("0x");
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| FeedError::malformed(format!("`{text}` is not a quantity")))
}
