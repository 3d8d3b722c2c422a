//! Reading a body piece by piece, within its bounds.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use super::intake::{Intake, Reserved};
use crate::problem::Problem;

/// What a body reserves before its length is known.
const UNKNOWN_BYTES: usize = 64 << 10;

/// The length that a body says it has. A compressed body does not say how long it will be.
pub fn declared_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses an encoding that was not taken off the body before it came here.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) => {
            let detail = format!("{encoding:?} is not decompressed here; send gzip or zstd");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Problem::new(status, "unsupported-media-type", detail))
        }
    }
}

/// The next piece of a body.
pub async fn next_piece(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::invalid(format!("the body cannot be read to its end: {error}"))
        })?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// A whole body, and the room that it takes.
pub async fn read_whole(
    mut body: Body,
    declared: Option<usize>,
    intake: &Intake,
) -> Result<(Bytes, Reserved), Problem> {
    let limit = intake.config.body_max_bytes;
    if declared.is_some_and(|bytes| bytes > limit) {
        return Err(too_large(limit));
    }
    let mut reserved = intake.reserve(declared.unwrap_or(UNKNOWN_BYTES))?;
    let Some(first) = next_piece(&mut body).await? else {
        return Ok((Bytes::new(), reserved));
    };
    let mut whole = Vec::new();
    let mut piece = first;
    loop {
        let bytes = whole.len().saturating_add(piece.len());
        if bytes > limit {
            return Err(too_large(limit));
        }
        reserved.grow_to(bytes)?;
        if whole.is_empty() && declared == Some(piece.len()) {
            return Ok((piece, reserved));
        }
        if whole.is_empty() {
            whole.reserve_exact(declared.unwrap_or(bytes).max(bytes));
        }
        whole.extend_from_slice(&piece);
        match next_piece(&mut body).await? {
            Some(next) => piece = next,
            None => return Ok((whole.into(), reserved)),
        }
    }
}

fn too_large(limit: usize) -> Problem {
    let detail = format!(
        "the body is larger than {limit} bytes after decompression; send several, or send lines \
         (application/x-ndjson), which are taken in as they come"
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid-request", detail)
}
