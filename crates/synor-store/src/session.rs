//! Sessions: who is signed in with a browser. The token is never stored, only its hash.

use serde::{Deserialize, Serialize};
use synor_economics::id::ApiKeyId;
use synor_economics::period::Timestamp;

use crate::document::{Document, Keys, Kind};

/// A browser that is signed in. What it may do is what its key may do at the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The BLAKE3 hash of the token, in hexadecimal.
    pub token_hash: String,
    /// The key that it was opened with. It ends when the key does.
    pub key_id: ApiKeyId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    /// From when on it is not valid any more, however much it is used.
    pub expires_at: Timestamp,
    /// When it was signed out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Timestamp>,
}

impl Document for Session {
    const KIND: Kind = Kind::Session;
    fn keys(&self) -> Keys {
        Keys {
            id: self.token_hash.clone(),
            sort_key: self.created_at.secs(),
            is_open: self.ended_at.is_none(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        let holds = self.created_at <= self.used_at && self.created_at < self.expires_at;
        holds
            .then_some(())
            .ok_or_else(|| "it ends or was used before it began".to_owned())
    }
}
