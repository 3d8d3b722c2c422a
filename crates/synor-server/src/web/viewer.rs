//! Who looks at a page, and at whose.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use synor_economics::id::AccountId;
use synor_engine::EngineError;
use synor_store::Role;

use super::page::Failure;
use crate::problem::Problem;
use crate::request::Params;
use crate::session::SignedIn;
use crate::state::AppState;

/// Who looks at a page.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// With which role.
    pub role: Role,
    /// Whether it is one of the operator's people, who see all accounts.
    pub is_staff: bool,
    /// The account that is looked at: one's own, or the one that staff named by `?account=`.
    pub account: Option<AccountId>,
    /// What a form that changes something carries.
    pub csrf: String,
}

/// Those who see an account's money.
const MONEY: &[Role] = &[Role::Customer, Role::Finance, Role::Admin];
/// Those who see the books.
const BOOKS: &[Role] = &[Role::Finance, Role::Admin];
/// Those who decide about prices.
const OPERATE: &[Role] = &[Role::Operator, Role::Admin];

impl Viewer {
    fn require(&self, roles: &[Role], what: &str) -> Result<(), Failure> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        let detail = format!("{what} is not for the role {}", self.role);
        Err(EngineError::Forbidden(detail).into())
    }

    /// Whether the books are theirs to see.
    pub fn sees_books(&self) -> bool {
        BOOKS.contains(&self.role)
    }

    /// Refuses those who do not see an account's money.
    pub fn require_money(&self) -> Result<(), Failure> {
        self.require(MONEY, "what an account has and owes")
    }

    /// Refuses those who do not see the books.
    pub fn require_books(&self) -> Result<(), Failure> {
        self.require(BOOKS, "this page of the books")
    }

    /// Refuses those who do not decide about prices.
    pub fn require_operate(&self) -> Result<(), Failure> {
        self.require(OPERATE, "deciding about prices")
    }

    /// The operator's person who sent a form.
    pub fn staff(signed_in: SignedIn) -> Result<Self, Failure> {
        if signed_in.account.is_some() || signed_in.role == Role::IngestOnly {
            let detail = "these pages are the operator's".to_owned();
            return Err(EngineError::Forbidden(detail).into());
        }
        Ok(Self {
            is_staff: true,
            account: None,
            role: signed_in.role,
            csrf: signed_in.csrf,
        })
    }
}

#[derive(Deserialize)]
struct AccountParam {
    account: Option<String>,
}

impl FromRequestParts<AppState> for Viewer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let signed_in = SignedIn::from_request_parts(parts, state).await?;
        let Params(named): Params<AccountParam> = Params::from_request_parts(parts, state).await?;
        let named = named.account.filter(|id| !id.is_empty());
        let named: Option<AccountId> = named
            .map(|id| id.parse())
            .transpose()
            .map_err(|error| Problem::invalid(format!("account: {error}")))?;
        if signed_in.role == Role::IngestOnly {
            let detail = "this key reports usage and sees nothing".to_owned();
            return Err(EngineError::Forbidden(detail).into());
        }
        if let Some(named) = &named {
            signed_in.require_account(named)?;
        }
        Ok(Self {
            is_staff: signed_in.account.is_none(),
            account: signed_in.account.or(named),
            role: signed_in.role,
            csrf: signed_in.csrf,
        })
    }
}

/// Somebody who looks at an account.
#[derive(Debug, Clone)]
pub struct OfAccount {
    /// Who.
    pub viewer: Viewer,
    /// At which account.
    pub account: AccountId,
}

impl FromRequestParts<AppState> for OfAccount {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let viewer = Viewer::from_request_parts(parts, state).await?;
        match viewer.account.clone() {
            Some(account) => Ok(Self { viewer, account }),
            // Staff choose one first.
            None => Err(Redirect::to("/admin/accounts").into_response().into()),
        }
    }
}

/// One of the operator's people.
#[derive(Debug, Clone)]
pub struct Staff(pub Viewer);

impl FromRequestParts<AppState> for Staff {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let viewer = Viewer::from_request_parts(parts, state).await?;
        if viewer.is_staff {
            return Ok(Self(viewer));
        }
        let detail = "these pages are the operator's".to_owned();
        Err(EngineError::Forbidden(detail).into())
    }
}
