//! Prepaid balance: what an account can spend at once, without waiting for an invoice, and what of
//! it is on hold.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::credit::{CreditError, CreditManager, CreditUse};
use super::hold::{HOLD_SECS_MAX, Hold, HoldError, HoldMove, NewHold};
use crate::id::HoldId;
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

/// Why a balance was not spent. Nothing was taken.
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
    /// There is no such hold, or not any more.
    #[error("hold `{0}` is not open")]
    NoOpenHold(HoldId),
    /// A hold refused.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// A credit refused.
    #[error(transparent)]
    Credit(#[from] CreditError),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Spends an account's credits in real time: at once, or in two steps by a [`Hold`].
///
/// ```
/// use synor_economics::billing::{CreditEntry, CreditManager, CreditSource, NewHold, PrepaidManager};
/// use synor_economics::id::{CreditId, HoldId};
/// use synor_economics::{money::MicroSynor, period::Timestamp};
/// let (now, micro) = (Timestamp::from_secs(0), MicroSynor::new);
/// let source = CreditSource::Promotional { campaign: "launch".to_owned() };
/// let id = CreditId::derived(&["launch", "acme"]);
/// let credit = CreditEntry::grant(id, "acme".parse().unwrap(), micro(50), source, None, now)?;
/// let mut prepaid = PrepaidManager::new(CreditManager::new(vec![credit]), Vec::new());
/// let hold_id = HoldId::derived(&["a night of rendering"]);
/// prepaid.hold(
///     NewHold {
///         hold_id,
///         account_id: "acme".parse().unwrap(),
///         amount: micro(30),
///         reason: "rendering".to_owned(),
///         expires_at: now.plus_secs(3_600),
///     },
///     now,
/// )?;
/// assert_eq!(prepaid.balance(now)?, micro(20));
/// prepaid.capture(hold_id, Some(micro(12)), true, now)?;
/// assert_eq!(prepaid.balance(now)?, micro(38));
/// # Ok::<(), synor_economics::billing::PrepaidError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct PrepaidManager {
    credits: CreditManager,
    holds: BTreeMap<HoldId, Hold>,
    ends: BTreeSet<(Timestamp, HoldId)>,
}

impl PrepaidManager {
    /// Spends from these credits, on some of which there are these open holds.
    pub fn new(credits: CreditManager, holds: Vec<Hold>) -> Self {
        Self {
            credits,
            ends: holds.iter().map(|h| (h.expires_at, h.hold_id)).collect(),
            holds: holds.into_iter().map(|h| (h.hold_id, h)).collect(),
        }
    }

    /// The credits as they stand now.
    pub const fn credits(&self) -> &CreditManager {
        &self.credits
    }

    /// Gives up the credits.
    pub fn into_credits(self) -> CreditManager {
        self.credits
    }

    /// What can be spent now, in µSYNOR. Holds that have [expired](Self::expire) since do not count
    /// any more once that is noted.
    pub fn balance(&self, now: Timestamp) -> Result<MicroSynor, MoneyError> {
        self.credits.balance(now)
    }

    /// What is on hold, in µSYNOR.
    pub fn on_hold(&self) -> Result<MicroSynor, MoneyError> {
        let holds = self.holds.values();
        MicroSynor::sum(holds.map(Hold::left).collect::<Result<Vec<_>, _>>()?)
    }

    /// Whether the balance covers `required`.
    pub fn has_sufficient_balance(
        &self,
        required: MicroSynor,
        now: Timestamp,
    ) -> Result<bool, MoneyError> {
        Ok(self.balance(now)? >= required)
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
        self.refuse_insufficient(amount, now)?;
        Ok(self.credits.apply(amount, now)?)
    }

    /// Sets all of an amount aside, or nothing.
    pub fn hold(&mut self, new: NewHold, now: Timestamp) -> Result<Hold, PrepaidError> {
        if !new.amount.is_positive() {
            return Err(HoldError::NotPositive(new.amount).into());
        }
        let expires_at = new.expires_at;
        if expires_at <= now || now.plus_secs(HOLD_SECS_MAX) < expires_at {
            return Err(HoldError::Expiry { expires_at, now }.into());
        }
        self.refuse_insufficient(new.amount, now)?;
        let hold = Hold::place(new, &mut self.credits, now)?;
        self.ends.insert((hold.expires_at, hold.hold_id));
        self.holds.insert(hold.hold_id, hold.clone());
        Ok(hold)
    }

    /// Captures a part of an open hold, or all that is left of it. After the final capture the rest
    /// can be spent otherwise.
    pub fn capture(
        &mut self,
        hold: HoldId,
        amount: Option<MicroSynor>,
        is_final: bool,
        now: Timestamp,
    ) -> Result<(Hold, HoldMove), PrepaidError> {
        self.change(hold, |hold, credits| {
            hold.capture(amount, is_final, credits, now)
        })
    }

    /// Releases what is left of an open hold.
    pub fn release(
        &mut self,
        hold: HoldId,
        now: Timestamp,
    ) -> Result<(Hold, HoldMove), PrepaidError> {
        self.change(hold, |hold, credits| hold.release(credits, now))
    }

    /// Notes that a hold has expired, the one that expired first; nothing if there is none. Its rest
    /// can be spent.
    pub fn expire(&mut self, now: Timestamp) -> Result<Option<(Hold, HoldMove)>, PrepaidError> {
        match self.ends.first() {
            Some((end, hold)) if *end <= now => {
                let hold = *hold;
                self.change(hold, Hold::expire).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn change(
        &mut self,
        id: HoldId,
        change: impl FnOnce(&mut Hold, &mut CreditManager) -> Result<HoldMove, HoldError>,
    ) -> Result<(Hold, HoldMove), PrepaidError> {
        let hold = self.holds.get_mut(&id);
        let hold = hold.ok_or(PrepaidError::NoOpenHold(id))?;
        let moved = change(hold, &mut self.credits)?;
        hold.check()?;
        let hold = hold.clone();
        if hold.closed_at.is_some() {
            self.holds.remove(&id);
            self.ends.remove(&(hold.expires_at, id));
        }
        Ok((hold, moved))
    }

    fn refuse_insufficient(
        &self,
        required: MicroSynor,
        now: Timestamp,
    ) -> Result<(), PrepaidError> {
        let available = self.balance(now)?;
        if available >= required {
            return Ok(());
        }
        Err(PrepaidError::InsufficientBalance {
            available,
            required,
        })
    }
}
