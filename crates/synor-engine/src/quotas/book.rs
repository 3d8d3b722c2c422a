//! The quotas in force, kept in memory so that events of accounts without any cost no read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use synor_economics::budget::Budget;
use synor_economics::id::AccountId;
use synor_economics::metering::ResourceType;
use synor_economics::quota::{Quota, QuotaEffect};
use synor_store::{Kind, ListQuery, Scope, Store, StoreError};

/// How long a quota that another node set may stay unnoticed here.
const QUOTAS_AGE_MAX: Duration = Duration::from_secs(1);

/// What tells two limited meters apart.
pub(super) type Limited = (AccountId, ResourceType);

/// The quotas in force, and whose turn it is to use them.
#[derive(Debug, Default)]
pub(crate) struct QuotaBook {
    held: Mutex<Held>,
    /// One at a time for each account and resource with a quota that stops.
    turns: Mutex<HashMap<Limited, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Debug, Default)]
struct Held {
    version: u64,
    /// How often it was forgotten, so that a read that began before does not undo that.
    forgotten: u64,
    looked_at: Option<Instant>,
    quotas: Arc<Quotas>,
}

/// All quotas in force, by account.
#[derive(Debug, Default)]
pub(super) struct Quotas(HashMap<AccountId, Vec<Quota>>);

impl Quotas {
    /// An account's quotas.
    pub(super) fn of(&self, account: &AccountId) -> &[Quota] {
        self.0.get(account).map_or(&[], Vec::as_slice)
    }

    /// Whether there is none at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The quotas that can stop usage of a resource.
    pub(super) fn stops(
        &self,
        account: &AccountId,
        resource: ResourceType,
    ) -> impl Iterator<Item = &Quota> {
        let of_account = self.of(account).iter();
        of_account.filter(move |q| q.effect == QuotaEffect::Stop && q.resource == resource)
    }
}

impl QuotaBook {
    /// Makes the next reader look again.
    pub(crate) fn forget(&self) {
        let mut held = self.held();
        held.looked_at = None;
        held.forgotten = held.forgotten.wrapping_add(1);
    }

    /// The quotas in force. The book of record is asked for their version at most once a second,
    /// and read only where that has changed.
    pub(super) async fn current(&self, store: &dyn Store) -> Result<Arc<Quotas>, StoreError> {
        let (version, forgotten, known) = {
            let held = self.held();
            let age = held.looked_at.map(|at| at.elapsed());
            if age.is_some_and(|age| age < QUOTAS_AGE_MAX) {
                return Ok(Arc::clone(&held.quotas));
            }
            let known = age.map(|_| Arc::clone(&held.quotas));
            (held.version, held.forgotten, known)
        };
        let looked_at = Some(Instant::now());
        // Each only grows, so that their sum changes whenever one does.
        let now = store.version(&Scope::Quotas).await?;
        let now = now.saturating_add(store.version(&Scope::Budgets).await?);
        let quotas = match known {
            Some(quotas) if version == now => quotas,
            _ => Arc::new(read(store).await?),
        };
        let mut held = self.held();
        if held.forgotten == forgotten {
            held.version = now;
            held.looked_at = looked_at;
            held.quotas = Arc::clone(&quotas);
        }
        Ok(quotas)
    }

    /// The turn of an account and resource, for waiting on.
    pub(super) fn turn(&self, limited: &Limited) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(limited.clone()).or_default())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(store: &dyn Store) -> Result<Quotas, StoreError> {
    let mut all: Vec<Quota> = store.list(ListQuery::all(Kind::Quota).open()).await?.items;
    let budgets: Vec<Budget> = store.list(ListQuery::all(Kind::Budget).open()).await?.items;
    // A budget on usage that stops is one more quota, beside what the operator has set.
    let stops = budgets.iter().filter(|b| b.effect == QuotaEffect::Stop);
    all.extend(stops.filter_map(Budget::quota));
    let mut quotas = Quotas::default();
    for quota in all {
        let of_account = quotas.0.entry(quota.account_id.clone()).or_default();
        of_account.push(quota);
    }
    for of_account in quotas.0.values_mut() {
        of_account.sort_by_key(|quota| (quota.resource, quota.per));
    }
    Ok(quotas)
}
