//! Holds: a part of a balance that is set aside for one purpose, so that work can begin before its
//! cost is known and still never costs more than there is.
//!
//! A hold is open until it is captured to the end, released, or expires. What is on hold belongs to
//! nobody else meanwhile; what is not captured goes back to the credits that it came from. Two
//! rules need saying:
//!
//! - A hold ends at the instant `expires_at`, whoever notices when: from then on it cannot be
//!   captured, and what is left of it can be spent.
//! - Holding a credit secures it. What is on hold can be captured although its credit has expired
//!   meanwhile; what goes back to an expired credit is expired like the rest of it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::credit::{CreditError, CreditManager, CreditUse};
use crate::id::{AccountId, HoldId};
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

/// The longest that a hold may last, in seconds: 31 days.
pub const HOLD_SECS_MAX: i64 = 31 * 86_400;

/// Why something could not be done with a hold. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HoldError {
    /// A hold of nothing, or a capture of nothing.
    #[error("the amount must be above zero, not {0}")]
    NotPositive(MicroSynor),
    /// A hold that has ended before it starts, or lasts too long.
    #[error(
        "a hold that is placed at {now} must expire within {HOLD_SECS_MAX} seconds, not at \
         {expires_at}"
    )]
    Expiry {
        /// Its end.
        expires_at: Timestamp,
        /// The time of placing it.
        now: Timestamp,
    },
    /// The hold has ended.
    #[error("hold {hold} is {status} and cannot change any more")]
    Closed {
        /// Which hold.
        hold: HoldId,
        /// How it ended.
        status: HoldStatus,
    },
    /// More was to be captured than is on hold.
    #[error("hold {hold} has {left} left, which does not cover {required}; nothing was captured")]
    Exceeded {
        /// Which hold.
        hold: HoldId,
        /// What is left of it.
        left: MicroSynor,
        /// What was asked for.
        required: MicroSynor,
    },
    /// Its parts are not the whole.
    #[error("the parts of hold {0} do not come to its amount")]
    NotWhole(HoldId),
    /// A credit refused.
    #[error(transparent)]
    Credit(#[from] CreditError),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldStatus {
    /// It can be captured.
    Open,
    /// Its last capture was made.
    Captured,
    /// What was left of it was given back before it expired.
    Released,
    /// It was not captured to the end in time.
    Expired,
}

impl std::fmt::Display for HoldStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
        })
    }
}

/// What is to be set aside.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// Which hold it will be.
    pub hold_id: HoldId,
    /// Of whose balance.
    pub account_id: AccountId,
    /// How much.
    pub amount: MicroSynor,
    /// What for.
    pub reason: String,
    /// From this instant on it cannot be captured.
    pub expires_at: Timestamp,
}

/// A part of a balance that is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which hold.
    pub hold_id: HoldId,
    /// Of whose balance.
    pub account_id: AccountId,
    /// What was set aside.
    pub amount_micro_synor: MicroSynor,
    /// What of it was captured.
    pub captured_micro_synor: MicroSynor,
    /// What of it went back.
    pub released_micro_synor: MicroSynor,
    /// Where it stands.
    pub status: HoldStatus,
    /// What for.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// From this instant on it cannot be captured.
    pub expires_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub closed_at: Option<Timestamp>,
    /// What is on hold now, of which credits; nothing once it has ended.
    pub credits: Vec<CreditUse>,
}

/// What changed hands when a hold moved on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldMove {
    /// What was captured, of which credits.
    pub captured: Vec<CreditUse>,
    /// What went back, to which credits.
    pub released: Vec<CreditUse>,
}

impl Hold {
    /// Sets all of the amount aside. The credits must cover it.
    pub(super) fn place(
        new: NewHold,
        credits: &mut CreditManager,
        now: Timestamp,
    ) -> Result<Self, HoldError> {
        let held = credits.apply(new.amount, now)?;
        let hold = Self {
            hold_id: new.hold_id,
            account_id: new.account_id,
            amount_micro_synor: new.amount,
            captured_micro_synor: MicroSynor::ZERO,
            released_micro_synor: MicroSynor::ZERO,
            status: HoldStatus::Open,
            reason: new.reason,
            created_at: now,
            expires_at: new.expires_at,
            closed_at: None,
            credits: held,
        };
        hold.check()?;
        Ok(hold)
    }

    /// What is left to be captured, in µSYNOR.
    pub fn left(&self) -> Result<MicroSynor, MoneyError> {
        MicroSynor::sum(self.credits.iter().map(|used| used.amount_micro_synor))
    }

    /// Whether it has expired by then, be it noted already or not.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        self.status == HoldStatus::Expired
            || (self.status == HoldStatus::Open && self.expires_at <= now)
    }

    /// The hold as it is to be seen at this time: one that has expired as such, also before that
    /// was noted.
    pub fn seen_at(mut self, now: Timestamp) -> Result<Self, HoldError> {
        if self.status == HoldStatus::Open && self.is_expired_at(now) {
            self.end(HoldStatus::Expired, self.expires_at)?;
        }
        Ok(self)
    }

    /// The invariant: what was captured, what went back and what is on hold come to the amount, and
    /// nothing is on hold once it has ended.
    pub fn check(&self) -> Result<(), HoldError> {
        let left = self.left()?;
        let parts = [self.captured_micro_synor, self.released_micro_synor, left];
        let is_open = self.status == HoldStatus::Open;
        let is_whole = MicroSynor::sum(parts)? == self.amount_micro_synor
            && parts.iter().all(|part| !part.is_negative())
            && is_open == left.is_positive()
            && is_open == self.closed_at.is_none();
        is_whole
            .then_some(())
            .ok_or(HoldError::NotWhole(self.hold_id))
    }

    /// Captures an amount, or all that is left. A final capture, and one of all that is left, ends
    /// the hold, and the rest goes back.
    pub(super) fn capture(
        &mut self,
        amount: Option<MicroSynor>,
        is_final: bool,
        credits: &mut CreditManager,
        now: Timestamp,
    ) -> Result<HoldMove, HoldError> {
        self.refuse_closed(now)?;
        let left = self.left()?;
        let amount = amount.unwrap_or(left);
        if !amount.is_positive() {
            return Err(HoldError::NotPositive(amount));
        }
        if amount > left {
            return Err(HoldError::Exceeded {
                hold: self.hold_id,
                left,
                required: amount,
            });
        }
        let captured = self.take(amount)?;
        self.captured_micro_synor = self.captured_micro_synor.checked_add(amount)?;
        let released = if is_final || amount == left {
            self.end(HoldStatus::Captured, now)?
        } else {
            Vec::new()
        };
        credits.give_back(&released)?;
        Ok(HoldMove { captured, released })
    }

    /// Ends the hold without capturing more.
    pub(super) fn release(
        &mut self,
        credits: &mut CreditManager,
        now: Timestamp,
    ) -> Result<HoldMove, HoldError> {
        self.refuse_closed(now)?;
        self.give_back(HoldStatus::Released, now, credits)
    }

    /// Notes that the hold has expired.
    pub(super) fn expire(&mut self, credits: &mut CreditManager) -> Result<HoldMove, HoldError> {
        self.give_back(HoldStatus::Expired, self.expires_at, credits)
    }

    fn refuse_closed(&self, now: Timestamp) -> Result<(), HoldError> {
        let status = if self.is_expired_at(now) {
            HoldStatus::Expired
        } else {
            self.status
        };
        if status == HoldStatus::Open {
            return Ok(());
        }
        let hold = self.hold_id;
        Err(HoldError::Closed { hold, status })
    }

    fn give_back(
        &mut self,
        status: HoldStatus,
        at: Timestamp,
        credits: &mut CreditManager,
    ) -> Result<HoldMove, HoldError> {
        let released = self.end(status, at)?;
        credits.give_back(&released)?;
        Ok(HoldMove {
            captured: Vec::new(),
            released,
        })
    }

    /// Takes from what is on hold, in the order in which the credits were used.
    fn take(&mut self, amount: MicroSynor) -> Result<Vec<CreditUse>, MoneyError> {
        let mut wanted = amount;
        let mut taken = Vec::new();
        for held in &mut self.credits {
            let part = held.amount_micro_synor.min(wanted);
            if part.is_positive() {
                held.amount_micro_synor = held.amount_micro_synor.checked_sub(part)?;
                wanted = wanted.checked_sub(part)?;
                taken.push(CreditUse {
                    amount_micro_synor: part,
                    ..held.clone()
                });
            }
        }
        self.credits
            .retain(|held| !held.amount_micro_synor.is_zero());
        Ok(taken)
    }

    /// Ends the hold; what was left of it.
    fn end(&mut self, status: HoldStatus, at: Timestamp) -> Result<Vec<CreditUse>, MoneyError> {
        self.released_micro_synor = self.released_micro_synor.checked_add(self.left()?)?;
        self.status = status;
        self.closed_at = Some(at);
        Ok(std::mem::take(&mut self.credits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::credit::{CreditEntry, CreditSource};
    use crate::billing::prepaid::{PrepaidError, PrepaidManager};
    use crate::id::CreditId;

    const fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    const fn micro(amount: i64) -> MicroSynor {
        MicroSynor::new(amount)
    }

    /// 100 µSYNOR until 50, and 100 for ever.
    fn prepaid() -> PrepaidManager {
        let credit = |name: &str, ends: Option<i64>| {
            let source = CreditSource::Promotional {
                campaign: name.to_owned(),
            };
            let (id, account) = (CreditId::derived(&[name]), "acme".parse().unwrap());
            CreditEntry::grant(id, account, micro(100), source, ends.map(at), at(0)).unwrap()
        };
        let credits = vec![credit("soon", Some(50)), credit("never", None)];
        PrepaidManager::new(CreditManager::new(credits), Vec::new())
    }

    fn new(name: &str, amount: i64, expires_at: i64) -> NewHold {
        NewHold {
            hold_id: HoldId::derived(&[name]),
            account_id: "acme".parse().unwrap(),
            amount: micro(amount),
            reason: name.to_owned(),
            expires_at: at(expires_at),
        }
    }

    fn balance(prepaid: &PrepaidManager, now: i64) -> i64 {
        prepaid.balance(at(now)).unwrap().micro()
    }

    #[test]
    fn what_is_on_hold_cannot_be_spent_and_what_is_left_of_it_can_again() {
        let mut prepaid = prepaid();
        let hold = prepaid.hold(new("a", 150, 40), at(0)).unwrap();
        let refused = prepaid.deduct(micro(51), at(1)).unwrap_err();
        let (available, required) = (micro(50), micro(51));
        assert_eq!(
            refused,
            PrepaidError::InsufficientBalance {
                available,
                required
            }
        );
        prepaid.hold(new("b", 51, 40), at(1)).unwrap_err();
        let id = hold.hold_id;
        let (hold, _) = prepaid.capture(id, Some(micro(30)), false, at(2)).unwrap();
        assert_eq!((hold.status, balance(&prepaid, 2)), (HoldStatus::Open, 50));
        let error = prepaid.capture(id, Some(micro(121)), false, at(2));
        let (left, required) = (micro(120), micro(121));
        let exceeded = HoldError::Exceeded {
            hold: id,
            left,
            required,
        };
        assert_eq!(error.unwrap_err(), exceeded.into());
        let (hold, moved) = prepaid.capture(id, Some(micro(20)), true, at(3)).unwrap();
        assert_eq!(hold.status, HoldStatus::Captured);
        assert_eq!(hold.captured_micro_synor, micro(50));
        assert_eq!(hold.released_micro_synor, micro(100));
        // The credit that ends sooner was used first, and so is captured first.
        let soon = CreditId::derived(&["soon"]);
        assert!(moved.captured.iter().all(|used| used.credit_id == soon));
        assert_eq!(balance(&prepaid, 3), 150);
        let again = prepaid.capture(id, None, true, at(3)).unwrap_err();
        assert_eq!(again, PrepaidError::NoOpenHold(id));
    }

    #[test]
    fn capturing_all_that_is_left_ends_a_hold() {
        let mut prepaid = prepaid();
        let id = prepaid.hold(new("a", 10, 40), at(0)).unwrap().hold_id;
        prepaid.capture(id, Some(micro(4)), false, at(1)).unwrap();
        let (hold, _) = prepaid.capture(id, Some(micro(6)), false, at(1)).unwrap();
        assert_eq!(hold.status, HoldStatus::Captured);
        assert_eq!(prepaid.on_hold(), Ok(MicroSynor::ZERO));
    }

    #[test]
    fn a_hold_ends_at_its_instant_whoever_notices_when() {
        let mut prepaid = prepaid();
        let hold = prepaid.hold(new("a", 10, 40), at(0)).unwrap();
        let id = hold.hold_id;
        let closed = HoldError::Closed {
            hold: id,
            status: HoldStatus::Expired,
        };
        for now in [40, 41] {
            let late = prepaid.capture(id, None, true, at(now)).unwrap_err();
            assert_eq!(late, closed.clone().into());
            assert_eq!(
                prepaid.release(id, at(now)).unwrap_err(),
                closed.clone().into()
            );
        }
        assert_eq!(hold.clone().seen_at(at(39)).unwrap(), hold);
        let seen = hold.seen_at(at(41)).unwrap();
        assert_eq!(prepaid.expire(at(39)).unwrap(), None);
        let (expired, moved) = prepaid.expire(at(41)).unwrap().unwrap();
        assert_eq!(expired, seen);
        assert_eq!(expired.closed_at, Some(at(40)));
        assert_eq!(moved.released[0].amount_micro_synor, micro(10));
        assert_eq!(balance(&prepaid, 41), 200);
    }

    #[test]
    fn a_hold_secures_credit_that_expires_meanwhile() {
        let mut prepaid = prepaid();
        let id = prepaid.hold(new("a", 100, 90), at(0)).unwrap().hold_id;
        assert_eq!(balance(&prepaid, 60), 100, "its credit has expired");
        let (_, moved) = prepaid.capture(id, Some(micro(70)), true, at(60)).unwrap();
        assert_eq!(moved.released[0].amount_micro_synor, micro(30));
        assert_eq!(balance(&prepaid, 60), 100, "what went back is expired, too");
    }

    #[test]
    fn a_hold_of_nothing_without_end_or_of_more_than_there_is_is_refused() {
        let mut prepaid = prepaid();
        for (amount, ends) in [
            (0, 10),
            (-1, 10),
            (201, 10),
            (1, 0),
            (1, -5),
            (1, HOLD_SECS_MAX + 1),
        ] {
            prepaid.hold(new("a", amount, ends), at(0)).unwrap_err();
        }
        assert_eq!(balance(&prepaid, 0), 200);
        prepaid.hold(new("a", 200, HOLD_SECS_MAX), at(0)).unwrap();
    }
}
