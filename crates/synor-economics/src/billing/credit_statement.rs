//! What became of one credit: its grant, each use, what was given back, and its expiry.
//!
//! The lines are gathered from what the book holds; here they are put in order, with what is left
//! after each, and held against the credit itself.

use serde::{Deserialize, Serialize};

use super::credit::CreditEntry;
use super::ledger::{JournalEntry, LedgerAccount as Account};
use super::settlement::SettlementError;
use crate::id::{AccountId, CreditId, DeductionId, InvoiceId};
use crate::money::{MicroSynor, MoneyError};
use crate::period::Timestamp;

use super::number::InvoiceNumber;

/// What of a credit had not been used when it expired. A credit expires again if a voided invoice
/// gives something back to it afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditExpiry {
    /// Of which credit.
    pub credit_id: CreditId,
    /// Whose.
    pub account_id: AccountId,
    /// How often it has expired, from 1.
    pub round: u32,
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// Since when it could not be applied any more.
    pub expired_at: Timestamp,
    /// When the job posted it.
    pub posted_at: Timestamp,
}

/// Expires what is left of a credit whose time is over, for the `round`-th time: the credit
/// afterwards, the record, and the entry that takes it out of what the customer has. `None` while
/// it holds, and where nothing is left.
pub fn expire(
    credit: &CreditEntry,
    round: u32,
    now: Timestamp,
) -> Result<Option<(CreditEntry, CreditExpiry, JournalEntry)>, SettlementError> {
    let amount = credit.remaining_micro_synor;
    let Some(expired_at) = credit.expires_at.filter(|_| !credit.is_valid_at(now)) else {
        return Ok(None);
    };
    if !amount.is_positive() {
        return Ok(None);
    }
    let account = credit.account_id.clone();
    let wallet = if credit.source.is_prepaid() {
        Account::Prepaid(account.clone())
    } else {
        Account::Credit(account.clone())
    };
    let text = format!("credit of {account} expired: {}", credit.source.describe());
    let cause = ["expired", &credit.credit_id.to_string(), &round.to_string()];
    let sides = [
        (wallet, amount),
        (Account::CreditsExpired, amount.checked_neg()?),
    ];
    let entry = JournalEntry::new(&cause, now, text, sides)?;
    let expiry = CreditExpiry {
        credit_id: credit.credit_id,
        account_id: account,
        round,
        amount_micro_synor: amount,
        expired_at,
        posted_at: now,
    };
    let after = CreditEntry {
        remaining_micro_synor: MicroSynor::ZERO,
        ..credit.clone()
    };
    Ok(Some((after, expiry, entry)))
}

/// What happened to a credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum CreditMove {
    /// It was given.
    Granted,
    /// An invoice used it.
    UsedByInvoice {
        /// Which.
        invoice_id: InvoiceId,
        /// Its number.
        number: InvoiceNumber,
    },
    /// A deduction used it.
    UsedByDeduction {
        /// Which.
        deduction_id: DeductionId,
        /// What for.
        reason: String,
    },
    /// The invoice that used it was voided.
    GivenBack {
        /// Which.
        invoice_id: InvoiceId,
        /// Its number.
        number: InvoiceNumber,
    },
    /// Its time was over.
    Expired,
    /// It is set aside, or was taken back by the chain together with its transfer.
    SetAside,
}

impl CreditMove {
    /// What people read.
    pub fn describe(&self) -> String {
        match self {
            Self::Granted => "granted".to_owned(),
            Self::UsedByInvoice { number, .. } => format!("used by {number}"),
            Self::UsedByDeduction { reason, .. } => format!("deducted: {reason}"),
            Self::GivenBack { number, .. } => format!("given back by {number}, voided"),
            Self::Expired => "expired".to_owned(),
            Self::SetAside => "set aside, or taken back by the chain".to_owned(),
        }
    }
}

/// One line of a credit's statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditLine {
    /// When.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: CreditMove,
    /// How much the credit grew (above zero) or shrank (below).
    pub amount_micro_synor: MicroSynor,
    /// What was left then.
    pub left_micro_synor: MicroSynor,
}

/// What became of one credit, from its grant to now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditStatement {
    /// The credit as it stands.
    #[serde(flatten)]
    pub credit: CreditEntry,
    /// What can be used of it now; nothing once its time is over, whether or not that is posted.
    pub available_micro_synor: MicroSynor,
    /// What happened to it, in order. The amounts sum to what remains.
    pub lines: Vec<CreditLine>,
}

impl CreditStatement {
    /// The statement of a credit from its moves, in any order and without the grant. Those of one
    /// instant are told as they come.
    pub fn new(
        credit: CreditEntry,
        mut moves: Vec<(Timestamp, CreditMove, MicroSynor)>,
        now: Timestamp,
    ) -> Result<Self, MoneyError> {
        moves.sort_by_key(|(at, ..)| *at);
        let granted = (
            credit.created_at,
            CreditMove::Granted,
            credit.amount_micro_synor,
        );
        moves.insert(0, granted);
        let told = MicroSynor::sum(moves.iter().map(|(_, _, amount)| *amount))?;
        let untold = credit.remaining_micro_synor.checked_sub(told)?;
        if !untold.is_zero() {
            moves.push((now, CreditMove::SetAside, untold));
        }
        let mut left = MicroSynor::ZERO;
        let mut lines = Vec::with_capacity(moves.len());
        for (at, what, amount_micro_synor) in moves {
            left = left.checked_add(amount_micro_synor)?;
            lines.push(CreditLine {
                at,
                what,
                amount_micro_synor,
                left_micro_synor: left,
            });
        }
        Ok(Self {
            available_micro_synor: credit.available_at(now),
            credit,
            lines,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::CreditSource;

    fn credit(left: i64) -> CreditEntry {
        CreditEntry {
            credit_id: CreditId::derived(&["launch"]),
            account_id: "acme".parse().unwrap(),
            amount_micro_synor: MicroSynor::new(100),
            remaining_micro_synor: MicroSynor::new(left),
            source: CreditSource::Promotional {
                campaign: "launch".to_owned(),
            },
            expires_at: Some(Timestamp::from_secs(50)),
            created_at: Timestamp::from_secs(0),
        }
    }

    #[test]
    fn what_is_left_expires_once_its_time_is_over_and_not_before() {
        let at = Timestamp::from_secs;
        assert_eq!(expire(&credit(30), 1, at(49)).unwrap(), None);
        assert_eq!(expire(&credit(0), 1, at(50)).unwrap(), None);
        let (after, expiry, entry) = expire(&credit(30), 1, at(90)).unwrap().unwrap();
        assert!(after.remaining_micro_synor.is_zero());
        assert_eq!(
            (expiry.amount_micro_synor.micro(), expiry.expired_at),
            (30, at(50))
        );
        let sides: Vec<_> = entry
            .postings
            .iter()
            .map(|p| format!("{} {}", p.account, p.amount_micro_synor.micro()))
            .collect();
        assert_eq!(
            sides,
            ["liabilities:credit:acme 30", "income:credits_expired -30"]
        );
        // Given back afterwards and expired again, it is another entry.
        let (.., again) = expire(&credit(30), 2, at(90)).unwrap().unwrap();
        assert_ne!(again.entry_id, entry.entry_id);
    }

    #[test]
    fn the_lines_sum_to_what_remains() {
        let at = Timestamp::from_secs;
        let number = InvoiceNumber::new(7);
        let invoice_id = InvoiceId::derived(&["acme", "0"]);
        let used = |n: i64| MicroSynor::new(n);
        let moves = vec![
            (at(50), CreditMove::Expired, used(-60)),
            (
                at(20),
                CreditMove::GivenBack { invoice_id, number },
                used(40),
            ),
            (
                at(10),
                CreditMove::UsedByInvoice { invoice_id, number },
                used(-40),
            ),
            (
                at(30),
                CreditMove::UsedByDeduction {
                    deduction_id: DeductionId::derived(&["d"]),
                    reason: "inference".to_owned(),
                },
                used(-40),
            ),
        ];
        let told = CreditStatement::new(credit(0), moves, at(99)).unwrap();
        let lines: Vec<_> = told
            .lines
            .iter()
            .map(|l| {
                format!(
                    "{} {} {}",
                    l.what.describe(),
                    l.amount_micro_synor.micro(),
                    l.left_micro_synor.micro()
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "granted 100 100",
                "used by INV-000007 -40 60",
                "given back by INV-000007, voided 40 100",
                "deducted: inference -40 60",
                "expired -60 0",
            ]
        );
        // What nothing explains is said, and not hidden.
        let told = CreditStatement::new(credit(25), Vec::new(), at(40)).unwrap();
        let last = told.lines.last().unwrap();
        assert_eq!(
            (last.amount_micro_synor.micro(), &last.what),
            (-75, &CreditMove::SetAside)
        );
        assert_eq!(told.available_micro_synor.micro(), 25);
        let expired = CreditStatement::new(credit(25), Vec::new(), at(50)).unwrap();
        assert!(
            expired.available_micro_synor.is_zero(),
            "before the job has run, too"
        );
    }
}
