//! What becomes of an API key after it was issued: it is used, replaced by another, and revoked.

use std::sync::Arc;

use serde::Serialize;
use synor_economics::id::ApiKeyId;
use synor_economics::period::Timestamp;
use synor_store::{Access, ApiKey, ChangeSet, Kind, ListQuery, RateLimit, Scope};

use crate::access::{KeyOrder, NewKey, made};
use crate::engine::Engine;
use crate::error::EngineError;

/// How long a key may stay valid beside the one that replaces it, in seconds.
pub const OVERLAP_SECS_MAX: i64 = 90 * 86_400;

/// A key as it is shown: all but its hash.
#[derive(Debug, Clone, Serialize)]
pub struct ShownKey {
    /// Which key.
    pub key_id: ApiKeyId,
    /// What it may do.
    #[serde(flatten)]
    pub access: Access,
    /// The first characters of its secret.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// From when on it is not valid any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// The key that it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotated_from: Option<ApiKeyId>,
    /// How much it may ask for, where that is its own.
    #[serde(flatten)]
    pub rate_limit: RateLimit,
}

impl From<ApiKey> for ShownKey {
    fn from(key: ApiKey) -> Self {
        Self {
            key_id: key.key_id,
            access: key.access,
            prefix: key.prefix,
            label: key.label,
            created_at: key.created_at,
            used_at: key.used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            rotated_from: key.rotated_from,
            rate_limit: key.rate_limit,
        }
    }
}

impl Engine {
    /// All keys, by age, the revoked ones among them.
    pub async fn keys(&self) -> Result<Vec<ShownKey>, EngineError> {
        let keys = self
            .store
            .list::<ApiKey>(ListQuery::all(Kind::ApiKey))
            .await?;
        Ok(keys.items.into_iter().map(ShownKey::from).collect())
    }

    /// Ends a key, and with it all sessions that were opened with it. A second time changes nothing.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<ShownKey, EngineError> {
        let revoke = |key: &mut ApiKey, now| {
            key.revoked_at.get_or_insert(now);
            Ok(None)
        };
        let (key, _) = self.change_key(id, "revoke key", revoke).await?;
        Ok(key.into())
    }

    /// Issues a key that replaces another, which stays valid for `overlap_secs` seconds more, so that
    /// its users can change over.
    pub async fn rotate_key(&self, id: ApiKeyId, overlap_secs: i64) -> Result<NewKey, EngineError> {
        if !(0..=OVERLAP_SECS_MAX).contains(&overlap_secs) {
            let reason = format!("{overlap_secs} is not 0 to {OVERLAP_SECS_MAX} seconds");
            let field = "overlap_secs";
            return Err(EngineError::Invalid { field, reason });
        }
        let replace = |old: &mut ApiKey, now: Timestamp| {
            if !old.is_valid_at(now) {
                let (field, reason) = ("key", "is not valid any more; issue another".to_owned());
                return Err(EngineError::Invalid { field, reason });
            }
            let order = KeyOrder {
                access: old.access.clone(),
                label: old.label.clone(),
                rate_limit: old.rate_limit,
                expires_at: None,
            };
            let (mut new, secret) = made(order, now)?;
            new.rotated_from = Some(old.key_id);
            let end = Timestamp::from_secs(now.secs().saturating_add(overlap_secs));
            old.expires_at = Some(old.expires_at.map_or(end, |before| before.min(end)));
            Ok(Some((new, secret)))
        };
        match self.change_key(id, "rotate key", replace).await? {
            (_, Some((new, secret))) => Ok(NewKey::of(new, secret)),
            (_, None) => Err(EngineError::Unauthenticated),
        }
    }

    /// Notes that a key was used, at most once a minute, beside what it is used for.
    pub fn note_use(self: &Arc<Self>, key: &ApiKey) {
        let (id, now) = (key.key_id, self.now());
        if !self.uses_noted.is_due(&id.to_string(), now) {
            return;
        }
        let engine = Arc::clone(self);
        tokio::spawn(async move {
            let used = |key: &mut ApiKey, now: Timestamp| {
                key.used_at = Some(key.used_at.map_or(now, |before| before.max(now)));
                Ok(None)
            };
            if let Err(error) = engine.change_key(id, "use key", used).await {
                tracing::warn!(key = %id, %error, "the use of a key was not noted");
            }
        });
    }

    /// Changes a key as it is now, and stores another beside it, if one comes of it.
    async fn change_key(
        &self,
        id: ApiKeyId,
        what: &str,
        change: impl Fn(&mut ApiKey, Timestamp) -> Result<Option<(ApiKey, String)>, EngineError>,
    ) -> Result<(ApiKey, Option<(ApiKey, String)>), EngineError> {
        let scope = Scope::ApiKey(id);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let found: Option<ApiKey> = self.store.get(&id.to_string()).await?;
            let mut key = found.ok_or_else(|| EngineError::NotFound {
                what: "API key",
                id: id.to_string(),
            })?;
            let before = key.clone();
            let beside = change(&mut key, self.now())?;
            if key != before || beside.is_some() {
                let mut changes = ChangeSet::new(Self::fresh_command(what), self.now());
                changes.expect(scope.clone(), version).put(&key)?;
                if let Some((new, _)) = &beside {
                    changes.put(new)?;
                }
                self.commit(changes).await?;
            }
            Ok((key, beside))
        })
        .await
    }
}
