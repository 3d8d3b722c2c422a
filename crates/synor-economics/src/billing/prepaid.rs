//! Prepaid balance: what an account can spend at once, without waiting for an invoice.

use thiserror::Error;

use super::credit::{CreditError, CreditManager, CreditUse};
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

/// Why a deduction did not happen. Nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrepaidError {
    /// There is less than was asked for.
    #[error("the balance of {available} does not cover {required}; nothing was taken")]
    InsufficientBalance {
        /// What there is.
        available: MicroSynor,
        /// What was asked for.
        required: MicroSynor,
    },
    /// A deduction of nothing.
    #[error("a deduction must be above zero, not {0}")]
    NotPositive(MicroSynor),
    /// A credit refused.
    #[error(transparent)]
    Credit(#[from] CreditError),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Spends an account's credits in real time.
#[derive(Debug)]
pub struct PrepaidManager<'a> {
    credits: &'a mut CreditManager,
}

impl<'a> PrepaidManager<'a> {
    /// Spends from these credits.
    pub const fn new(credits: &'a mut CreditManager) -> Self {
        Self { credits }
    }

    /// Whether the balance covers `required`.
    pub fn has_sufficient_balance(
        &self,
        required: MicroSynor,
        now: Timestamp,
    ) -> Result<bool, MoneyError> {
        Ok(self.credits.balance(now)? >= required)
    }

    /// Takes all of `amount`, or nothing.
    pub fn deduct(
        &mut self,
        amount: MicroSynor,
        now: Timestamp,
    ) -> Result<Vec<CreditUse>, PrepaidError> {
        if !amount.is_positive() {
            return Err(PrepaidError::NotPositive(amount));
        }
        if !self.has_sufficient_balance(amount, now)? {
            let available = self.credits.balance(now)?;
            return Err(PrepaidError::InsufficientBalance {
                available,
                required: amount,
            });
        }
        Ok(self.credits.apply(amount, now)?)
    }
}
