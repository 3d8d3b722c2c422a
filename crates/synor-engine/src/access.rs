//! API keys: issuing them, and telling who calls.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use synor_economics::id::ApiKeyId;
use synor_economics::period::Timestamp;
use synor_store::{Access, ApiKey, ChangeSet, Kind, ListQuery, RateLimit, Role};
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::EngineError;

/// Who calls.
pub type Caller = Access;

/// What the secret of a key starts with, so that it is recognized where it must not be: in a log, a
/// chat, a public repository.
const KEY_PREFIX: &str = "syk";

/// How many characters of a secret are kept for recognizing it.
const PREFIX_CHARS: usize = 12;

/// A key to be issued.
#[derive(Debug, Clone)]
pub struct KeyOrder {
    /// What it may do.
    pub access: Access,
    /// What it is for.
    pub label: String,
    /// How much it may ask for, where that is its own.
    pub rate_limit: RateLimit,
    /// From when on it is not valid any more; never, if absent.
    pub expires_at: Option<Timestamp>,
}

impl KeyOrder {
    /// A key without limits of its own that does not expire.
    pub fn new(access: Access, label: impl Into<String>) -> Self {
        Self {
            access,
            label: label.into(),
            rate_limit: RateLimit::default(),
            expires_at: None,
        }
    }
}

/// A key that was just issued: the only time that its secret is seen.
#[derive(Debug, Clone, Serialize)]
pub struct NewKey {
    /// Which key.
    pub key_id: ApiKeyId,
    /// What it may do.
    #[serde(flatten)]
    pub access: Access,
    /// The first characters of the secret, for recognizing it.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// From when on it is not valid any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How much it may ask for, where that is its own.
    #[serde(flatten)]
    pub rate_limit: RateLimit,
    /// What callers send.
    pub secret: String,
}

impl NewKey {
    pub(crate) fn of(key: ApiKey, secret: String) -> Self {
        Self {
            key_id: key.key_id,
            access: key.access,
            prefix: key.prefix,
            label: key.label,
            created_at: key.created_at,
            expires_at: key.expires_at,
            rate_limit: key.rate_limit,
            secret,
        }
    }
}

/// When each key and session was last noted as used, so that it is written at most once a minute.
#[derive(Debug, Default)]
pub(crate) struct UsesNoted(Mutex<HashMap<String, Timestamp>>);

impl UsesNoted {
    /// Whether a use at this time is to be written; it is taken as written then.
    pub(crate) fn is_due(&self, id: &str, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = noted.get(id).map_or(i64::MIN, |at| at.secs());
        let is_due = now.secs() >= last.saturating_add(USE_NOTED_SECS);
        if is_due {
            noted.insert(id.to_owned(), now);
        }
        is_due
    }
}

/// How often the use of a key or session is written, in seconds.
const USE_NOTED_SECS: i64 = 60;

/// The hash under which a secret is found.
pub(crate) fn hash_of(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// A secret with 256 random bits.
pub fn new_secret(prefix: &str) -> Result<String, EngineError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| EngineError::Invalid {
        field: "random",
        reason: format!("the machine gives no random bytes: {e}"),
    })?;
    Ok(format!("{prefix}_{}", hex::encode(bytes)))
}

/// A key of an order, and its secret.
pub(crate) fn made(order: KeyOrder, now: Timestamp) -> Result<(ApiKey, String), EngineError> {
    let invalid = |field, reason| EngineError::Invalid { field, reason };
    order.access.check().map_err(|e| invalid("role", e))?;
    if let Some(end) = order.expires_at.filter(|end| *end <= now) {
        let reason = format!("{} is not after now, {}", end.secs(), now.secs());
        return Err(invalid("expires_at", reason));
    }
    let secret = new_secret(KEY_PREFIX)?;
    let key = ApiKey {
        key_id: ApiKeyId::from_uuid(Uuid::now_v7()),
        access: order.access,
        hash: hash_of(&secret),
        prefix: secret.chars().take(PREFIX_CHARS).collect(),
        label: order.label,
        created_at: now,
        revoked_at: None,
        expires_at: order.expires_at,
        used_at: None,
        rotated_from: None,
        rate_limit: order.rate_limit,
    };
    Ok((key, secret))
}

impl Engine {
    /// Issues a key.
    pub async fn issue_key(&self, order: KeyOrder) -> Result<NewKey, EngineError> {
        if let Some(account) = &order.access.account_id {
            self.account(account).await?;
        }
        let (key, secret) = made(order, self.now())?;
        let mut changes = ChangeSet::new(Self::fresh_command("issue key"), self.now());
        changes.put(&key)?;
        self.commit(changes).await?;
        Ok(NewKey::of(key, secret))
    }

    /// The key that a secret opens, with its limits.
    pub async fn key_of(&self, secret: &str) -> Result<ApiKey, EngineError> {
        let key: Option<ApiKey> = self.store.find(&hash_of(secret)).await?;
        key.filter(|key| key.is_valid_at(self.now()))
            .ok_or(EngineError::Unauthenticated)
    }

    /// The first admin key, issued once in a book's life; `None` ever after.
    pub async fn first_admin_key(&self) -> Result<Option<NewKey>, EngineError> {
        let query = ListQuery {
            limit: 1,
            ..ListQuery::all(Kind::ApiKey)
        };
        if !self.store.documents(query).await?.items.is_empty() {
            return Ok(None);
        }
        let order = KeyOrder::new(Access::all_accounts(Role::Admin), "first start");
        self.issue_key(order).await.map(Some)
    }
}
