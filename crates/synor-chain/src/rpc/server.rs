//! The answering side, to be mounted on whatever HTTP framework serves the rest.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use jsonrpsee_core::RegisterMethodError;
use jsonrpsee_core::server::RpcModule;
use jsonrpsee_types::ErrorObjectOwned;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::codes::code;
use super::methods::{
    self, DevFaucet, GetGrant, GetTransaction, GetTransfersTo, OfAddress, SendTransaction,
};
use crate::{Chain, ChainError, DevControls, Reorganization};

/// The most calls in one batch.
pub const BATCH_MAX_CALLS: usize = 50;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;

/// Answers JSON-RPC requests for a chain.
///
/// Mount it at `POST /rpc`: pass the body to [`RpcServer::handle`] and send what it returns with
/// status 200 and content type `application/json`, errors included.
pub struct RpcServer {
    module: RpcModule<()>,
}

impl RpcServer {
    /// Answers for any chain; the development methods do not exist.
    pub fn new(chain: Arc<dyn Chain>) -> Self {
        let mut module = RpcModule::new(());
        registered(register(&mut module, chain));
        Self { module }
    }

    /// Answers for a development chain, with its faucet and reorganizations.
    pub fn for_development(chain: Arc<dyn DevControls>) -> Self {
        let mut module = RpcModule::new(());
        registered(register(&mut module, chain.clone()));
        registered(register_development(&mut module, chain));
        Self { module }
    }

    /// Answers a request or a batch of them. Never fails: what cannot be read is answered with an
    /// error. Notifications (requests without an id) are not executed and answered as invalid.
    pub async fn handle(&self, body: &str) -> String {
        if !body.trim_start().starts_with('[') {
            return self.answer(body).await;
        }
        let calls: Vec<&RawValue> = match serde_json::from_str(body) {
            Ok(calls) => calls,
            Err(error) => return refusal(PARSE_ERROR, &error.to_string()),
        };
        if calls.is_empty() || calls.len() > BATCH_MAX_CALLS {
            let reason = format!(
                "a batch has 1 to {BATCH_MAX_CALLS} calls, not {}",
                calls.len()
            );
            return refusal(INVALID_REQUEST, &reason);
        }
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            answers.push(self.answer(call.get()).await);
        }
        format!("[{}]", answers.join(","))
    }

    async fn answer(&self, call: &str) -> String {
        match self.module.raw_json_request(call, 1).await {
            Ok((answer, _)) => answer.get().to_owned(),
            Err(error) if error.is_data() => refusal(INVALID_REQUEST, &error.to_string()),
            Err(error) => refusal(PARSE_ERROR, &error.to_string()),
        }
    }
}

impl fmt::Debug for RpcServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.module.method_names()).finish()
    }
}

fn register(module: &mut RpcModule<()>, chain: Arc<dyn Chain>) -> Result<(), RegisterMethodError> {
    method(
        module,
        methods::SEND_TRANSACTION,
        &chain,
        |chain, p: SendTransaction| async move { chain.submit(p.signed).await },
    )?;
    method(
        module,
        methods::GET_TRANSACTION,
        &chain,
        |chain, p: GetTransaction| async move { chain.transfer(&p.tx_id).await },
    )?;
    method(
        module,
        methods::GET_TRANSFERS_TO,
        &chain,
        |chain, p: GetTransfersTo| async move { chain.transfers_to(&p.address, p.after, p.limit).await },
    )?;
    method(
        module,
        methods::GET_BALANCE,
        &chain,
        |chain, p: OfAddress| async move { chain.balance(&p.address).await },
    )?;
    method(
        module,
        methods::GET_NEXT_NONCE,
        &chain,
        |chain, p: OfAddress| async move { chain.next_nonce(&p.address).await },
    )?;
    method(
        module,
        methods::GET_GRANT,
        &chain,
        |chain, p: GetGrant| async move { chain.grant(&p.owner, &p.spender).await },
    )?;
    method(
        module,
        methods::GET_BLOCK_COUNT,
        &chain,
        |chain, _: serde::de::IgnoredAny| async move { chain.block_count().await },
    )?;
    method(
        module,
        methods::GET_CHAIN_ID,
        &chain,
        |chain, _: serde::de::IgnoredAny| async move { chain.chain_id().await },
    )
}

fn register_development(
    module: &mut RpcModule<()>,
    chain: Arc<dyn DevControls>,
) -> Result<(), RegisterMethodError> {
    method(
        module,
        methods::DEV_FAUCET,
        &chain,
        |chain, p: DevFaucet| async move { chain.faucet(&p.address, p.amount_micro_synor).await },
    )?;
    method(
        module,
        methods::DEV_REORGANIZE,
        &chain,
        |chain, p: Reorganization| async move { chain.reorganize(p).await },
    )
}

/// Registers one method: read the parameters, ask the chain, give its answer or error.
fn method<C, P, T, Ask, Asked>(
    module: &mut RpcModule<()>,
    name: &'static str,
    chain: &Arc<C>,
    ask: Ask,
) -> Result<(), RegisterMethodError>
where
    C: ?Sized + Send + Sync + 'static,
    P: DeserializeOwned + Send,
    T: Serialize + Clone + Send + 'static,
    Ask: Fn(Arc<C>, P) -> Asked + Clone + Send + Sync + 'static,
    Asked: Future<Output = Result<T, ChainError>> + Send,
{
    let chain = Arc::clone(chain);
    let answer = move |params: jsonrpsee_types::Params<'static>, _, _| {
        let (chain, ask) = (Arc::clone(&chain), ask.clone());
        async move {
            let params: P = params.parse()?;
            ask(chain, params)
                .await
                .map_err(|error| error_object(&error))
        }
    };
    module.register_async_method(name, answer)?;
    Ok(())
}

fn error_object(error: &ChainError) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code(error), error.to_string(), Some(error))
}

fn refusal(code: i32, reason: &str) -> String {
    let error = serde_json::json!({ "code": code, "message": reason });
    serde_json::json!({ "jsonrpc": "2.0", "error": error, "id": null }).to_string()
}

/// Registering fails only for a name that is taken, and the names are constants.
fn registered(result: Result<(), RegisterMethodError>) {
    result.expect("method names differ");
}
