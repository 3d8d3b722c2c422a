//! `Idempotency-Key`: the name of a command, so that a retry is not a second command.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use uuid::Uuid;

use crate::problem::Problem;

const HEADER: &str = "idempotency-key";
const KEY_MAX_BYTES: usize = 255;

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
