//! Credits: value an account has before it is billed, from whom, until when, and what used it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{AccountId, CreditId, CreditNoteId, InvoiceId, TxId};
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

/// Why a credit could not be granted or used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CreditError {
    /// A credit of nothing.
    #[error("a credit must be above zero, not {0}")]
    NotPositive(MicroSynor),
    /// A credit that has ended before it starts.
    #[error("a credit that expires at {expires_at} cannot be granted at {now}")]
    AlreadyExpired {
        /// Its end.
        expires_at: Timestamp,
        /// The time of the grant.
        now: Timestamp,
    },
    /// More was given back than had been used.
    #[error("credit {credit} cannot take back more than was used of it")]
    NotUsed {
        /// The credit.
        credit: CreditId,
    },
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Where a credit comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum CreditSource {
    /// Coins that the customer deposited.
    Prepaid {
        /// The transfer that brought them.
        tx_id: TxId,
    },
    /// A campaign.
    Promotional {
        /// Its name.
        campaign: String,
    },
    /// A referral.
    Referral {
        /// Who referred the account.
        referred_by: AccountId,
    },
    /// Compensation for an incident.
    SlaCredit {
        /// The incident.
        incident_id: String,
    },
    /// Given by a person.
    Manual {
        /// Why.
        reason: String,
        /// By whom.
        admin: String,
    },
    /// What a credit note gave back of an invoice that had been paid in coins.
    Refund {
        /// The credit note.
        credit_note_id: CreditNoteId,
    },
    /// What a credit note gave back of an invoice that had used granted credit.
    CreditNote {
        /// The credit note.
        credit_note_id: CreditNoteId,
    },
    /// Corrections that outweighed usage on an invoice.
    Correction {
        /// The invoice that carries it over.
        invoice_id: InvoiceId,
    },
}

impl CreditSource {
    /// Whether the customer paid for it in coins, so that using it is collecting.
    pub const fn is_prepaid(&self) -> bool {
        matches!(self, Self::Prepaid { .. } | Self::Refund { .. })
    }

    /// What people read.
    pub fn describe(&self) -> String {
        match self {
            Self::Prepaid { tx_id } => format!("prepaid by {tx_id}"),
            Self::Promotional { campaign } => format!("promotion {campaign}"),
            Self::Referral { referred_by } => format!("referral by {referred_by}"),
            Self::SlaCredit { incident_id } => format!("SLA, incident {incident_id}"),
            Self::Manual { reason, admin } => format!("{reason} ({admin})"),
            Self::Refund { credit_note_id } => format!("refunded by {credit_note_id}"),
            Self::CreditNote { credit_note_id } => format!("credited by {credit_note_id}"),
            Self::Correction { invoice_id } => format!("carried over from {invoice_id}"),
        }
    }
}

/// One credit and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditEntry {
    /// Which credit.
    pub credit_id: CreditId,
    /// Whose.
    pub account_id: AccountId,
    /// What was granted.
    pub amount_micro_synor: MicroSynor,
    /// What is left.
    pub remaining_micro_synor: MicroSynor,
    /// From where.
    pub source: CreditSource,
    /// From this instant on it is not applied any more; absent if never.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// Since when.
    pub created_at: Timestamp,
}

impl CreditEntry {
    /// A new credit, whole.
    pub fn grant(
        credit_id: CreditId,
        account_id: AccountId,
        amount: MicroSynor,
        source: CreditSource,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, CreditError> {
        if !amount.is_positive() {
            return Err(CreditError::NotPositive(amount));
        }
        if let Some(expires_at) = expires_at.filter(|end| *end <= now) {
            return Err(CreditError::AlreadyExpired { expires_at, now });
        }
        Ok(Self {
            credit_id,
            account_id,
            amount_micro_synor: amount,
            remaining_micro_synor: amount,
            source,
            expires_at,
            created_at: now,
        })
    }

    /// Whether it has not expired.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// What can be used of it now, in µSYNOR.
    pub fn available_at(&self, now: Timestamp) -> MicroSynor {
        if self.is_valid_at(now) {
            self.remaining_micro_synor
        } else {
            MicroSynor::ZERO
        }
    }
}

/// What was used of one credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditUse {
    /// Of which credit.
    pub credit_id: CreditId,
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// Whether it was prepaid in coins.
    pub is_prepaid: bool,
}

/// The credits of one account, decided about together.
///
/// ```
/// use synor_economics::billing::{CreditEntry, CreditManager, CreditSource};
/// use synor_economics::{id::CreditId, money::MicroSynor, period::Timestamp};
/// let now = Timestamp::from_secs(0);
/// let source = CreditSource::Promotional { campaign: "launch".to_owned() };
/// let id = CreditId::derived(&["launch", "acme"]);
/// let credit = CreditEntry::grant(id, "acme".parse().unwrap(), MicroSynor::new(50), source, None, now)?;
/// let mut credits = CreditManager::new(vec![credit]);
/// let uses = credits.apply(MicroSynor::new(70), now)?;
/// assert_eq!(uses[0].amount_micro_synor.micro(), 50);
/// assert!(credits.balance(now)?.is_zero());
/// # Ok::<(), synor_economics::billing::CreditError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct CreditManager {
    credits: Vec<CreditEntry>,
}

impl CreditManager {
    /// Manages these credits, in order of use: soonest expiring first, then oldest.
    pub fn new(mut credits: Vec<CreditEntry>) -> Self {
        credits.sort_by_key(|c| {
            (
                c.expires_at.map_or(i64::MAX, Timestamp::secs),
                c.created_at,
                c.credit_id,
            )
        });
        Self { credits }
    }

    /// The credits as they stand now.
    pub fn credits(&self) -> &[CreditEntry] {
        &self.credits
    }

    /// Gives up the credits.
    pub fn into_credits(self) -> Vec<CreditEntry> {
        self.credits
    }

    /// What can be used now, in µSYNOR.
    pub fn balance(&self, now: Timestamp) -> Result<MicroSynor, MoneyError> {
        MicroSynor::sum(self.credits.iter().map(|c| c.available_at(now)))
    }

    /// Uses up to `amount`, and says how much of which credit. Expired credit is never used.
    pub fn apply(
        &mut self,
        amount: MicroSynor,
        now: Timestamp,
    ) -> Result<Vec<CreditUse>, CreditError> {
        let mut wanted = amount;
        let mut uses = Vec::new();
        for credit in &mut self.credits {
            let take = credit.available_at(now).min(wanted);
            if !take.is_positive() {
                continue;
            }
            credit.remaining_micro_synor = credit.remaining_micro_synor.checked_sub(take)?;
            wanted = wanted.checked_sub(take)?;
            uses.push(CreditUse {
                credit_id: credit.credit_id,
                amount_micro_synor: take,
                is_prepaid: credit.source.is_prepaid(),
            });
        }
        Ok(uses)
    }

    /// Gives back what a voided invoice had used.
    pub fn give_back(&mut self, uses: &[CreditUse]) -> Result<(), CreditError> {
        for used in uses {
            let not_used = CreditError::NotUsed {
                credit: used.credit_id,
            };
            let credit = self
                .credits
                .iter_mut()
                .find(|c| c.credit_id == used.credit_id)
                .ok_or_else(|| not_used.clone())?;
            let restored = credit
                .remaining_micro_synor
                .checked_add(used.amount_micro_synor)?;
            if restored > credit.amount_micro_synor {
                return Err(not_used);
            }
            credit.remaining_micro_synor = restored;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn credit(name: &str, amount: i64, expires: Option<i64>, created: i64) -> CreditEntry {
        CreditEntry {
            credit_id: CreditId::derived(&[name]),
            account_id: "acme".parse().unwrap(),
            amount_micro_synor: MicroSynor::new(amount),
            remaining_micro_synor: MicroSynor::new(amount),
            source: CreditSource::Promotional {
                campaign: name.to_owned(),
            },
            expires_at: expires.map(Timestamp::from_secs),
            created_at: Timestamp::from_secs(created),
        }
    }

    #[test]
    fn the_soonest_to_expire_goes_first_then_the_oldest() {
        let mut credits = CreditManager::new(vec![
            credit("old", 10, None, 1),
            credit("older", 10, None, 0),
            credit("ends at 50", 10, Some(50), 3),
            credit("expired", 10, Some(20), 0),
        ]);
        let uses = credits
            .apply(MicroSynor::new(25), Timestamp::from_secs(20))
            .unwrap();
        let used: Vec<_> = uses
            .iter()
            .map(|u| (u.credit_id, u.amount_micro_synor.micro()))
            .collect();
        let id = |name| CreditId::derived(&[name]);
        assert_eq!(
            used,
            [(id("ends at 50"), 10), (id("older"), 10), (id("old"), 5)]
        );
        credits.give_back(&uses).unwrap();
        assert_eq!(
            credits.balance(Timestamp::from_secs(20)).unwrap().micro(),
            30
        );
        assert!(credits.give_back(&uses).is_err());
    }

    proptest! {
        #[test]
        fn no_more_is_used_than_asked_or_there(
            amounts in prop::collection::vec((1i64..1000, prop::option::of(0i64..100)), 0..10),
            asked in 0i64..5000,
            now in 0i64..100,
        ) {
            let credits = amounts.iter().enumerate()
                .map(|(n, (amount, ends))| credit(&n.to_string(), *amount, *ends, 0)).collect();
            let mut manager = CreditManager::new(credits);
            let now = Timestamp::from_secs(now);
            let before = manager.balance(now).unwrap();
            let uses = manager.apply(MicroSynor::new(asked), now).unwrap();
            let used = MicroSynor::sum(uses.iter().map(|u| u.amount_micro_synor)).unwrap();
            prop_assert_eq!(used, before.min(MicroSynor::new(asked)));
            prop_assert_eq!(manager.balance(now).unwrap(), before.checked_sub(used).unwrap());
        }
    }
}
