//! The budgets in force, kept in memory so that accounts without any cost no read, and the accounts
//! that something has happened to since they were last looked at.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use synor_economics::budget::{Budget, BudgetSubject};
use synor_economics::id::AccountId;
use synor_store::{Kind, ListQuery, Scope, Store, StoreError};
use tokio::sync::Notify;

use super::limit::Rated;

/// How long a budget that another node set may stay unnoticed here.
const BUDGETS_AGE_MAX: Duration = Duration::from_secs(1);

/// The budgets in force, and whose turn it is to spend within them.
#[derive(Debug, Default)]
pub(crate) struct BudgetBook {
    held: Mutex<Held>,
    /// One decision at a time for each account whose budget stops, with what its usage came to when
    /// it was last worked out.
    turns: Mutex<HashMap<AccountId, Arc<tokio::sync::Mutex<Rated>>>>,
    touched: Mutex<BTreeSet<AccountId>>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Held {
    version: u64,
    /// How often it was forgotten, so that a read that began before does not undo that.
    forgotten: u64,
    looked_at: Option<Instant>,
    budgets: Arc<Budgets>,
}

/// All budgets in force, by account.
#[derive(Debug, Default)]
pub(crate) struct Budgets(HashMap<AccountId, Vec<Budget>>);

impl Budgets {
    /// An account's budgets.
    pub(crate) fn of(&self, account: &AccountId) -> &[Budget] {
        self.0.get(account).map_or(&[], Vec::as_slice)
    }

    /// Whether there is none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All accounts that have some.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.0.keys()
    }

    /// Whether an account has a budget on spend, so that its deductions are worth a tally.
    pub(crate) fn counts_spend(&self, account: &AccountId) -> bool {
        let is_spend = |b: &Budget| matches!(b.subject, BudgetSubject::Spend { .. });
        self.of(account).iter().any(is_spend)
    }

    /// The account's budgets on spend that stop.
    pub(crate) fn spend_stops(&self, account: &AccountId) -> impl Iterator<Item = &Budget> {
        self.of(account).iter().filter(|b| b.spend_stop().is_some())
    }
}

impl BudgetBook {
    /// Makes the next reader look again.
    pub(super) fn forget(&self) {
        let mut held = self.held();
        held.looked_at = None;
        held.forgotten = held.forgotten.wrapping_add(1);
    }

    /// The budgets in force. The book of record is asked for their version at most once a second,
    /// and read only where that has changed.
    pub(crate) async fn current(&self, store: &dyn Store) -> Result<Arc<Budgets>, StoreError> {
        let (version, forgotten, known) = {
            let held = self.held();
            let age = held.looked_at.map(|at| at.elapsed());
            if age.is_some_and(|age| age < BUDGETS_AGE_MAX) {
                return Ok(Arc::clone(&held.budgets));
            }
            let known = age.map(|_| Arc::clone(&held.budgets));
            (held.version, held.forgotten, known)
        };
        let looked_at = Some(Instant::now());
        let now = store.version(&Scope::Budgets).await?;
        let budgets = match known {
            Some(budgets) if version == now => budgets,
            _ => Arc::new(read(store).await?),
        };
        let mut held = self.held();
        if held.forgotten == forgotten {
            held.version = now;
            held.looked_at = looked_at;
            held.budgets = Arc::clone(&budgets);
        }
        Ok(budgets)
    }

    /// The turn of an account, for waiting on.
    pub(super) fn turn(&self, account: &AccountId) -> Arc<tokio::sync::Mutex<Rated>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(account.clone()).or_default())
    }

    /// Notes that something has happened to an account that a budget or top-up may care about. The
    /// first of many wakes whoever waits for it.
    pub(crate) fn touch(&self, account: &AccountId) {
        let mut touched = self.touched();
        let is_first = touched.is_empty();
        if !touched.contains(account) {
            touched.insert(account.clone());
        }
        drop(touched);
        if is_first {
            self.woken.notify_one();
        }
    }

    /// Takes the accounts that something has happened to.
    pub(super) fn take_touched(&self) -> BTreeSet<AccountId> {
        std::mem::take(&mut *self.touched())
    }

    /// Waits until something happens to an account.
    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touched(&self) -> MutexGuard<'_, BTreeSet<AccountId>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(store: &dyn Store) -> Result<Budgets, StoreError> {
    let query = ListQuery::all(Kind::Budget).open();
    let all: Vec<Budget> = store.list(query).await?.items;
    let mut budgets = Budgets::default();
    for budget in all {
        let of_account = budgets.0.entry(budget.account_id.clone()).or_default();
        of_account.push(budget);
    }
    for of_account in budgets.0.values_mut() {
        of_account.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(budgets)
}
