//! Ids that know what they identify: an invoice's id cannot be passed where a payment's is wanted.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use uuid::Uuid;

/// The namespace under which ids are derived from what they stand for.
const NAMESPACE: Uuid = Uuid::from_u128(0x9d7c_6c5e_51f7_4a60_9a0e_2b1c_5d53_0c01);

/// A text that is not the id, address or name it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {expected}")]
pub struct IdError {
    text: String,
    expected: &'static str,
}

impl IdError {
    fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            expected,
        }
    }
}

/// What an [`Id`] identifies.
pub trait Kind {
    /// The letters before the underscore: `inv` in `inv_0192…`.
    const PREFIX: &'static str;
    /// What to call it in an error.
    const EXPECTED: &'static str;
}

/// An id of one kind, printed with the kind's prefix.
///
/// ```
/// use synor_economics::id::InvoiceId;
/// let id = InvoiceId::derived(&["acme", "1704067200"]);
/// assert_eq!(id, InvoiceId::derived(&["acme", "1704067200"]));
/// assert!(id.to_string().starts_with("inv_"));
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K: Kind> Id<K> {
    /// The id with this UUID.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The id that always stands for these parts (UUID version 5): deriving it twice cannot make
    /// two things of one.
    pub fn derived(parts: &[&str]) -> Self {
        // The unit separator cannot occur in any part that is validated elsewhere.
        let name = format!("{}\u{1f}{}", K::PREFIX, parts.join("\u{1f}"));
        Self::from_uuid(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }

    /// The UUID behind the id.
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}_{}", K::PREFIX, self.0.simple()))
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.0.simple())
    }
}
impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|hex| hex.len() == 32)
            .and_then(|hex| Uuid::try_parse(hex).ok())
            .map(Self::from_uuid)
            .ok_or_else(|| IdError::new(text, K::EXPECTED))
    }
}
impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $alias:ident = $kind:ident($prefix:literal, $expected:literal);)*) => {$(
        #[doc = concat!("The kind of [`", stringify!($alias), "`].")]
        #[derive(Debug)]
        pub enum $kind {}
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const EXPECTED: &'static str = $expected;
        }
        $(#[$doc])*
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    /// An invoice, derived from its account and period.
    InvoiceId = InvoiceKind("inv", "an invoice id (inv_ and 32 hex digits)");
    /// A payment, derived from its transaction and invoice.
    PaymentId = PaymentKind("pay", "a payment id (pay_ and 32 hex digits)");
    /// A credit.
    CreditId = CreditKind("crd", "a credit id (crd_ and 32 hex digits)");
    /// A credit note.
    CreditNoteId = CreditNoteKind("cn", "a credit note id (cn_ and 32 hex digits)");
    /// A deposit that was asked for.
    DepositId = DepositKind("dep", "a deposit id (dep_ and 32 hex digits)");
    /// A deduction from a prepaid balance.
    DeductionId = DeductionKind("ded", "a deduction id (ded_ and 32 hex digits)");
    /// A hold on a balance.
    HoldId = HoldKind("hld", "a hold id (hld_ and 32 hex digits)");
    /// A commitment.
    CommitmentId = CommitmentKind("com", "a commitment id (com_ and 32 hex digits)");
    /// A journal entry.
    EntryId = EntryKind("jnl", "a journal entry id (jnl_ and 32 hex digits)");
    /// An API key (not the secret itself).
    ApiKeyId = ApiKeyKind("key", "an API key id (key_ and 32 hex digits)");
    /// A provider's offer of spare capacity on the spot market.
    AskId = AskKind("ask", "an ask id (ask_ and 32 hex digits)");
    /// A customer's bid for spare capacity on the spot market.
    BidId = BidKind("bid", "a bid id (bid_ and 32 hex digits)");
    /// A place that webhooks are posted to.
    EndpointId = EndpointKind("whe", "a webhook endpoint id (whe_ and 32 hex digits)");
    /// A message of the outbox; those made later have a greater id.
    MessageId = MessageKind("msg", "a message id (msg_ and 32 hex digits)");
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($max:literal, $expected:literal, $extra:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text of the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let fits = (1..=$max).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || $extra.contains(&b))
                    && text.as_bytes()[0].is_ascii_alphanumeric();
                if fits { Ok(Self(text.to_owned())) } else { Err(IdError::new(text, $expected)) }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

names! {
    /// A customer's account: the name the operator gave it, 1 to 128 letters, digits, `.`, `_`,
    /// `-`, `:`.
    AccountId(128, "an account id (1 to 128 letters, digits, `.`, `_`, `-`, `:`)", b"._-:");
    /// An operator that serves usage and is paid for it.
    ProviderId(128, "a provider id (1 to 128 letters, digits, `.`, `_`, `-`, `:`)", b"._-:");
    /// An address on the chain, as the chain prints it.
    Address(128, "a chain address", b"._-:");
    /// A transaction on the chain, as the chain prints it.
    TxId(128, "a transaction id", b"._-:");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let invoice = InvoiceId::derived(&["a"]);
        let error = invoice.to_string().parse::<PaymentId>().unwrap_err();
        assert!(error.to_string().contains("is not a payment id"), "{error}");
    }

    #[test]
    fn names_refuse_what_would_break_a_path_or_a_table() {
        for bad in ["", "a/b", "a b", "-a", "é", "a\n", &"x".repeat(129)] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad:?}");
        }
        assert!(
            "64e355d7-997c-491d-b0c1-8414dccfcf42"
                .parse::<AccountId>()
                .is_ok()
        );
    }
}
