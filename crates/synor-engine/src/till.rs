//! An account's money at hand. Spending in real time is decided from memory, by whoever has the
//! account's turn, on decisions that have not landed yet; each is answered once it has.
//!
//! What is in memory is a guess until then. It is given up, and what was decided on it is decided
//! again, as soon as something does not land as it was decided: another node or another use case has
//! moved the account, the command was known already, or the book failed. So nothing but the version
//! check and the lane keep the money safe, and memory only makes it fast. A refusal is only as good as
//! what it was decided on, so it is held against the book before it is answered.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use synor_economics::account::Account;
use synor_economics::billing::settlement_holds::released;
use synor_economics::billing::{CreditEntry, CreditManager, Hold, PrepaidManager};
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_store::{ChangeSet, Kind, Landing, Lane, RecordsQuery, StoreError};
use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

use crate::budgets::BudgetTurn;
use crate::credits::{invalid_reply, put_used, scope_of};
use crate::engine::{ATTEMPTS_MAX, Engine};
use crate::error::EngineError;

/// How long it takes at most to look again whether all has landed.
const LANDING_POLL: Duration = Duration::from_micros(500);
/// How often that is looked at before it is given up: half a minute at least.
const LANDING_POLLS_MAX: u32 = 60_000;

/// Whoever holds it decides about a scope.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The scope's money, if it is an account that was spent from lately.
    till: Option<Till>,
}

impl Turn {
    /// Gives up what is in memory, because it is about to change by other ways.
    pub(crate) fn forget(&mut self) {
        self.till = None;
    }
}

/// An account's money as it will be once all that was decided has landed.
#[derive(Debug)]
struct Till {
    version: u64,
    money: PrepaidManager,
    lane: Lane,
}

/// What is to be spent, by its name.
#[derive(Debug)]
pub(crate) struct SpendOrder<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) command: String,
    pub(crate) request: String,
}

impl SpendOrder<'_> {
    /// The id of what the order makes at an instant: in order of time, so that neighbours in time are
    /// neighbours in the book, and the same for the same order. `what` tells several of them apart.
    pub(crate) fn id_at(&self, now: Timestamp, what: &str) -> Uuid {
        let name = format!("{what}/{}", self.command);
        let drawn = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
        let millis = u64::try_from(now.secs())
            .unwrap_or_default()
            .saturating_mul(1_000);
        let random = drawn.as_bytes().first_chunk().copied().unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

/// What a decision means to budgets on spend.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spending {
    /// This much was spent.
    Now(MicroSynor),
    /// This much was set aside, and counts from now on.
    SetAside(MicroSynor),
    /// This much was spent of what was set aside.
    Captured(MicroSynor),
    /// Nothing was.
    Nothing,
}

/// What deciding from memory came to.
enum Step<T> {
    /// It is on its way, what it is told once it has landed, and the budget's turn until then.
    Submitted(T, Landing, BudgetTurn),
    /// It was refused, by what the book says.
    Refused(EngineError),
    /// The command was carried out before.
    Replayed(T),
}

impl Engine {
    /// Decides about an account's money and answers once that is durable. The same command is
    /// decided once. The decision changes the money and says by what documents and entries, or
    /// refuses and changes nothing.
    pub(crate) async fn spend<T: Serialize + DeserializeOwned>(
        &self,
        order: &SpendOrder<'_>,
        decision: impl Fn(&mut PrepaidManager, &mut ChangeSet) -> Result<(T, Spending), EngineError>,
    ) -> Result<T, EngineError> {
        let turn = self.turn_of(&scope_of(order.account));
        let mut attempts = 0;
        loop {
            match self.try_to_spend(&turn, order, &decision).await {
                Err(error) if error.is_conflict() && attempts < ATTEMPTS_MAX => {
                    attempts += 1;
                    tokio::task::yield_now().await;
                }
                result => {
                    self.budgets.touch(order.account);
                    return result;
                }
            }
        }
    }

    async fn try_to_spend<T: Serialize + DeserializeOwned>(
        &self,
        turn: &Mutex<Turn>,
        order: &SpendOrder<'_>,
        decision: impl Fn(&mut PrepaidManager, &mut ChangeSet) -> Result<(T, Spending), EngineError>,
    ) -> Result<T, EngineError> {
        let mut mine = turn.lock().await;
        let till = self.till(&mut mine, order.account).await?;
        match self.step(till, order, decision).await {
            Ok(Step::Submitted(reply, landing, _turn)) => {
                drop(mine);
                let committed = landing.landed().await?;
                if committed.replayed {
                    return serde_json::from_value(committed.reply).map_err(invalid_reply);
                }
                Ok(reply)
            }
            Ok(Step::Refused(refused)) => Err(refused),
            Ok(Step::Replayed(reply)) => Ok(reply),
            Err(error) => {
                // It may have changed what is in memory before it failed.
                mine.forget();
                Err(error)
            }
        }
    }

    /// Notes what has expired, and decides.
    async fn step<T: Serialize + DeserializeOwned>(
        &self,
        till: &mut Till,
        order: &SpendOrder<'_>,
        decision: impl Fn(&mut PrepaidManager, &mut ChangeSet) -> Result<(T, Spending), EngineError>,
    ) -> Result<Step<T>, EngineError> {
        let now = self.now();
        self.submit_expired(till, order.account, now).await?;
        let is_budgeted = self.has_spend_budget(order.account).await?;
        if is_budgeted {
            // What was spent is read from the book, so all of it must be there.
            self.all_landed(till, order.account).await?;
            let before = self.store.replay(&order.command, &order.request).await?;
            if let Some(before) = before {
                let reply = serde_json::from_value(before.reply).map_err(invalid_reply)?;
                return Ok(Step::Replayed(reply));
            }
        }
        let mut changes = ChangeSet::new(order.command.clone(), now);
        changes.request.clone_from(&order.request);
        match decision(&mut till.money, &mut changes) {
            Ok((reply, spending)) => {
                let turn = match is_budgeted {
                    true => {
                        self.hold_to_budgets(order.account, spending, till.version, &mut changes)
                            .await?
                    }
                    false => BudgetTurn::default(),
                };
                changes.reply = serde_json::to_value(&reply).map_err(invalid_reply)?;
                let landing = self.submit_behind(till, order.account, changes).await?;
                Ok(Step::Submitted(reply, landing, turn))
            }
            Err(refused) if refused.is_refusal() => {
                self.all_landed(till, order.account).await?;
                match self.store.replay(&order.command, &order.request).await? {
                    // It could not be carried out a second time, and need not.
                    Some(before) => serde_json::from_value(before.reply)
                        .map(Step::Replayed)
                        .map_err(invalid_reply),
                    None => Ok(Step::Refused(refused)),
                }
            }
            Err(failed) => Err(failed),
        }
    }

    /// Sends changes on their way behind all that were decided before.
    async fn submit_behind(
        &self,
        till: &mut Till,
        account: &AccountId,
        mut changes: ChangeSet,
    ) -> Result<Landing, EngineError> {
        changes.expect(scope_of(account), till.version);
        changes.lane = Some(till.lane.clone());
        let landing = self.store.submit(changes).await?;
        till.version = till.version.saturating_add(1);
        Ok(landing)
    }

    /// Notes the holds that have expired, so that what was left of them can be spent.
    async fn submit_expired(
        &self,
        till: &mut Till,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Option<Landing>, EngineError> {
        let mut last = None;
        while let Some((hold, moved)) = till.money.expire(now).map_err(EngineError::from)? {
            let command = format!("hold expired/{}", hold.hold_id);
            let mut changes = ChangeSet::new(command, now);
            changes.put(&hold)?;
            put_used(&mut changes, till.money.credits(), &moved.released)?;
            changes.entries.push(released(&hold, &moved, now)?);
            last = Some(self.submit_behind(till, account, changes).await?);
        }
        Ok(last)
    }

    /// Waits until the book is where memory is; a conflict if it went elsewhere.
    async fn all_landed(&self, till: &Till, account: &AccountId) -> Result<(), EngineError> {
        let scope = scope_of(account);
        for _ in 0..LANDING_POLLS_MAX {
            let version = self.store.version(&scope).await?;
            if version > till.version || till.lane.is_broken() {
                break;
            }
            if version == till.version {
                return Ok(());
            }
            tokio::time::sleep(LANDING_POLL).await;
        }
        let scope = scope.to_string();
        Err(StoreError::Conflict { scope }.into())
    }

    /// The account's money in memory, read if it is not there or not what the book says.
    async fn till<'a>(
        &self,
        mine: &'a mut Turn,
        account: &AccountId,
    ) -> Result<&'a mut Till, EngineError> {
        let till = match mine.till.take().filter(|till| !till.lane.is_broken()) {
            Some(till) => till,
            None => {
                let (version, money) = self.prepaid_of(account).await?;
                Till {
                    version,
                    money,
                    lane: Lane::default(),
                }
            }
        };
        Ok(mine.till.insert(till))
    }

    /// An account's money as the book has it, and the version of the account that it is of.
    pub(crate) async fn prepaid_of(
        &self,
        account: &AccountId,
    ) -> Result<(u64, PrepaidManager), EngineError> {
        let query = RecordsQuery {
            accounts: vec![account.clone()],
            kinds: vec![Kind::Account],
            open_kinds: vec![Kind::Credit, Kind::Hold],
        };
        let unknown = || EngineError::UnknownAccount(account.clone());
        let found = self.store.records(query).await?;
        let found = found.first().ok_or_else(unknown)?;
        if found.of::<Account>()?.is_empty() {
            return Err(unknown());
        }
        let (mut credits, holds) = (found.of::<CreditEntry>()?, found.of::<Hold>()?);
        let mut there: HashSet<_> = credits.iter().map(|credit| credit.credit_id).collect();
        for used in holds.iter().flat_map(|hold| &hold.credits) {
            // All of a credit may be on hold; then it is not among the open ones.
            if there.insert(used.credit_id) {
                let id = used.credit_id.to_string();
                credits.extend(self.store.get::<CreditEntry>(&id).await?);
            }
        }
        let money = PrepaidManager::new(CreditManager::new(credits), holds);
        Ok((found.version, money))
    }

    /// Notes an account's holds that have expired.
    pub(crate) async fn expire_holds_of(&self, account: &AccountId) -> Result<(), EngineError> {
        let turn = self.turn_of(&scope_of(account));
        let mut attempts = 0;
        loop {
            let noted = async {
                let mut mine = turn.lock().await;
                let till = self.till(&mut mine, account).await?;
                let noted = self.submit_expired(till, account, self.now()).await;
                if noted.is_err() {
                    mine.forget();
                }
                drop(mine);
                match noted? {
                    Some(last) => Ok(last.landed().await.map(|_| ())?),
                    None => Ok(()),
                }
            };
            match noted.await {
                Err(EngineError::Store(StoreError::Conflict { .. })) if attempts < ATTEMPTS_MAX => {
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    /// The turns of many accounts at once, for what must not be moved by any of them meanwhile.
    pub(crate) async fn turns_of(&self, accounts: &[AccountId]) -> Vec<OwnedMutexGuard<Turn>> {
        // In one order, so that two who want the same ones do not wait for each other in a circle.
        let mut accounts: Vec<_> = accounts.iter().collect();
        accounts.sort_unstable();
        accounts.dedup();
        let mut turns = Vec::with_capacity(accounts.len());
        for account in accounts {
            turns.push(self.turn(&scope_of(account)).await);
        }
        turns
    }
}
