//! Spending a balance in two steps: setting a part of it aside, then capturing what was used of it
//! or letting it go.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use synor_economics::billing::settlement_holds::{captured, held, released};
use synor_economics::billing::{Hold, HoldError, NewHold, PrepaidError};
use synor_economics::id::{AccountId, DeductionId, HoldId};
use synor_economics::money::MicroSynor;
use synor_store::{Cursor, Deduction, Kind, ListQuery, Page};

use crate::credits::{put_used, request_of};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::till::{SpendOrder, Spending};

/// How long a hold lasts if nobody says, in seconds.
pub const HOLD_SECS_DEFAULT: i64 = 3_600;

/// Expired holds that are looked up at once.
const EXPIRED_PAGE: usize = 1_000;

/// What is to be set aside.
#[derive(Debug, Clone, Serialize)]
pub struct HoldOrder {
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// What for.
    pub reason: String,
    /// After how many seconds it can no longer be captured.
    pub expires_in_secs: i64,
}

/// What is to be captured of a hold.
#[derive(Debug, Clone, Serialize)]
pub struct CaptureOrder {
    /// How much; all that is left if absent.
    pub amount_micro_synor: Option<MicroSynor>,
    /// Whether it is the last capture, after which the rest goes back.
    pub is_final: bool,
}

/// A hold, and what can be spent besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldResult {
    /// The hold.
    #[serde(flatten)]
    pub hold: Hold,
    /// What is left that is not on hold.
    pub remaining_balance_micro_synor: MicroSynor,
}

/// What a capture came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureResult {
    /// The deduction that the capture is.
    pub deduction_id: DeductionId,
    /// What was captured now.
    pub amount_captured_micro_synor: MicroSynor,
    /// The hold as it stands now.
    pub hold: Hold,
    /// What is left that is not on hold.
    pub remaining_balance_micro_synor: MicroSynor,
}

impl Engine {
    /// Sets all of an amount aside, or nothing. The same command does it once.
    pub async fn place_hold(
        &self,
        account: &AccountId,
        new: HoldOrder,
        command: &str,
    ) -> Result<HoldResult, EngineError> {
        let order = SpendOrder {
            account,
            command: format!("hold/{account}/{command}"),
            request: request_of(&new)?,
        };
        self.spend(&order, |money, changes| {
            let now = changes.at;
            let placed = NewHold {
                hold_id: HoldId::from_uuid(order.id_at(now, "hold")),
                account_id: account.clone(),
                amount: new.amount_micro_synor,
                reason: new.reason.clone(),
                expires_at: now.plus_secs(new.expires_in_secs),
            };
            let hold = money.hold(placed, now)?;
            put_used(changes.put(&hold)?, money.credits(), &hold.credits)?;
            changes.entries.push(held(&hold)?);
            let result = HoldResult {
                hold,
                remaining_balance_micro_synor: money.balance(now)?,
            };
            Ok((result, Spending::SetAside(new.amount_micro_synor)))
        })
        .await
    }

    /// Captures what was used of a hold. The same command captures it once.
    pub async fn capture_hold(
        &self,
        account: &AccountId,
        id: HoldId,
        capture: CaptureOrder,
        command: &str,
    ) -> Result<CaptureResult, EngineError> {
        let order = SpendOrder {
            account,
            command: format!("capture/{account}/{command}"),
            request: request_of(&(id, &capture))?,
        };
        let captured = self.spend(&order, |money, changes| {
            let now = changes.at;
            let (amount, is_final) = (capture.amount_micro_synor, capture.is_final);
            let (hold, moved) = money.capture(id, amount, is_final, now)?;
            let taken = moved.captured.iter().map(|used| used.amount_micro_synor);
            let deduction = Deduction {
                deduction_id: DeductionId::from_uuid(order.id_at(now, "deduction")),
                account_id: account.clone(),
                amount_micro_synor: MicroSynor::sum(taken)?,
                credits: moved.captured.clone(),
                hold_id: Some(id),
                reason: hold.reason.clone(),
                created_at: now,
            };
            changes.put(&deduction)?.put(&hold)?;
            put_used(changes, money.credits(), &moved.released)?;
            let entry = captured(deduction.deduction_id, &hold, &moved, now)?;
            changes.entries.push(entry);
            let amount = deduction.amount_micro_synor;
            let result = CaptureResult {
                deduction_id: deduction.deduction_id,
                amount_captured_micro_synor: amount,
                hold,
                remaining_balance_micro_synor: money.balance(now)?,
            };
            Ok((result, Spending::Captured(amount)))
        });
        self.or_why_not(account, id, captured.await).await
    }

    /// Gives back what is left of a hold. The same command does it once.
    pub async fn release_hold(
        &self,
        account: &AccountId,
        id: HoldId,
        command: &str,
    ) -> Result<HoldResult, EngineError> {
        let order = SpendOrder {
            account,
            command: format!("release/{account}/{command}"),
            request: request_of(&id)?,
        };
        let released = self.spend(&order, |money, changes| {
            let now = changes.at;
            let (hold, moved) = money.release(id, now)?;
            put_used(changes.put(&hold)?, money.credits(), &moved.released)?;
            changes.entries.push(released(&hold, &moved, now)?);
            let result = HoldResult {
                hold,
                remaining_balance_micro_synor: money.balance(now)?,
            };
            Ok((result, Spending::Nothing))
        });
        self.or_why_not(account, id, released.await).await
    }

    /// For a hold that is not open: how it ended, or that there is none.
    async fn or_why_not<T>(
        &self,
        account: &AccountId,
        id: HoldId,
        done: Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        match done {
            Err(EngineError::Prepaid(PrepaidError::NoOpenHold(_))) => {
                let hold = self.hold(account, id).await?;
                let status = hold.status;
                Err(PrepaidError::from(HoldError::Closed { hold: id, status }).into())
            }
            other => other,
        }
    }

    /// A hold of an account, as it stands.
    pub async fn hold(&self, account: &AccountId, id: HoldId) -> Result<Hold, EngineError> {
        let found: Option<Hold> = self.store.get(&id.to_string()).await?;
        let hold = found.filter(|hold| hold.account_id == *account);
        let hold = hold.ok_or(EngineError::NotFound {
            what: "hold",
            id: id.to_string(),
        })?;
        Ok(hold.seen_at(self.now()).map_err(PrepaidError::from)?)
    }

    /// A page of an account's holds, those that expire last first.
    pub async fn holds(
        &self,
        account: &AccountId,
        open_only: bool,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Hold>, EngineError> {
        self.account(account).await?;
        let query = ListQuery {
            open_only,
            newest_first: true,
            after,
            limit,
            ..ListQuery::of(Kind::Hold, account)
        };
        let now = self.now();
        let page = self.store.list::<Hold>(query).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for hold in page.items {
            let hold = hold.seen_at(now).map_err(PrepaidError::from)?;
            if !open_only || hold.closed_at.is_none() {
                items.push(hold);
            }
        }
        Ok(Page {
            items,
            next: page.next,
        })
    }

    /// Notes all holds that have expired. They ended at their instant whether this runs or not; it
    /// makes the documents and the journal say so. Returns how many there were.
    pub async fn expire_holds(&self) -> Result<usize, EngineError> {
        let mut noted: usize = 0;
        loop {
            let query = ListQuery {
                limit: EXPIRED_PAGE,
                ..ListQuery::all(Kind::Hold).open()
            };
            // In the order in which they expire.
            let page = self.store.list::<Hold>(query).await?;
            let now = self.now();
            let expired = page.items.iter().filter(|hold| hold.is_expired_at(now));
            let accounts: BTreeSet<_> = expired.clone().map(|hold| &hold.account_id).collect();
            let count = expired.clone().count();
            for account in accounts {
                self.expire_holds_of(account).await?;
            }
            noted = noted.saturating_add(count);
            if count < EXPIRED_PAGE {
                return Ok(noted);
            }
        }
    }
}
