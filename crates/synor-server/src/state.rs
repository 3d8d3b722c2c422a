//! What every handler can reach.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use synor_chain::RpcServer;
use synor_engine::Engine;

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub engine: Arc<Engine>,
    /// The development chain's JSON-RPC.
    pub rpc: Arc<RpcServer>,
    /// The secret of this run that lies in the data folder: whoever can read the folder is admin.
    pub local_secret: Arc<str>,
}

/// `POST /rpc`: the chain, for wallets.
pub async fn rpc(State(state): State<AppState>, body: String) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "application/json")],
        state.rpc.handle(&body).await,
    )
}
