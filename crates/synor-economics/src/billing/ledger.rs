//! The journal: every movement of value is a balanced double entry, and nothing else is truth.
//!
//! The chart of accounts. Debits are positive, credits negative; every entry sums to zero.
//!
//! | account | kind | what it holds |
//! |---|---|---|
//! | `assets:chain_clearing` | asset | coins received on chain and counted |
//! | `assets:receivable:ACCOUNT` | asset | what a customer owes on finalized invoices |
//! | `assets:clawback:ACCOUNT` | asset | coins spent here that the chain then took back |
//! | `liabilities:prepaid:ACCOUNT` | liability | a customer's unused deposits |
//! | `liabilities:credit:ACCOUNT` | liability | a customer's unused granted credit |
//! | `liabilities:held:ACCOUNT` | liability | what of both is on hold |
//! | `liabilities:operator:PROVIDER` | liability | what an operator has earned |
//! | `liabilities:treasury` | liability | the protocol treasury's share |
//! | `liabilities:burn` | liability | what is to be burnt |
//! | `liabilities:refunds:ACCOUNT` | liability | what is being refunded to a customer's address |
//! | `liabilities:tax` | liability | taxes invoiced, for the authorities |
//! | `liabilities:suspense` | liability | coins received that name no invoice or deposit |
//! | `income:service_fees` | income | fees earned and not yet distributed |
//! | `income:credits_expired` | income | credit that expired unused: what was given away and never taken |
//! | `expenses:credits_granted` | expense | credit given away |
//! | `expenses:write_offs` | expense | what was owed on invoices and given up, until it is paid after all |

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{AccountId, EntryId, ProviderId};
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

/// Why an entry is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// Debits and credits differ.
    #[error("entry `{description}` does not balance: it sums to {sum}")]
    Unbalanced {
        /// The entry.
        description: String,
        /// What it sums to.
        sum: MicroSynor,
    },
    /// An entry without movement.
    #[error("entry `{0}` moves nothing")]
    Empty(String),
    /// The name of no ledger account.
    #[error("`{0}` is not an account of the journal")]
    UnknownAccount(String),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// An account of the journal; the module's documentation explains each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum LedgerAccount {
    ChainClearing,
    Receivable(AccountId),
    Clawback(AccountId),
    Prepaid(AccountId),
    Credit(AccountId),
    Held(AccountId),
    Operator(ProviderId),
    Treasury,
    Burn,
    Refunds(AccountId),
    Tax,
    Suspense,
    ServiceFees,
    CreditsExpired,
    CreditsGranted,
    WriteOffs,
}

impl LedgerAccount {
    /// Whether its balance may never be above zero: a wallet, whose credit balance is what its
    /// owner has.
    pub const fn is_wallet(&self) -> bool {
        matches!(
            self,
            Self::Prepaid(_)
                | Self::Credit(_)
                | Self::Held(_)
                | Self::Operator(_)
                | Self::Refunds(_)
                | Self::Suspense
        )
    }
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::ChainClearing => "assets:chain_clearing".to_owned(),
            Self::Receivable(id) => format!("assets:receivable:{id}"),
            Self::Clawback(id) => format!("assets:clawback:{id}"),
            Self::Prepaid(id) => format!("liabilities:prepaid:{id}"),
            Self::Credit(id) => format!("liabilities:credit:{id}"),
            Self::Held(id) => format!("liabilities:held:{id}"),
            Self::Operator(id) => format!("liabilities:operator:{id}"),
            Self::Treasury => "liabilities:treasury".to_owned(),
            Self::Burn => "liabilities:burn".to_owned(),
            Self::Refunds(id) => format!("liabilities:refunds:{id}"),
            Self::Tax => "liabilities:tax".to_owned(),
            Self::Suspense => "liabilities:suspense".to_owned(),
            Self::ServiceFees => "income:service_fees".to_owned(),
            Self::CreditsExpired => "income:credits_expired".to_owned(),
            Self::CreditsGranted => "expenses:credits_granted".to_owned(),
            Self::WriteOffs => "expenses:write_offs".to_owned(),
        };
        f.pad(&text)
    }
}

impl FromStr for LedgerAccount {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let unknown = || LedgerError::UnknownAccount(text.to_owned());
        let mut parts = text.splitn(3, ':');
        let (class, name, owner) = (parts.next(), parts.next(), parts.next());
        let account = |owner: Option<&str>| owner.and_then(|o| o.parse().ok()).ok_or_else(unknown);
        Ok(match (class, name, owner) {
            (Some("assets"), Some("chain_clearing"), None) => Self::ChainClearing,
            (Some("assets"), Some("receivable"), _) => Self::Receivable(account(owner)?),
            (Some("assets"), Some("clawback"), _) => Self::Clawback(account(owner)?),
            (Some("liabilities"), Some("prepaid"), _) => Self::Prepaid(account(owner)?),
            (Some("liabilities"), Some("credit"), _) => Self::Credit(account(owner)?),
            (Some("liabilities"), Some("held"), _) => Self::Held(account(owner)?),
            (Some("liabilities"), Some("operator"), Some(owner)) => {
                Self::Operator(owner.parse().map_err(|_| unknown())?)
            }
            (Some("liabilities"), Some("treasury"), None) => Self::Treasury,
            (Some("liabilities"), Some("burn"), None) => Self::Burn,
            (Some("liabilities"), Some("refunds"), _) => Self::Refunds(account(owner)?),
            (Some("liabilities"), Some("tax"), None) => Self::Tax,
            (Some("liabilities"), Some("suspense"), None) => Self::Suspense,
            (Some("income"), Some("service_fees"), None) => Self::ServiceFees,
            (Some("income"), Some("credits_expired"), None) => Self::CreditsExpired,
            (Some("expenses"), Some("credits_granted"), None) => Self::CreditsGranted,
            (Some("expenses"), Some("write_offs"), None) => Self::WriteOffs,
            _ => return Err(unknown()),
        })
    }
}

crate::wire::as_text!(LedgerAccount);

/// One side of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Which account.
    pub account: LedgerAccount,
    /// How much: a debit is above zero, a credit below.
    pub amount_micro_synor: MicroSynor,
}

/// A balanced entry. There is no way to make another kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Which entry: derived from what caused it, so that it cannot be posted twice.
    pub entry_id: EntryId,
    /// When it was posted.
    pub posted_at: Timestamp,
    /// What people read.
    pub description: String,
    /// The two sides and more.
    pub postings: Vec<Posting>,
}

impl JournalEntry {
    /// An entry from debits (above zero) and credits (below zero) that must sum to zero. Postings
    /// of nothing are left out. `cause` names what happened, once and for ever.
    ///
    /// ```
    /// use synor_economics::billing::{JournalEntry, LedgerAccount};
    /// use synor_economics::{money::MicroSynor, period::Timestamp};
    /// let [debit, credit] = [5, -4].map(MicroSynor::new);
    /// let sides = [(LedgerAccount::ChainClearing, debit), (LedgerAccount::Suspense, credit)];
    /// let error = JournalEntry::new(&["a"], Timestamp::from_secs(0), "unmatched".to_owned(), sides);
    /// assert!(error.is_err());
    /// ```
    pub fn new(
        cause: &[&str],
        posted_at: Timestamp,
        description: String,
        sides: impl IntoIterator<Item = (LedgerAccount, MicroSynor)>,
    ) -> Result<Self, LedgerError> {
        Self::with_id(EntryId::derived(cause), posted_at, description, sides)
    }

    /// The same for a cause that has an id of its own, which the entry then has, too: ids that are
    /// made in order of time lie beside each other in the book.
    pub fn with_id(
        entry_id: EntryId,
        posted_at: Timestamp,
        description: String,
        sides: impl IntoIterator<Item = (LedgerAccount, MicroSynor)>,
    ) -> Result<Self, LedgerError> {
        let postings = sides
            .into_iter()
            .filter(|(_, amount)| !amount.is_zero())
            .map(|(account, amount_micro_synor)| Posting {
                account,
                amount_micro_synor,
            })
            .collect();
        let entry = Self {
            entry_id,
            posted_at,
            description,
            postings,
        };
        entry.check()?;
        Ok(entry)
    }

    /// The invariant of an entry: it moves something and sums to zero.
    pub fn check(&self) -> Result<(), LedgerError> {
        if self.postings.is_empty() {
            return Err(LedgerError::Empty(self.description.clone()));
        }
        let sum = MicroSynor::sum(self.postings.iter().map(|p| p.amount_micro_synor))?;
        if sum.is_zero() {
            Ok(())
        } else {
            Err(LedgerError::Unbalanced {
                description: self.description.clone(),
                sum,
            })
        }
    }
}
