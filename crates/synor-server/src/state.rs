//! What every handler can reach.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use synor_chain::RpcServer;
use synor_engine::Engine;
use synor_notify::Operator;
use tokio::sync::watch;

use crate::ingest::Intake;
use crate::problem::Problem;
use crate::request::read_bytes;
use crate::stream_side::StreamSide;

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub engine: Arc<Engine>,
    /// The development chain's JSON-RPC.
    pub rpc: Arc<RpcServer>,
    /// The secret of this run that lies in the data folder: whoever can read the folder is admin.
    pub local_secret: Arc<str>,
    /// Becomes true when the server stops, or its sender goes: streams end then.
    pub stopping: watch::Receiver<bool>,
    /// What the intake of usage is held to.
    pub intake: Arc<Intake>,
    /// Who is at the head of invoices.
    pub operator: Arc<Operator>,
    /// The stream beside the server, if there is one.
    pub stream: StreamSide,
}

/// `POST /rpc`: the chain, for wallets.
pub async fn rpc(
    State(state): State<AppState>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let body = read_bytes(request, &state).await?;
    let body = std::str::from_utf8(&body).map_err(|_| Problem::invalid("the body is not UTF-8"))?;
    Ok((
        [(CONTENT_TYPE, "application/json")],
        state.rpc.handle(body).await,
    ))
}
