//! The stream beside the server: how far its worker is, and what could not be counted.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use synor_streams::{ShownLetter, WorkerStatus};

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

const LETTERS_LIMIT: usize = 100;
const LETTERS_LIMIT_MAX: usize = 1_000;

/// The stream, as far as this server has to do with it.
#[derive(Serialize)]
pub struct ShownStream {
    /// Its address without a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Whether reports of usage go into it.
    produces: bool,
    /// The worker of this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<WorkerStatus>,
}

/// `GET /admin/stream`
pub async fn status(State(state): State<AppState>, _: Admin) -> Json<ShownStream> {
    let stream = &state.stream;
    Json(ShownStream {
        url: stream.url.as_ref().map(ToString::to_string),
        produces: stream.producer.is_some(),
        worker: stream.worker.as_ref().map(|worker| worker.borrow().clone()),
    })
}

/// Which part of the dead letters.
#[derive(Deserialize)]
pub struct LettersParams {
    after: Option<u64>,
    limit: Option<usize>,
}

/// A part of the dead letters.
#[derive(Serialize)]
pub struct ShownLetters {
    items: Vec<ShownLetter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<u64>,
}

/// `GET /admin/dead-letters`
pub async fn dead_letters(
    State(state): State<AppState>,
    _: Admin,
    Params(params): Params<LettersParams>,
) -> Result<Json<ShownLetters>, Problem> {
    let limit = params.limit.unwrap_or(LETTERS_LIMIT);
    let limit = limit.clamp(1, LETTERS_LIMIT_MAX);
    let page = match &state.stream.dead_letters {
        None => Default::default(),
        Some(letters) => letters
            .list(params.after.unwrap_or(0), limit)
            .await
            .map_err(|error| {
                tracing::error!(?error, "internal error");
                Problem::internal()
            })?,
    };
    Ok(Json(ShownLetters {
        items: page.letters.iter().map(|letter| letter.shown()).collect(),
        next_after: page.next_after,
    }))
}
