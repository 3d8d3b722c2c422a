//! What holds do to the books. A hold moves value from what its owner can spend into what is on
//! hold, so that the one can never be spent by whoever comes second; a capture earns from there, and
//! what is left goes back to where it came from.

use super::credit::CreditUse;
use super::hold::{Hold, HoldMove};
use super::ledger::{JournalEntry, LedgerAccount as Account};
use super::settlement::{SettlementError, credit_sides};
use crate::id::{DeductionId, EntryId};
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

/// A hold is placed.
pub fn held(hold: &Hold) -> Result<JournalEntry, SettlementError> {
    let account = &hold.account_id;
    let mut sides = credit_sides(account, &hold.credits)?;
    let held = hold.amount_micro_synor.checked_neg()?;
    sides.push((Account::Held(account.clone()), held));
    let text = format!("hold of {account}: {}", hold.reason);
    let entry_id = EntryId::from_uuid(hold.hold_id.uuid());
    Ok(JournalEntry::with_id(
        entry_id,
        hold.created_at,
        text,
        sides,
    )?)
}

/// A part of a hold is captured, as the deduction of this id; what went back with it goes back.
pub fn captured(
    deduction: DeductionId,
    hold: &Hold,
    moved: &HoldMove,
    now: Timestamp,
) -> Result<JournalEntry, SettlementError> {
    let account = &hold.account_id;
    let earned = total(&moved.captured)?;
    let mut sides = released_sides(hold, &moved.released, earned)?;
    sides.push((Account::ServiceFees, earned.checked_neg()?));
    let text = format!("capture from {account}: {}", hold.reason);
    let entry_id = EntryId::from_uuid(deduction.uuid());
    Ok(JournalEntry::with_id(entry_id, now, text, sides)?)
}

/// A hold is released, or has expired: what was left of it goes back.
pub fn released(
    hold: &Hold,
    moved: &HoldMove,
    now: Timestamp,
) -> Result<JournalEntry, SettlementError> {
    let sides = released_sides(hold, &moved.released, MicroSynor::ZERO)?;
    let text = format!(
        "hold of {} {}: {}",
        hold.account_id, hold.status, hold.reason
    );
    // A hold ends once.
    let cause = ["hold ended", &hold.hold_id.to_string()];
    Ok(JournalEntry::new(&cause, now, text, sides)?)
}

/// What leaves the hold: what goes back, and what was earned.
fn released_sides(
    hold: &Hold,
    released: &[CreditUse],
    earned: MicroSynor,
) -> Result<Vec<(Account, MicroSynor)>, MoneyError> {
    let back = total(released)?;
    let mut sides = vec![(
        Account::Held(hold.account_id.clone()),
        back.checked_add(earned)?,
    )];
    for (side, amount) in credit_sides(&hold.account_id, released)? {
        sides.push((side, amount.checked_neg()?));
    }
    Ok(sides)
}

fn total(uses: &[CreditUse]) -> Result<MicroSynor, MoneyError> {
    MicroSynor::sum(uses.iter().map(|used| used.amount_micro_synor))
}
