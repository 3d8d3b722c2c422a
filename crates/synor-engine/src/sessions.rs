//! Browser sessions: signing in with an API key, telling who is signed in, and signing out.

use synor_economics::period::Timestamp;
use synor_store::{Actor, ActorKind, ApiKey, ChangeSet, Scope, Session};

use crate::access::{hash_of, new_secret};
use crate::engine::Engine;
use crate::error::EngineError;

/// How long a session lasts at most, in seconds.
pub const SESSION_SECS_MAX: i64 = 12 * 3600;

/// How long a session lasts without being used, in seconds.
pub const SESSION_IDLE_SECS_MAX: i64 = 2 * 3600;

/// What a session's token starts with.
const TOKEN_PREFIX: &str = "sys";

/// What the derivation of a session's form token from its token is for.
const CSRF_CONTEXT: &str = "synor economics 2026-01-01 form token of a session";

/// A session that was just opened: the only time that its token is seen.
#[derive(Debug)]
pub struct NewSession {
    /// What the browser keeps.
    pub token: String,
    /// From when on it is not valid any more.
    pub expires_at: Timestamp,
    /// The key that it was opened with.
    pub key: ApiKey,
}

/// What must be sent in each form of a session: another site that makes a browser send the session's
/// cookie cannot know it. It is derived from the token, so that it need not be kept.
pub fn csrf_token(session_token: &str) -> String {
    let key = blake3::derive_key(CSRF_CONTEXT, session_token.as_bytes());
    hex::encode(key)
}

impl Engine {
    /// Opens a session for the holder of a key, who calls from this network address.
    pub async fn sign_in(
        &self,
        secret: &str,
        address: Option<String>,
    ) -> Result<NewSession, EngineError> {
        let key = self.key_of(secret).await?;
        let now = self.now();
        let token = new_secret(TOKEN_PREFIX)?;
        let expires_at = Timestamp::from_secs(now.secs().saturating_add(SESSION_SECS_MAX));
        let session = Session {
            token_hash: hash_of(&token),
            key_id: key.key_id,
            created_at: now,
            used_at: now,
            expires_at,
            ended_at: None,
        };
        let mut changes = ChangeSet::new(Self::fresh_command("sign in"), now);
        changes.actor = Some(Actor {
            kind: ActorKind::Key,
            key_id: Some(key.key_id),
            access: key.access.clone(),
            address,
            operation: "sign in".to_owned(),
        });
        changes.put(&session)?;
        self.commit(changes).await?;
        Ok(NewSession {
            token,
            expires_at,
            key,
        })
    }

    /// The key of whoever holds a session's token, if both are still valid; notes the use.
    pub async fn key_of_session(&self, token: &str) -> Result<ApiKey, EngineError> {
        let id = hash_of(token);
        let now = self.now();
        let session: Option<Session> = self.store.get(&id).await?;
        let session = session.filter(|session| is_alive(session, now));
        let session = session.ok_or(EngineError::Unauthenticated)?;
        let key: Option<ApiKey> = self.store.get(&session.key_id.to_string()).await?;
        let key = key.filter(|key| key.is_valid_at(now));
        let key = key.ok_or(EngineError::Unauthenticated)?;
        if self.uses_noted.is_due(&id, now) {
            let used = |session: &mut Session| session.used_at = session.used_at.max(now);
            self.change_session(&session, "use session", used).await?;
        }
        Ok(key)
    }

    /// Ends the session of a token; nothing happens if there is none.
    pub async fn sign_out(&self, token: &str) -> Result<(), EngineError> {
        let session: Option<Session> = self.store.get(&hash_of(token)).await?;
        let Some(session) = session.filter(|session| session.ended_at.is_none()) else {
            return Ok(());
        };
        let now = self.now();
        let end = |session: &mut Session| session.ended_at = Some(now);
        self.change_session(&session, "sign out", end).await
    }

    async fn change_session(
        &self,
        session: &Session,
        what: &str,
        change: impl Fn(&mut Session),
    ) -> Result<(), EngineError> {
        let scope = Scope::ApiKey(session.key_id);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let current: Option<Session> = self.store.get(&session.token_hash).await?;
            // It may have ended meanwhile, and stays so.
            let Some(mut current) = current.filter(|current| current.ended_at.is_none()) else {
                return Ok(());
            };
            change(&mut current);
            let mut changes = ChangeSet::new(Self::fresh_command(what), self.now());
            changes.expect(scope.clone(), version).put(&current)?;
            self.commit(changes).await?;
            Ok(())
        })
        .await
    }
}

fn is_alive(session: &Session, now: Timestamp) -> bool {
    let idle_until = session.used_at.secs().saturating_add(SESSION_IDLE_SECS_MAX);
    session.ended_at.is_none() && now < session.expires_at && now.secs() < idle_until
}
