//! API keys: who calls. The secret is never stored, only its hash.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, ApiKeyId};
use synor_economics::period::Timestamp;

/// What a key may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "role", content = "account_id")]
pub enum ApiKeyRole {
    /// Everything.
    Admin,
    /// Everything about one account, nothing about another; no metering.
    Account(AccountId),
}

/// How much a key may ask for. What is absent is not limited, or as the operator decided for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimit {
    /// Requests a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<NonZeroU32>,
    /// Usage events a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<NonZeroU32>,
}

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Which key.
    pub key_id: ApiKeyId,
    /// What it may do.
    #[serde(flatten)]
    pub role: ApiKeyRole,
    /// The BLAKE3 hash of the secret, in hexadecimal. The secret has 256 random bits, so that a
    /// slow hash would add nothing.
    pub hash: String,
    /// The first characters of the secret, for recognizing it.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it is not valid any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_at: Option<Timestamp>,
    /// How much it may ask for, where that is its own.
    #[serde(flatten)]
    pub rate_limit: RateLimit,
}
