//! Who calls, and about which account. All tenant isolation is here.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use synor_economics::id::AccountId;
use synor_engine::{Caller, EngineError};

use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

/// Anyone with a valid key.
#[derive(Debug, Clone)]
pub struct Authenticated(pub Caller);

impl FromRequestParts<AppState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let known = Self::of_header(parts, state).await?;
        // So that a request is looked up, and counted against its key's rate, once.
        parts.extensions.insert(known.clone());
        Ok(known)
    }
}

impl Authenticated {
    async fn of_header(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|h| h.to_str().ok());
        let secret = header
            .and_then(|h| h.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, secret)| secret.trim());
        let Some(secret) = secret else {
            let detail = "send an API key as `Authorization: Bearer KEY`";
            return Err(Problem {
                detail: detail.to_owned(),
                ..EngineError::Unauthenticated.into()
            });
        };
        if secret
            .as_bytes()
            .ct_eq(state.local_secret.as_bytes())
            .into()
        {
            return Ok(Self(Caller::Admin));
        }
        let key = state.engine.key_of(secret).await?;
        let rate = state.intake.rates.of(&key);
        rate.admit_request()?;
        // For those that count more than requests.
        parts.extensions.insert(rate);
        Ok(Self(key.role))
    }
}

/// A caller that may administer.
#[derive(Debug)]
pub struct Admin;

impl FromRequestParts<AppState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        match Authenticated::from_request_parts(parts, state).await?.0 {
            Caller::Admin => Ok(Self),
            Caller::Account(_) => {
                Err(EngineError::Forbidden("it needs an admin key".to_owned()).into())
            }
        }
    }
}

#[derive(Deserialize)]
struct AccountParam {
    account: Option<AccountId>,
}

/// The account that a request is about, if it is about one: the key's own, or, for an admin, the
/// one named by `?account=`. Only an admin may name none.
#[derive(Debug)]
pub struct AboutAccount {
    /// Which account.
    pub account: Option<AccountId>,
    /// Whether the caller may see all accounts.
    pub is_admin: bool,
}

impl FromRequestParts<AppState> for AboutAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = Authenticated::from_request_parts(parts, state).await?.0;
        let Params(named): Params<AccountParam> = Params::from_request_parts(parts, state).await?;
        match (caller, named.account) {
            (Caller::Account(own), Some(named)) if own != named => {
                let detail = format!("it is not for account `{named}`");
                Err(EngineError::Forbidden(detail).into())
            }
            (Caller::Account(own), _) => Ok(Self {
                account: Some(own),
                is_admin: false,
            }),
            (Caller::Admin, account) => Ok(Self {
                account,
                is_admin: true,
            }),
        }
    }
}

/// The account that a request is about: the key's own, or, for an admin, the one named by
/// `?account=`.
#[derive(Debug)]
pub struct ForAccount(pub AccountId);

impl FromRequestParts<AppState> for ForAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let about = AboutAccount::from_request_parts(parts, state).await?;
        Ok(Self(about.named()?.clone()))
    }
}

impl AboutAccount {
    /// The account, where there must be one.
    pub fn named(&self) -> Result<&AccountId, Problem> {
        let nobody = "an admin key is for all accounts; name one by ?account=";
        self.account
            .as_ref()
            .ok_or_else(|| Problem::invalid(nobody))
    }
}
