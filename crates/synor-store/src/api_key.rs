//! API keys: who calls. The secret is never stored, only its hash.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, ApiKeyId};
use synor_economics::period::Timestamp;

use crate::document::{Document, Keys, Kind};

/// What kind of caller someone is. Which role may do what is decided by the server's table of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything about one account, nothing about another; no metering.
    #[serde(alias = "account")]
    Customer,
    /// Reads everything, and moves money.
    Finance,
    /// Prices, markets and incidents; no keys and no money.
    Operator,
    /// Everything.
    Admin,
    /// Reports usage, of one account or of all, and does nothing else.
    IngestOnly,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [
        Self::Customer,
        Self::Finance,
        Self::Operator,
        Self::Admin,
        Self::IngestOnly,
    ];

    /// The role's name, as it is stored and answered.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Finance => "finance",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::IngestOnly => "ingest_only",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a key may do: a role, and the account that it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// What kind of caller its holder is.
    pub role: Role,
    /// The only account that it reaches; all, if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account_id: Option<AccountId>,
}

impl Access {
    /// Everything.
    pub const fn admin() -> Self {
        Self::all_accounts(Role::Admin)
    }

    /// What a customer may do about an account.
    pub const fn customer(account: AccountId) -> Self {
        Self {
            role: Role::Customer,
            account_id: Some(account),
        }
    }

    /// A role that is bound to no account.
    pub const fn all_accounts(role: Role) -> Self {
        let account_id = None;
        Self { role, account_id }
    }

    /// Whether role and account fit together: a customer has an account, staff has none.
    pub fn check(&self) -> Result<(), String> {
        let fits = match self.role {
            Role::Customer => self.account_id.is_some(),
            Role::Finance | Role::Operator | Role::Admin => self.account_id.is_none(),
            Role::IngestOnly => true,
        };
        let role = self.role;
        fits.then_some(()).ok_or_else(|| match self.account_id {
            Some(_) => format!("the role {role} is for all accounts, not for one"),
            None => format!("the role {role} needs an account"),
        })
    }
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
    pub access: Access,
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
    /// From when on it is not valid any more, decided beforehand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute; nothing before its first use.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub used_at: Option<Timestamp>,
    /// The key that it replaces.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rotated_from: Option<ApiKeyId>,
    /// How much it may ask for, where that is its own.
    #[serde(flatten)]
    pub rate_limit: RateLimit,
}

impl ApiKey {
    /// Whether it opens anything at this time.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

impl Document for ApiKey {
    const KIND: Kind = Kind::ApiKey;
    fn keys(&self) -> Keys {
        Keys {
            id: self.key_id.to_string(),
            account: self.access.account_id.clone(),
            lookup: Some(self.hash.clone()),
            sort_key: self.created_at.secs(),
            is_open: self.revoked_at.is_none(),
        }
    }
    fn check(&self) -> Result<(), String> {
        self.access.check()
    }
}
