//! API keys: issuing them, and telling who calls.

use serde::Serialize;
use synor_economics::id::ApiKeyId;
use synor_economics::period::Timestamp;
use synor_store::{ApiKey, ApiKeyRole, ChangeSet, Kind, ListQuery, RateLimit};
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::EngineError;

/// Who calls.
pub type Caller = ApiKeyRole;

/// How many characters of a secret are kept for recognizing it.
const PREFIX_CHARS: usize = 12;

/// A key that was just issued: the only time that its secret is seen.
#[derive(Debug, Clone, Serialize)]
pub struct NewKey {
    /// Which key.
    pub key_id: ApiKeyId,
    /// What it may do.
    #[serde(flatten)]
    pub role: ApiKeyRole,
    /// The first characters of the secret, for recognizing it.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// How much it may ask for, where that is its own.
    #[serde(flatten)]
    pub rate_limit: RateLimit,
    /// What callers send.
    pub secret: String,
}

/// The hash under which a secret is found.
fn hash_of(secret: &str) -> String {
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

impl Engine {
    /// Issues a key for a role.
    pub async fn issue_key(&self, role: ApiKeyRole, label: &str) -> Result<NewKey, EngineError> {
        self.issue_limited_key(role, label, RateLimit::default())
            .await
    }

    /// Issues a key for a role, with limits of its own.
    pub async fn issue_limited_key(
        &self,
        role: ApiKeyRole,
        label: &str,
        rate_limit: RateLimit,
    ) -> Result<NewKey, EngineError> {
        if let ApiKeyRole::Account(account) = &role {
            self.account(account).await?;
        }
        let secret = new_secret(match role {
            ApiKeyRole::Admin => "synor_admin",
            ApiKeyRole::Account(_) => "synor",
        })?;
        let key = ApiKey {
            key_id: ApiKeyId::from_uuid(Uuid::now_v7()),
            role,
            hash: hash_of(&secret),
            prefix: secret.chars().take(PREFIX_CHARS).collect(),
            label: label.to_owned(),
            created_at: self.now(),
            revoked_at: None,
            rate_limit,
        };
        let mut changes = ChangeSet::new(Self::fresh_command("issue key"), self.now());
        changes.put(&key)?;
        self.commit(changes).await?;
        Ok(NewKey {
            key_id: key.key_id,
            role: key.role,
            prefix: key.prefix,
            label: key.label,
            created_at: key.created_at,
            rate_limit: key.rate_limit,
            secret,
        })
    }

    /// Who a secret belongs to.
    pub async fn authenticate(&self, secret: &str) -> Result<Caller, EngineError> {
        Ok(self.key_of(secret).await?.role)
    }

    /// The key that a secret opens, with its limits.
    pub async fn key_of(&self, secret: &str) -> Result<ApiKey, EngineError> {
        let key: Option<ApiKey> = self.store.find(&hash_of(secret)).await?;
        match key {
            Some(key) if key.revoked_at.is_none() => Ok(key),
            _ => Err(EngineError::Unauthenticated),
        }
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
        self.issue_key(ApiKeyRole::Admin, "first start")
            .await
            .map(Some)
    }
}
