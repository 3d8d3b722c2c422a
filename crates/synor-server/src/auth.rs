//! Who calls, and about which account. All tenant isolation is here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use synor_economics::id::AccountId;
use synor_engine::{Caller, EngineError};
use synor_store::{Actor, ActorKind};

use crate::problem::Problem;
use crate::rate::KeyRate;
use crate::request::Params;
use crate::session::SignedIn;
use crate::state::AppState;

/// Finds out who calls a route, and notes it at the request: the holder of the key in the
/// `Authorization` header, or, if there is none, of the session of the browser. Counts the request
/// against the key's limits.
pub async fn authenticate(
    request: &mut Request,
    state: &AppState,
    path: &str,
) -> Result<Actor, Problem> {
    let operation = format!("{} {path}", request.method());
    let address = address_of(request.headers(), request.extensions());
    let (kind, key_id, access) = match bearer(request.headers()) {
        Some(secret) if is_local(secret, state) => (ActorKind::Local, None, Caller::admin()),
        Some(secret) => {
            let key = state.engine.key_of(secret).await?;
            let rate = state.intake.rates.of(&key);
            rate.admit_request()?;
            state.engine.note_use(&key);
            // For those that count more than requests.
            request.extensions_mut().insert(rate);
            (ActorKind::Key, Some(key.key_id), key.access)
        }
        None => {
            let signed_in = of_session(request, state).await?;
            let caller = signed_in.caller();
            (ActorKind::Session, Some(signed_in.key), caller)
        }
    };
    request.extensions_mut().insert(access.clone());
    Ok(Actor {
        kind,
        key_id,
        access,
        address,
        operation,
    })
}

/// Who is signed in. A script that changes something shows that it is of our own pages.
async fn of_session(request: &mut Request, state: &AppState) -> Result<SignedIn, Problem> {
    let no_key = || {
        let detail = "send an API key as `Authorization: Bearer KEY`";
        Problem {
            detail: detail.to_owned(),
            ..EngineError::Unauthenticated.into()
        }
    };
    if request.headers().contains_key(AUTHORIZATION) {
        return Err(no_key());
    }
    let signed_in = SignedIn::of(request.headers(), state).await?;
    let signed_in = signed_in.ok_or_else(no_key)?;
    if !request.method().is_safe() {
        signed_in.check_script(request.headers())?;
    }
    let rate = Arc::<KeyRate>::clone(&signed_in.rate);
    request.extensions_mut().insert(rate);
    Ok(signed_in)
}

/// The address that a request comes from. What a proxy says of it counts if the proxy runs on this
/// machine; anyone else may say anything.
pub fn address_of(headers: &HeaderMap, extensions: &Extensions) -> Option<String> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let forwarded = headers.get("x-forwarded-for");
    let forwarded = forwarded.and_then(|value| value.to_str().ok());
    // The proxy appends whom it hears; what comes before is what that one said.
    let last = forwarded.and_then(|list| list.rsplit(',').next());
    let told: Option<IpAddr> = last.and_then(|address| address.trim().parse().ok());
    let address = told.filter(|_| peer.ip().is_loopback());
    Some(address.unwrap_or(peer.ip()).to_string())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(secret.trim())
}

fn is_local(secret: &str, state: &AppState) -> bool {
    let local = state.local_secret.as_bytes();
    secret.as_bytes().ct_eq(local).into()
}

/// Anyone whom the table of routes has let through.
#[derive(Debug)]
pub struct Authenticated(pub Caller);

impl FromRequestParts<AppState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or(EngineError::Unauthenticated)?;
        Ok(Self(caller))
    }
}

/// A caller that is bound to no account. Which of them may call is the table's to say.
#[derive(Debug)]
pub struct Admin;

impl FromRequestParts<AppState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = Authenticated::from_request_parts(parts, state).await?.0;
        match caller.account_id {
            None => Ok(Self),
            Some(_) => {
                let detail = "it needs a key that is bound to no account".to_owned();
                Err(EngineError::Forbidden(detail).into())
            }
        }
    }
}

#[derive(Deserialize)]
struct AccountParam {
    account: Option<AccountId>,
}

/// The account that a request is about, if it is about one: the key's own, or, for those that are
/// bound to none, the one named by `?account=`. Only they may name none.
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
        match (caller.account_id, named.account) {
            (Some(own), Some(named)) if own != named => {
                let detail = format!("it is not for account `{named}`");
                Err(EngineError::Forbidden(detail).into())
            }
            (Some(own), _) => Ok(Self {
                account: Some(own),
                is_admin: false,
            }),
            (None, account) => Ok(Self {
                account,
                is_admin: true,
            }),
        }
    }
}

/// The account that a request is about: the key's own, or, for those that are bound to none, the one
/// named by `?account=`.
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
        let nobody = "this key is for all accounts; name one by ?account=";
        self.account
            .as_ref()
            .ok_or_else(|| Problem::invalid(nobody))
    }
}
