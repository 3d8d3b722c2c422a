//! `Idempotency-Key`: the name of a command, so that a retry is not a second command.
//!
//! One rule for every POST but the intake of events, which have identities of their own: under a key
//! that this caller has used before, the same request gets the first answer, status and body, and
//! another request is refused. The same means method, path, query and what the body says.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, OriginalUri, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use synor_engine::{Answered, Asked, Caller};
use uuid::Uuid;

use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request::read_bytes;
use crate::state::AppState;

const HEADER: &str = "idempotency-key";
const KEY_MAX_BYTES: usize = 255;
/// Hexadecimal digits that name a body: enough that two bodies never share them.
const DIGEST_DIGITS: usize = 32;

/// Whose answers to named requests are kept by the use case itself, in the commit that does them: a
/// second commit for each would halve the rate of real-time billing.
const KEPT_BY_USE_CASE: [&str; 1] = ["/api/v1/billing/deduct"];

/// The command's name: what the client sent, or one that nobody will repeat.
#[derive(Debug)]
pub struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else {
            return Ok(Self(format!("none/{}", Uuid::now_v7())));
        };
        let invalid = || {
            Problem::invalid(format!(
                "Idempotency-Key must be 1 to {KEY_MAX_BYTES} visible ASCII \
                                      characters"
            ))
        };
        let key = value.to_str().map_err(|_| invalid())?.trim();
        if key.is_empty() || key.len() > KEY_MAX_BYTES {
            return Err(invalid());
        }
        Ok(Self(format!("key/{key}")))
    }
}

/// Answers a request that has a key once, and every other as it comes.
pub async fn answer_once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_named = request.method() == Method::POST && request.headers().contains_key(HEADER);
    if !is_named {
        return next.run(request).await;
    }
    match named(&state, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn named(state: &AppState, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = Authenticated::from_request_parts(&mut parts, state)
        .await?
        .0;
    let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, state).await?;
    let body = read_bytes(Request::from_parts(parts.clone(), body), state).await?;
    let OriginalUri(uri) = match OriginalUri::from_request_parts(&mut parts, state).await {
        Ok(uri) => uri,
        Err(never) => match never {},
    };
    let asked = Asked {
        operation: format!("{} {uri}", parts.method),
        body: said(&body),
    };
    let request = Request::from_parts(parts, Body::from(body));
    let name = match caller {
        Caller::Admin => format!("admin/{key}"),
        Caller::Account(account) => format!("account/{account}/{key}"),
    };
    if KEPT_BY_USE_CASE.contains(&uri.path()) {
        state.engine.refuse_name_of_another(&name, &asked).await?;
        return Ok(next.run(request).await);
    }
    let answer = async || done_or_refused(next.run(request).await).await;
    match state.engine.answer_once(&name, asked, answer).await? {
        Ok(answered) => {
            let status = StatusCode::from_u16(answered.status).map_err(|_| Problem::internal())?;
            let json = [(CONTENT_TYPE, "application/json")];
            Ok((status, json, answered.body).into_response())
        }
        Err(refusal) => Ok(refusal),
    }
}

/// What a body says, in few letters: the order of its fields and the space between them say nothing.
fn said(body: &[u8]) -> String {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let text = value.map(|value| value.to_string().into_bytes());
    let digest = blake3::hash(text.as_deref().unwrap_or(body.trim_ascii())).to_hex();
    digest.chars().take(DIGEST_DIGITS).collect()
}

/// An answer to what was done, as it is kept; or a refusal as it is.
async fn done_or_refused(response: Response) -> Result<Answered, Response> {
    if !response.status().is_success() {
        return Err(response);
    }
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await;
    let body = body
        .ok()
        .and_then(|bytes| String::from_utf8(bytes.into()).ok());
    match body {
        Some(body) => Ok(Answered { status, body }),
        None => Err(Problem::internal().into_response()),
    }
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn a_body_is_what_it_says() {
        let said_so = said(br#"{"amount": "1 SYNOR", "reason": "r"}"#);
        assert_eq!(said(br#"{"reason":"r","amount":"1 SYNOR"}"#), said_so);
        assert_ne!(said(br#"{"reason":"r","amount":"2 SYNOR"}"#), said_so);
        assert_eq!(said(b" \n"), said(b""));
        assert_ne!(said(b"{"), said(b"}"));
    }
}
